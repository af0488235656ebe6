"""Definitions in a run: what the commands make, tell and export of them, and mistakes in their settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import miniature
import numpy as np
import pyarrow.parquet as pq
import pytest

from worldgen.corpus.definition_sentences import subset_summaries
from worldgen.corpus.sentences import Kind, Sentences, read_shards
from worldgen.corpus.wording import Wording
from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.world_tables import world_tables
from worldgen.evaluate.runs.load import load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.sources.variables import variable_mind
from worldgen.grammar import Definition
from worldgen.lm.tokenizer import load_tokenizer
from worldgen.storage.files import read_columns
from worldgen.storage.manifests import read_manifest, verify
from worldgen.worlds.definitions import Role
from worldgen.worlds.world import NONE

DEFINITIONS = ("definitions.reliabilities=[1, 0]", "definitions.sentences=3", "definitions.order=EAT")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(built_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The miniature run with definitions, built: everything that needs no model."""
    return miniature.variant(built_run, tmp_path_factory.mktemp("definitions") / "run", DEFINITIONS)


def sentences_of(run: Run) -> Sentences:
    return Sentences.together([shard.sentences for shard in read_shards(run.folder / "corpus")])


def test_the_table_on_disk_is_that_of_the_text(run: Run) -> None:
    world = load_world(run.folder)
    table, tags = (
        read_columns(run.folder / "world" / f"{name}.parquet") for name in ("definitions", "definition_tags")
    )
    assert list(table) == ["subject", "role", "variable", "tag", "stated", "held_out", "name"]
    assert tags["tag"].tolist() == list(world.definitions.tags.labels)
    told = [world.lexicon.parse(text).formula for text in Wording(world).texts(sentences_of(run))]
    said = {d.variable: (d.tag, d.entity) for d in told if isinstance(d, Definition)}
    rows = np.flatnonzero(table["tag"] != NONE).tolist()
    labels = world.subjects.labels
    assert said == {
        str(table["name"][i]): (str(tags["tag"][table["tag"][i]]), labels[table["stated"][i]]) for i in rows
    }
    assert verify(run.folder / "world") == verify(run.folder / "corpus") == []


def test_the_rest_of_the_run_is_that_of_the_run_without_definitions(run: Run, built_run: Run) -> None:
    for name in ("truths", "entities", "roots"):
        one, other = (read_columns(each.folder / "world" / f"{name}.parquet") for each in (run, built_run))
        for column in one:
            np.testing.assert_array_equal(one[column], other[column])
    one, other = (read_columns(each.folder / "agent" / "evidence.parquet") for each in (run, built_run))
    for column in one:
        np.testing.assert_array_equal(one[column], other[column])
    assert not built_run.config.inputs(["definitions"])
    assert "definitions/reliabilities" in run.config.inputs(["definitions"])


def test_the_tokenizer_of_the_run_knows_the_new_names(run: Run) -> None:
    tokenizer = load_tokenizer(run.folder / "tokens" / "tokenizer")
    defined = load_world(run.folder).definitions
    for name in (*defined.tags.labels, *defined.variables.labels):
        ids = tokenizer(name, add_special_tokens=False)["input_ids"]
        assert len(ids) == 1
        assert tokenizer.unk_token_id not in ids


def test_describe_tells_the_subsets(run: Run, worldgen: Command) -> None:
    code, text, _ = worldgen("describe", run.folder)
    assert code == 0
    world = load_world(run.folder)
    for summary in subset_summaries(world):
        (line,) = [line for line in text.splitlines() if line.startswith(f"  {summary.name}  ")]
        assert line.split()[-2:] == [str(summary.trained), str(summary.others)]
    assert "  definition  " in text
    assert "  question    " in text
    code, told, _ = worldgen("describe", run.folder, "--json")
    assert [each["name"] for each in json.loads(told)["definitions"]] == [s.name for s in subset_summaries(world)]


def test_sources_tell_who_defines(run: Run, worldgen: Command) -> None:
    code, text, _ = worldgen("sources", run.folder)
    assert code == 0
    d = load_world(run.folder).definitions
    code, told, _ = worldgen("sources", run.folder, "--json")
    views = json.loads(told)
    assert list(views) == list(d.tags.labels)
    for k, tag in enumerate(d.tags.labels):
        (line,) = [line for line in text.splitlines() if tag in line]
        mine = d.tag == k
        assert views[tag]["stage1"] == (mine & (d.stage == 1)).sum()
        assert views[tag]["right"] == (mine & (d.stage == 1) & d.right).sum()
        assert views[tag]["stage2"] == (mine & (d.stage == 2)).sum()
        assert f"{views[tag]['mean']:.2f} [{views[tag]['low']:.2f}" in line
    good, bad, new = (views[tag] for tag in d.tags.labels)
    assert good["mean"] > 0.8 > new["mean"] > 0.2 > bad["mean"]
    assert new["mean"] == pytest.approx(0.5)
    assert new["reliability"] is None


def test_sources_and_definitions_stand_in_one_answer(built_run: Run, worldgen: Command, tmp_path: Path) -> None:
    both = miniature.variant(built_run, tmp_path / "run", (*DEFINITIONS, "sources.reliabilities=[1, 0]"))
    world = load_world(both.folder)
    code, told, _ = worldgen("sources", both.folder, "--json")
    assert code == 0
    assert list(json.loads(told)) == [*world.sources.tags.labels, *world.definitions.tags.labels]
    code, _, error = worldgen("sources", built_run.folder)
    assert code == 2
    assert "this world has no sources" in error


