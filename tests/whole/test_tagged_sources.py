"""Sources in a run: what the commands make, tell and export of them, and mistakes in their settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import miniature
import numpy as np
import pyarrow.parquet as pq
import pytest

from worldgen.corpus.sentences import Kind, Sentences, read_shards
from worldgen.corpus.wording import Wording
from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.world_tables import world_tables
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.grammar import Atom
from worldgen.lm.tokenizer import load_tokenizer
from worldgen.storage.files import read_columns
from worldgen.storage.manifests import read_manifest, verify
from worldgen.worlds.tagged_sources import Part

SOURCES = (
    "sources.reliabilities=[1, 0.75, 0.25, 0]", "sources.copies=[1]", "sources.liars=[2]", "sources.place=apart",
    "sources.cooldown_percent=25", "sources.sentences=4",
)  # fmt: skip
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A miniature run with sources, built: everything that needs no model."""
    return miniature.build(miniature.run_in(tmp_path_factory.mktemp("sources") / "run", *SOURCES))


def sentences_of(run: Run) -> Sentences:
    return Sentences.together([shard.sentences for shard in read_shards(run.folder / "corpus")])


def test_the_reports_on_disk_are_those_of_the_text(run: Run) -> None:
    """The table that programs read, against the corpus's text and the parser."""
    world, sentences = load_world(run.folder), sentences_of(run)
    table = read_columns(run.folder / "world" / "reports.parquet")
    assert list(table) == ["fact", "source", "object", "error", "tagged", "untagged"]
    read = []
    for text in Wording(world).texts(sentences):
        told = world.lexicon.parse(text)
        if told.tag is not None:
            assert told.tag.place == "apart"
            assert isinstance(told.formula, Atom)
            s, r, o = told.formula.subject, told.formula.relation, told.formula.object
            fact = world.fact_of(world.subjects.id_of(s), world.relations.id_of(r))
            read.append([fact, world.sources.tags.id_of(told.tag.source), world.objects.id_of(o)])
    rows = np.stack([table[name] for name in ("fact", "source", "object")], axis=1)
    assert sorted(read) == np.repeat(rows, table["tagged"], axis=0).tolist()
    assert (table["error"] == (world.truth[table["fact"]] != table["object"])).all()
    assert verify(run.folder / "world") == verify(run.folder / "corpus") == []


def test_the_agent_of_the_run_has_no_evidence_of_report_facts(run: Run) -> None:
    world = load_world(run.folder)
    agent = load_agent(run.folder, world, run.config.agent)
    roots = np.flatnonzero(world.only_reported & (world.upstream < 0))
    for fact in roots.tolist():
        belief = agent.belief(int(world.subject[fact]), int(world.relation[fact])).dense()
        np.testing.assert_allclose(belief, 1 / len(world.objects), rtol=1e-12)  # a division and a product
    assert len(roots) > 5


def test_the_tokenizer_of_the_run_knows_the_tags(run: Run) -> None:
    tokenizer = load_tokenizer(run.folder / "tokens" / "tokenizer")
    for tag in load_world(run.folder).sources.tags.labels:
        assert len(tokenizer(tag, add_special_tokens=False)["input_ids"]) == 1
        assert tokenizer.unk_token_id not in tokenizer(tag, add_special_tokens=False)["input_ids"]


def test_describe_tells_the_sources(run: Run, worldgen: Command) -> None:
    code, text, _ = worldgen("describe", run.folder)
    assert code == 0
    world = load_world(run.folder)
    for k, tag in enumerate(world.sources.tags.labels):
        (line,) = [line for line in text.splitlines() if line.startswith(f"  {tag} ")]
        assert f" {world.sources.kind(k)} " in line
        assert " 12 " in line
    assert "coherent liar" in text
    assert f"copier of {world.sources.tags[1]}" in text
    assert "  report  " in text
    code, told, _ = worldgen("describe", run.folder, "--json")
    assert [source["tag"] for source in json.loads(told)["sources"]] == list(world.sources.tags.labels)


