"""The report page of a small run. Its model is made up; its labels hold everything hostile that the language allows."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from html_pages import PageReader
from matplotlib.figure import Figure

from worldgen.errors import UserError
from worldgen.evaluate.report.figures.style import COLORS
from worldgen.evaluate.report.figures.svg import for_page, svg_of
from worldgen.evaluate.report.figures.training_curves import EXAMINATIONS
from worldgen.evaluate.report.quantities import amount, memory
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.load import load_world
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.stages import testbed, whole
from worldgen.evaluate.stages.language_model import LM
from worldgen.evaluate.stages.report_material import write_report
from worldgen.evaluate.stages.testbed import CASES
from worldgen.evaluate.testbed.editing_metrics import METRIC_NAMES
from worldgen.storage.files import write_table, write_text
from worldgen.storage.manifests import begin, finish

METHOD = "made up"
# The labels of both relations and of every object hold something that can break HTML, matplotlib or a font.
HOSTILE = [
    "<script>alert({})</script>",
    "$x^{}$",
    'the "{}" & co',
    "مدينة {}",
    "अध्यापक {}",
    "it's \\frac{} {{{{ {} }}}}",
]
SETTINGS = [
    "world.facts=60", "graph.min_cooccurrence=5", "graph.relations=2", "graph.max_object_tokens=20", "cases.cases=12",
    "corpus.draws=3", "corpus.min_truths=2", "corpus.shuffles=1", "score.bootstrap_samples=100",
]  # fmt: skip


def _triples() -> str:
    lines = []
    for s in range(60):
        place, work = f"place {s % 3}", HOSTILE[s % 3 * 2].replace("{}", str(s % 3))
        if s % 3:
            place = HOSTILE[s % 3 * 2 + 1].replace("{}", str(s % 3))
        lines += [f"<b>$s_{s}$</b>\tborn & <i>\t{place}\n", f"<b>$s_{s}$</b>\tdoes $r$\t{work}\n"]
    return "".join(lines)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that is built as usual; its model is a noisy copy of the agent that learns each request and no more."""
    folder = tmp_path_factory.mktemp("report")
    write_text(folder / "kg.tsv", _triples())
    config = override(tiny(), [*SETTINGS, f"graph.source={folder / 'kg.tsv'}"])
    run = Run(folder / "run", config, quiet=True)
    whole.build(run)
    _pretend_training(run)
    _pretend_editing(run)
    testbed.score_methods(run)
    return run


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_report(run, [METHOD], run.folder / "report")
    return (run.folder / "report" / "index.html").read_text()


def _pretend_training(run: Run) -> None:
    folder, inputs = run.folder / "lm", LM.inputs(run)
    started = begin(folder, inputs)
    steps = np.arange(1, 41)
    known = np.where(steps % 10 == 0, steps / 50, np.nan)
    history = {"step": steps, "tokens": 100 * steps, "learning_rate": steps / 1e5, "loss": 1 + 5 / steps}
    marks = {column: known / (1 + i) for lines in EXAMINATIONS.values() for i, column in enumerate(lines.values())}
    write_table(folder / "training.parquet", history | marks)
    rows = {"parameters": 1_310_000, "generative_accuracy": 0.8125, "truth_probability": 0.7031}
    finish(folder, "lm", inputs, rows, started)


def _pretend_editing(run: Run) -> None:
    probes = pd.read_parquet(run.folder / "cases" / "probes.parquet")
    rng = np.random.default_rng(0)
    edited = probes["name"].str.startswith("s1r1/")
    believed = probes["credence_before"].where(~edited, probes["credence_after"])
    answers = probes["expected_before"].where(~edited, probes["expected_after"])
    noise = rng.uniform(0, 0.1, len(probes))
    folder, inputs = run.folder / "edits" / METHOD, CASES.inputs(run)
    started = begin(folder, inputs)
    measured = {
        "case": probes["case"], "name": probes["name"],
        "before": (probes["credence_before"] - noise).clip(0, 1), "after": (believed - noise).clip(0, 1),
        "answer_before": probes["expected_before"], "answer_after": answers,
    }  # fmt: skip
    cases = probes["case"].unique()
    ones = np.ones(len(cases))
    costs = {"case": cases, "steps": 40 * ones, "flops": 2.5e9 * ones, "seconds": ones / 2, "peak_bytes": 2**30 * ones}
    write_table(folder / "measurements-00000.parquet", {name: np.array(values) for name, values in measured.items()})
    write_table(folder / "costs-00000.parquet", costs)
    finish(folder, "edits", inputs, {"probes": len(probes)}, started)


