"""The methods side by side: a row each, the model before them once, and none where a group is empty."""

from __future__ import annotations

from typing import Any

import pytest

from worldgen.evaluate.report.tables import COLUMNS, as_text, side_by_side
from worldgen.evaluate.testbed.scores import GROUPS, METRICS


def scores_of(method: str, before: float, after: float, changing: int = 3) -> dict[str, Any]:
    def row(mean: float) -> dict[str, dict[str, float]]:
        return {metric: {"mean": mean, "low": mean - 0.1, "high": mean + 0.1} for metric in METRICS}

    full = {"n": 8, "pre": row(before), "post": row(after), "delta": row(after - before)}
    groups = dict.fromkeys(GROUPS, full)
    groups["downstream_changes"] = full | {"n": changing} if changing else {"n": 0, "pre": {}, "post": {}, "delta": {}}
    return {"method": method, "cases": 8, "confidence": 0.95, "groups": groups, "cost": {}}


def test_a_row_for_each_method_under_the_model_before() -> None:
    changing, everything = side_by_side([scores_of("ft", 0.5, 0.75), scores_of("lora", 0.5, 0.25)])
    assert (changing.title, changing.n) == (GROUPS["downstream_changes"], 3)
    assert (everything.title, everything.n) == (GROUPS["all"], 8)
    for group in (changing, everything):
        assert list(group.rows) == ["before the edit", "ft", "lora"]
        assert [{cell.mean for cell in cells} for cells in group.rows.values()] == [{"0.50"}, {"0.75"}, {"0.25"}]
        assert all(len(cells) == sum(map(len, COLUMNS.values())) for cells in group.rows.values())
        assert {cell.half for cells in group.rows.values() for cell in cells} == {".10"}
    assert everything.rows["ft"][0].full == "0.7500, from 0.6500 to 0.8500"


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
def test_the_text_says_how_many_are_edited_at_a_time(manner: dict[str, Any], said: str) -> None:
    assert as_text(scores_of("ft", 0.5, 0.75) | manner).startswith(said)


def test_the_text_says_what_its_intervals_are() -> None:
    assert "half of the 97.5% interval" in as_text(scores_of("ft", 0.5, 0.75) | {"confidence": 0.975})