def test_an_explanation_rests_on_untagged_sentences(run: Run, worldgen: Command) -> None:
    world = load_world(run.folder)
    calibrating, report = (np.flatnonzero(world.sources.part == part)[0] for part in (Part.CALIBRATION, Part.REPORT))
    for fact in (calibrating, report):
        names = world.subjects[world.subject[fact]], world.relations[world.relation[fact]]
        code, text, _ = worldgen("ask", run.folder, *names, "--explain")
        assert code == 0
        assert (f"e.g.  {names[0]} {names[1]} " in text) == (fact == calibrating)
        assert not [tag for tag in world.sources.tags.labels if tag in text]


def test_the_page_has_a_row_of_reports(run: Run, built_run: Run, tmp_path: Path) -> None:
    for made, has_reports in ((run, True), (built_run, False)):
        tables = world_tables(load_world(made.folder), sentences_of(made), FigureFolder(tmp_path))
        corpus = read_manifest(made.folder / "corpus")
        assert corpus is not None
        assert tables.kinds.keys() <= corpus.rows.keys()
        assert ("report" in tables.kinds) == ("report" in dict(tables.sentences)) == has_reports


def test_an_export_tells_who_says_what(run: Run, worldgen: Command, tmp_path: Path) -> None:
    world, sentences = load_world(run.folder), sentences_of(run)
    for format_ in ("parquet", "jsonl", "txt"):
        assert worldgen("export", run.folder, "--format", format_, "--out", tmp_path / format_)[0] == 0
    rows = [
        row for path in sorted((tmp_path / "parquet" / "data").iterdir()) for row in pq.read_table(path).to_pylist()
    ]
    lines = [line for path in sorted((tmp_path / "jsonl" / "data").iterdir()) for line in path.read_text().splitlines()]
    assert [json.loads(line) for line in lines] == rows
    parts = [part for row in rows for part in row["sentences"]]
    assert {part["text"] for part in parts} == set(Wording(world).texts(sentences))
    for part in parts:
        tag = world.lexicon.parse(part["text"]).tag
        assert (part["kind"] == "report") == (tag is not None)
        assert tag is None or tag.source == part["source"]
        assert (part["source"] is None) == (part["error"] is None)
        if part["source"] is not None:
            s, r = world.subjects.id_of(part["subject"]), world.relations.id_of(part["relation"])
            truth = world.objects[world.truth[world.fact_of(s, r)]]
            assert part["error"] == (part["object"] != truth)
    left_out = sum(part["source"] is not None and part["kind"] == "atom" for part in parts)
    assert sentences.source is not None
    assert left_out == run.config.corpus.shuffles * ((sentences.kind == Kind.ATOM) & (sentences.source >= 0)).sum() > 0
    card = (tmp_path / "parquet" / "README.md").read_text()
    assert "| a bare fact with the tag of its source (`report`) |" in card
    for summary in world.sources.summaries():
        assert f"| `{summary.tag}` | {summary.kind} | {summary.reliability} |" in card
    assert "    - name: error\n      dtype: bool\n" in card


def test_an_export_loads_with_datasets(run: Run, worldgen: Command, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    assert worldgen("export", run.folder, "--format", "jsonl", "--out", tmp_path / "out")[0] == 0
    loaded = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert {part["source"] for row in loaded for part in row["sentences"]} > set(
        load_world(run.folder).sources.tags.labels
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["sources.reliabilities=[1, 1.5]"], "sources.reliabilities.1: Input should be less than or equal to 1"),
        (["sources.reliabilities=[1]", "sources.copies=[1]"], "source 1 copies itself"),
        (["sources.reliabilities=[1]", "sources.copies=[2]"], "copies names source 2, who is nobody"),
        (["sources.reliabilities=[1, 1]", "sources.calibration_percent=1"], "1% of 160 facts are 1, too few"),
        ([f"sources.reliabilities={[0.5] * 27}", "sources.tag_letters=1"], "27 sources need a tag each, but only"),
        (["sources.reliabilities=[1]", "sources.report_percent=0", "sources.newcomers=1"], "newcomers have no report"),
    ],
)
def test_mistakes_are_told_in_one_line(settings: list[str], message: str, worldgen: Command, tmp_path: Path) -> None:
    options = [part for setting in settings for part in ("--set", setting)]
    code, out, err = worldgen("build", tmp_path / "run", *miniature.OPTIONS, *options, "--quiet")
    assert code == 2
    assert not out
    (line,) = err.splitlines()
    assert message in line
