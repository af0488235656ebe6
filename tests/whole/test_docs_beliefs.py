"""docs/beliefs.md: its worked example, recomputed from the page; our rows of its tables are those of the record."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import benchmark_files
import numpy as np
import pytest

from worldgen.evaluate.slag.detection import DETECTION_METRICS, detect
from worldgen.evaluate.slag.graphs.drawn import read_drawn_graph
from worldgen.evaluate.slag.points import Asked, Entailed, Neutral, Paraphrase, Point, Task
from worldgen.evaluate.slag.predictions import PointQuestions, Predictions, predictions_of
from worldgen.evaluate.slag.update_metrics import (
    BEFORE_AFTER_METRICS,
    UPDATE_METRICS,
    BeforeAfter,
    RandomSets,
    Updates,
    before_and_after,
    correcting,
    update_metrics,
)
from worldgen.evaluate.statistics.ratios import RatioTable

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "beliefs.md").read_text()


def table_after(header: str) -> list[list[str]]:
    """The cells of the rows below a header, without the line under it."""
    rows = TEXT.split(f"{header}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]


QUESTIONS = table_after("| point | part | statement | right | before | after updating Bo | after updating Cy |")
NAMES = ("Ada", "Bo", "Cy")
BEFORE, AFTER = 4, {"Bo": 5, "Cy": 6}


def point_of(name: str) -> Point:
    """A point of the page. What follows from a true statement can be turned round."""
    rows = [(part, Asked(statement, (right,))) for point, part, statement, right, *_ in QUESTIONS if point == name]

    def of(part: str) -> list[Asked]:
        return [asked for its, asked in rows if its == part]

    (main,) = of("main")
    paraphrases = tuple(Paraphrase(asked, "both") for asked in of("paraphrase"))
    entailed = tuple(
        Entailed(asked, "rule", when, contrapositive=when == "true")
        for when in ("true", "false")
        for asked in of(f"entailed if {when}")
    )
    neutral = tuple(map(Neutral, of("neutral")))
    assert 1 + len(paraphrases) + len(entailed) + len(neutral) == len(rows)
    return Point(name, Task.TF, "test", name, main, paraphrases, entailed, neutral)


POINTS = {name: point_of(name) for name in NAMES}


def answers(column: int, asked: Sequence[Asked]) -> Predictions:
    """The model's answers in a column of the page, none of them blank."""
    said = {row[2]: row[column] for row in QUESTIONS if row[column]}
    return predictions_of(asked, [said[question.prompt] for question in asked])


def detected() -> RatioTable:
    questions = PointQuestions(tuple(POINTS.values()))
    return detect(questions, answers(BEFORE, questions.asked))


def updated(measure: Callable[[Updates], RatioTable]) -> list[RatioTable]:
    """The table of each of the two updates; the random questions are the other points' main ones."""
    tables = []
    for name, column in AFTER.items():
        questions = PointQuestions((POINTS[name],))
        random = [point.main for other, point in POINTS.items() if other != name]
        model, others = (BeforeAfter(answers(BEFORE, its), answers(column, its)) for its in (questions.asked, random))
        sets = RandomSets.of(np.zeros(len(random), dtype=int), others)
        tables.append(measure(Updates(questions, correcting([POINTS[name]]), 1, model, sets)))
    return tables


def number(cell: str) -> float:
    return float("nan") if cell == "-" else float(Fraction(cell))


def test_every_update_corrects_a_wrong_main_answer() -> None:
    mains = answers(BEFORE, [point.main for point in POINTS.values()])
    assert {name for name, right in zip(NAMES, mains.right, strict=True) if not right} == set(AFTER)


def test_the_beliefs_of_the_worked_example() -> None:
    found = detected()
    rows = table_after("| metric | Ada | Bo | Cy | mean | pooled |")
    assert len(rows) == 11
    for name, *points, mean, pooled in rows:
        metric = name.strip("`")
        assert metric in {its.name for its in DETECTION_METRICS}
        np.testing.assert_allclose(found.values[metric], [number(cell) for cell in points], rtol=1e-15, err_msg=name)
        assert found.means[metric] == pytest.approx(number(mean), rel=1e-15)
        assert found.pooled[metric] == pytest.approx(number(pooled), rel=1e-15)
        ratios = zip(found.columns[metric].hits, found.columns[metric].trials, points, strict=True)
        for hits, trials, cell in ratios:  # a fraction on the page is what was counted
            assert "/" not in cell or cell == f"{hits:g}/{trials:g}"


def test_the_updates_of_the_worked_example() -> None:
    tables = [RatioTable(made.rows, {**made.columns, **told.columns})
              for made, told in zip(updated(update_metrics), updated(before_and_after), strict=True)]  # fmt: skip
    rows = {name.strip("`"): cells for name, *cells in table_after("| metric | Bo | Cy | mean |")}
    assert list(rows) == [metric.name for metric in (*UPDATE_METRICS, *BEFORE_AFTER_METRICS)]
    for metric, (*points, mean) in rows.items():
        found = [table.values[metric].item() for table in tables]
        np.testing.assert_allclose(found, [number(cell) for cell in points], rtol=1e-15, err_msg=metric)
        assert np.mean(found) == pytest.approx(number(mean), rel=1e-15)


def test_our_rows_are_those_of_the_record() -> None:
    record = benchmark_files.load("belief_record")
    files = re.findall(r"docs/results/slag-tiny-(?:detection|updates|optimizers)-[\d-]+\.csv", TEXT)
    printed = record.tables(*(ROOT / name for name in dict.fromkeys(files)))
    rows = [row for its in printed.values() for row in its]
    assert len(rows) > 12
    assert [line for line in TEXT.splitlines() if line.startswith("| ours: ")] == rows


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("graph", ("our model, TF, ft", "our rational agent")),
        ("graph-gen", ("our model, GEN, ft", "our rational agent, GEN")),
    ],
)
def test_our_belief_graph_is_that_of_the_record(file: str, names: tuple[str, str]) -> None:
    found = read_drawn_graph(ROOT / "docs" / "results" / f"slag-tiny-{file}-2026-11-25.json")
    assert found.rational is not None
    for name, graph in zip(names, (found.model, found.rational), strict=True):
        (line,) = (line for line in TEXT.splitlines() if line.startswith(f"| {name} |"))
        _, nodes, edges, _, lonely, into, out, _, wrong, right = (cell.strip() for cell in line.strip("|").split("|"))
        assert (nodes, edges) == (str(graph.nodes), f"{graph.edges:,}")
        degrees = (graph.in_degree, graph.out_degree)
        assert [into, out] == [f"{degree.quantiles[95]:.3g}" for degree in degrees]
        assert [lonely] == [f"{graph.edgeless:.2f}"[1:]]
        assert [wrong, right] == [f"{share.mean:.3f}"[1:] for share in (graph.on_wrong, graph.on_right)]
