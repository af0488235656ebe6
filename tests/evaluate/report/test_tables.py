"""The editing table: methods side by side, the model before them once, the words of a terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from worldgen.evaluate.metrics import by_heading
from worldgen.evaluate.report.tables import as_text, groups_of, side_by_side
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import exact_binomial
from worldgen.evaluate.testbed.editing_metrics import GROUPS, MAIN_METRICS, METRIC_NAMES, STATEMENT_METRICS
from worldgen.evaluate.testbed.scores import Cells, GroupScores, MethodScores


def scores_of(method: str, before: float, after: float, changing: int = 3) -> MethodScores:
    def row(mean: float) -> Cells:
        return dict.fromkeys(METRIC_NAMES, Interval(mean, mean - 0.1, mean + 0.1))

    full = GroupScores(8, row(before), row(after), row(after - before))
    groups = dict.fromkeys(GROUPS, full)
    groups["downstream_changes"] = replace(full, n=changing) if changing else GroupScores(0, {}, {}, {})
    return MethodScores(method, 8, 0.95, groups)


def test_each_method_has_a_row_below_the_model_before() -> None:
    changing, everything = side_by_side([scores_of("ft", 0.5, 0.75), scores_of("lora", 0.5, 0.25)])
    assert (changing.title, changing.n) == (GROUPS["downstream_changes"], 3)
    assert (everything.title, everything.n) == (GROUPS["all"], 8)
    for group in (changing, everything):
        assert list(group.rows) == ["before the edit", "ft", "lora"]
        assert [{cell.mean for cell in cells} for cells in group.rows.values()] == [{"0.50"}, {"0.75"}, {"0.25"}]
        assert all(len(cells) == len(MAIN_METRICS) for cells in group.rows.values())
        assert {cell.spread for cells in group.rows.values() for cell in cells} == {"±.10"}
    assert everything.rows["ft"][0].full == "0.7500, from 0.6500 to 0.8500"


def test_an_interval_that_ends_at_1_is_shown_by_its_ends() -> None:
    """60 of 60 is not 1.00±.00; a difference from 0.25 ends at 0.75 or below, and bears its sign."""
    sixty = exact_binomial(60, 60, 0.95)
    cells = dict.fromkeys(METRIC_NAMES, sixty)
    gained = dict.fromkeys(METRIC_NAMES, Interval(0.75, 0.5, 0.8))
    groups = dict.fromkeys(GROUPS, GroupScores(60, cells, cells, gained))
    scores = MethodScores("ft", 60, 0.95, groups)
    everything = groups_of(scores, MAIN_METRICS)[0]
    assert everything.rows["Post-edit"][0][:2] == ("1.00", " [.94, 1.00]")
    assert everything.rows["Post-edit"][0].full == "1.0000, from 0.9404 to 1.0000"
    assert everything.rows["Difference"][0][:2] == ("+0.75", " [+.50, +.80]")
    text = as_text(scores)
    assert "1.00 [.94, 1.00]" in text
    assert "+0.75 [+.50, +.80]" in text


def test_another_model_has_a_row_of_its_own() -> None:
    _, everything = side_by_side([scores_of("ft", 0.5, 0.75), scores_of("gpt", 0.1, 0.1), scores_of("lora", 0.5, 0.25)])
    assert list(everything.rows) == ["before: ft, lora", "before: gpt", "ft", "gpt", "lora"]


def test_an_empty_group_has_no_rows() -> None:
    changing, everything = side_by_side([scores_of("ft", 0.5, 0.75, 0), scores_of("lora", 0.5, 0.25, 0)])
    assert (changing.n, changing.rows) == (0, {})
    assert len(everything.rows) == 3


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        ({}, "Editing with ft, 8 cases (mean"),  # another program's
        ({"mode": "single", "requests": 1}, "Editing with ft, 8 cases (mean"),
        ({"mode": "sequential", "requests": 4}, "Editing with ft, 8 cases, 4 at a time one after another (mean"),
        ({"mode": "together", "requests": 4}, "Editing with ft, 8 cases, 4 at a time as one (mean"),
    ],
)
def test_the_text_says_how_many_requests_are_made_at_a_time(manner: dict[str, Any], said: str) -> None:
    assert as_text(replace(scores_of("ft", 0.5, 0.75), **manner)).startswith(said)


def test_the_text_names_the_confidence_of_its_intervals() -> None:
    assert "(mean ± half of the 97.5% interval, or [its ends])" in as_text(
        replace(scores_of("ft", 0.5, 0.75), confidence=0.975)
    )


def test_a_difference_is_better_by_the_direction_of_its_metric() -> None:
    """Every metric rises by 0.25 ± 0.1: better for an accuracy, worse for an error."""
    everything = groups_of(scores_of("ft", 0.5, 0.75), MAIN_METRICS)[0]
    changes = [cell.change for cell in everything.rows["Difference"]]
    assert changes == ["better"] * 4 + ["worse"] * 9
    assert {cell.change for cell in everything.rows["Post-edit"]} == {""}


def test_headings_say_the_direction_once_for_their_columns() -> None:
    assert {heading: [metric.label for metric in its] for heading, its in by_heading(MAIN_METRICS).items()} == {
        "Generative accuracy ↑": ["s1 r1", "s1 r2", "s2 r1", "s2 r2"],
        "Probabilistic coherence (error) ↓": ["s1 r1", "s1 r2", "s2 r1", "s2 r2"],
        "Logical coherence (error) ↓": ["true/false", "not", "and", "or", "order"],
    }
    assert [len(its) for its in by_heading(STATEMENT_METRICS).values()] == [5, 5]