def test_ask_answers_about_a_variable(run: Run, worldgen: Command) -> None:
    world = load_world(run.folder)
    d, mind = world.definitions, variable_mind(world)
    row = int(np.flatnonzero(d.role == Role.TOLD)[0])
    v, relation = int(d.variable[row]), int(world.relation[world.first_fact[d.subject[row]]])
    names = d.variables[v], world.relations[relation]
    code, text, _ = worldgen("ask", run.folder, *names, "--top", 2)
    assert code == 0
    assert text.splitlines()[0] == " | ".join(names)
    assert f"says that it is {world.subjects[d.stated[row]]}" in text
    code, told, _ = worldgen("ask", run.folder, *names, "--top", 200, "--json")
    belief = json.loads(told)
    meanings = {each["name"]: each["probability"] for each in belief["meanings"]}
    assert belief["reliability"] == pytest.approx(meanings[world.subjects[d.stated[row]]], abs=1e-12)
    assert sum(meanings.values()) == pytest.approx(1)
    assert sum(each["probability"] for each in belief["objects"]) <= 1 + 1e-9
    fact = world.fact_of(int(d.stated[row]), relation)
    assert belief["reliability"] > 0.8  # so the answer is the one about the subject
    assert belief["objects"][0]["name"] == world.objects[world.truth[fact]]
    assert mind.answer(v, relation)[int(world.truth[fact])] > 0.8


def test_ask_about_a_variable_without_a_definition(run: Run, worldgen: Command) -> None:
    world = load_world(run.folder)
    d = world.definitions
    row = int(np.flatnonzero(d.role == Role.UNSEEN)[0])
    names = d.variables[d.variable[row]], world.relations[0]
    code, text, _ = worldgen("ask", run.folder, *names)
    assert code == 0
    assert "read: 0 answered questions\n" in text
    for option in (("--edit", "a | b | c"), ("--explain",), ("--given", "a | b"), ("--object", "a")):
        code, out, error = worldgen("ask", run.folder, *names, *option)
        assert code == 2
        assert not out
        assert len(error.splitlines()) == 1
    code, _, error = worldgen("ask", run.folder, names[0], "nonsense")
    assert code == 2
    assert "unknown relation 'nonsense'" in error


def test_the_page_has_rows_of_definitions(run: Run, tmp_path: Path) -> None:
    tables = world_tables(load_world(run.folder), sentences_of(run), FigureFolder(tmp_path))
    corpus = read_manifest(run.folder / "corpus")
    assert corpus is not None
    assert {"definition", "question"} <= tables.kinds.keys() <= corpus.rows.keys()
    assert {"definition", "question"} <= dict(tables.sentences).keys()


def test_an_export_tells_who_defines_what(run: Run, worldgen: Command, tmp_path: Path) -> None:
    world = load_world(run.folder)
    d = world.definitions
    for format_ in ("parquet", "jsonl", "txt"):
        assert worldgen("export", run.folder, "--format", format_, "--out", tmp_path / format_)[0] == 0
    rows = [
        row for path in sorted((tmp_path / "parquet" / "data").iterdir()) for row in pq.read_table(path).to_pylist()
    ]
    lines = [line for path in sorted((tmp_path / "jsonl" / "data").iterdir()) for line in path.read_text().splitlines()]
    assert [json.loads(line) for line in lines] == rows
    kinds = {kind.name.lower() for kind in (Kind.DEFINITION, Kind.QUESTION)}
    seen = dict.fromkeys(kinds, 0)
    for row in rows:
        about_variables = [part for part in row["sentences"] if part["kind"] in kinds]
        assert not about_variables or len(row["sentences"]) == 1
        for part in row["sentences"]:
            assert (part["variable"] is not None) == (part["kind"] in kinds)
            assert (part["source"] is None) == (part["error"] is None) == (part["kind"] != "definition")
        for part in about_variables:
            seen[part["kind"]] += 1
            place = int(d.row_of_variable[d.variables.id_of(part["variable"])])
            assert row["subject"] == world.subjects[d.subject[place]]
            told = world.lexicon.parse(part["text"]).formula
            if isinstance(told, Definition):
                assert (told.tag, told.variable) == (part["source"], part["variable"])
                assert part["error"] == (told.entity != row["subject"])
                assert part["subject"] is part["relation"] is part["object"] is None
            else:
                assert part["subject"] == row["subject"]
    assert seen["definition"] == 3 * (d.stated != NONE).sum()
    assert seen["question"] > seen["definition"]
    card = (tmp_path / "parquet" / "README.md").read_text()
    assert "| a definition of a variable (`definition`) |" in card
    for summary in subset_summaries(world):
        assert f"| {summary.name} | {summary.stage} | " in card
    assert "    - name: variable\n      dtype: string\n" in card


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["definitions.defined_percent=60"], "the percents of definitions are 110 together, more than 100"),
        (["definitions.entities=500"], "definitions.entities is 500, but only"),
        (["definitions.variable_letters=1"], "variables need a name each, but only"),
        (["definitions.reliabilities=[0.93, 0]"], "a single definition of tag 0 would be wrong"),
        (["definitions.entities=10"], "10 entities are 1, too few for each of 2 tags"),
        (["definitions.order=TVE"], "definitions.order"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(settings: list[str], message: str, worldgen: Command, tmp_path: Path) -> None:
    options = [part for setting in (DEFINITIONS[0], *settings) for part in ("--set", setting)]
    code, out, err = worldgen("build", tmp_path / "run", *miniature.OPTIONS, *options, "--quiet")
    assert code == 2
    assert not out
    (line,) = err.splitlines()
    assert message in line