@pytest.mark.parametrize(
    ("settings", "lead", "cost"),
    [
        ([], "single facts are edited", "An edit takes at most 40 steps, on average 0.50 s and 2.5 GFLOP"),
        (
            ["edit.mode=sequential", "edit.requests=10"],
            "10 facts at a time are edited, one after another",
            "10 requests take at most 40 steps, each on average 0.50 s and 2.5 GFLOP",
        ),
        (["edit.mode=together", "edit.requests=7"], "7 facts at a time are edited, as one", "7 requests take at most"),
    ],
)
def test_the_page_says_how_many_facts_are_edited_at_a_time(
    settings: list[str], lead: str, cost: str, run: Run, tmp_path: Path
) -> None:
    write_report(replace(run, config=override(run.config, settings)), [METHOD], tmp_path)
    page = " ".join((tmp_path / "index.html").read_text().split())
    assert f"Then {lead}, and model and agent" in page
    assert cost in page


def test_the_page_needs_no_other_file(page: str) -> None:
    for tag, attributes in PageReader(page).tags:
        assert tag not in ("script", "link", "img", "iframe", "object", "embed", "image")
        assert "src" not in attributes
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    without_namespaces = re.sub(r'xmlns(:xlink)?="http://www.w3.org/[0-9a-z/]+"', "", page)
    assert "://" not in without_namespaces
    assert "@import" not in page


def test_tags_are_balanced_and_ids_are_unique(page: str) -> None:
    reader = PageReader(page)
    assert reader.open == []
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in reader.tags if tag == "a"]
    assert links
    assert {str(link)[1:] for link in links} <= set(ids)


def test_labels_are_shown_as_text(run: Run, page: str) -> None:
    world, reader = load_world(run.folder), PageReader(page)
    assert any("<script>" in label for label in world.objects.labels)
    for label in world.relations.labels:
        assert label in reader.text
    for tag in ("<script", "<b>$s", "<i>\t", "<i></"):
        assert tag not in page
    assert "&lt;script&gt;" in page


def test_the_page_holds_the_numbers_of_the_table(run: Run, page: str) -> None:
    scores = json.loads((run.folder / "scores" / f"{METHOD}.json").read_text())
    cells = scores["groups"]["all"]
    titles = {attributes.get("title") for tag, attributes in PageReader(page).tags if tag == "td"}
    for metric in METRIC_NAMES:
        interval = cells["post"][metric]
        assert f"{interval['mean']:.4f}, from {interval['low']:.4f} to {interval['high']:.4f}" in titles
    text = re.sub(r"\s+", " ", PageReader(page).text)
    for shown in ("0.812", "0.703", "1.31 M", "2.5 GFLOP", "1.0 GiB", "score", "bootstrap_samples = 100"):
        assert shown in text


def test_the_page_tells_of_an_edit_whose_downstream_answer_changes(run: Run, page: str) -> None:
    cases = pd.read_parquet(run.folder / "cases" / "cases.parquet")
    world = load_world(run.folder)
    shown = cases[cases["downstream_changes"]].iloc[0]
    text = re.sub(r"\s+", " ", PageReader(page).text)
    fact = world.subjects[shown["subject"]], world.relations[shown["relation"]], world.objects[shown["truth"]]
    assert f"We replace the fact that {' '.join(fact)} by" in text
    assert "No case of this run" not in text


def test_a_page_written_again_has_the_same_bytes(run: Run, page: str, tmp_path: Path) -> None:
    write_report(run, [METHOD], tmp_path)
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(files) == 6
    for file in files:
        assert (tmp_path / file).read_bytes() == (run.folder / "report" / file).read_bytes()


def test_a_run_without_edits_has_a_page(run: Run, tmp_path: Path) -> None:
    write_report(run, [], tmp_path)
    assert "no edits" in (tmp_path / "index.html").read_text()


def test_a_method_without_scores_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="edits with other are not scored yet: run `worldgen score"):
        write_report(run, ["other"], tmp_path)


def test_a_colour_in_a_label_is_not_replaced() -> None:
    color = COLORS["agent"]

    def draw(figure: Figure) -> None:
        figure.text(0, 0, f'style="{color}" $\\bad$ \U0001f600', color=color)

    shown = for_page(svg_of("name", (1, 1), draw), "words")
    assert f'style="{color}" $\\bad$ \U0001f600</text>' in shown
    assert "fill: var(--agent)" in shown
    assert shown.startswith('<svg role="img"')


def test_quantities_are_short_texts() -> None:
    assert [amount(x) for x in (0, 607, 9999, 1_310_000, 2.5e9, 0.8125)] == [
        "0",
        "607",
        "9999",
        "1.31 M",
        "2.5 G",
        "0.812",
    ]
    assert [memory(x) for x in (512 * 2**20, 3 * 2**29)] == ["512 MiB", "1.5 GiB"]
