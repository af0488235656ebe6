"""The editing table as people read it: rows before, after, difference; each mean with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import pandas as pd

from worldgen.evaluate.metrics import Metric, by_heading
from worldgen.evaluate.statistics.interval import Interval, spread
from worldgen.evaluate.testbed.editing_metrics import GROUPS, MAIN_METRICS
from worldgen.evaluate.testbed.scores import Cells, MethodScores

ROW_TITLES: Final = {"pre": "Pre-edit", "post": "Post-edit", "delta": "Difference"}
MODES: Final = {"sequential": "one after another", "together": "as one"}  # how several requests are made
GROUP_ORDER: Final = ("all", "downstream_changes", "output_changing", "fixes_error")


class Cell(NamedTuple):
    """A number of the editing table."""

    mean: str
    spread: str
    """The interval behind the mean: "±.02", or " [.94, 1.00]" where that is not symmetric."""
    full: str
    """The mean and both ends of the interval."""
    change: str
    """Of a difference: "better" or "worse" where the interval leaves out zero, else ""."""


class Group(NamedTuple):
    """One group's part of a table; no rows if the group is empty."""

    title: str
    n: int | None
    """The cases of the group; None where each row tells its own number."""
    rows: dict[str, list[Cell]]


def as_text(scores: MethodScores) -> str:
    """Returns the whole table for a terminal."""
    several = ""
    if scores.mode is not None and scores.requests is not None and scores.requests > 1:
        several = f", {scores.requests} at a time {MODES[scores.mode]}"
    labels = f", labelled by {scores.downstream}" if scores.downstream else ""
    labels += ", asking the agent at every edit" if scores.asks_the_agent else ""
    interval = f"half of the {100 * scores.confidence:g}% interval, or [its ends]"
    parts = [
        f"Editing with {scores.method}, {scores.cases} cases{several}{labels} (mean ± {interval})",
        ", ".join(by_heading(MAIN_METRICS)).lower(),
    ]
    for group, title in GROUPS.items():
        parts.append(f"\n{title} (n = {scores.groups[group].n})")
        table = group_table(scores, group)
        parts.append(table.to_string() if len(table) else "  none")
    return "\n".join(parts)


def group_table(scores: MethodScores, group: str) -> pd.DataFrame:
    """Returns one group's table: three rows, a column for each metric (two header lines); no rows if it is empty.

    The first words of the headings stand for them, because a terminal is narrow.
    """
    rows = {
        ROW_TITLES[row]: [f"{shown.mean}{shown.spread}" for shown in _cells(cells, row, MAIN_METRICS)]
        for row, cells in scores.groups[group].rows().items()
        if cells
    }
    header = pd.MultiIndex.from_tuples(
        [(f"{metric.heading.split()[0].lower()} {metric.arrow}", metric.short) for metric in MAIN_METRICS]
    )
    return pd.DataFrame.from_dict(rows, orient="index", columns=header)


def groups_of(scores: MethodScores, metrics: Sequence[Metric]) -> list[Group]:
    """Returns every group's part of the editing table, with a column for each of these metrics."""
    found = [(name, scores.groups[name]) for name in GROUP_ORDER]
    return [
        Group(
            GROUPS[name],
            group.n,
            {ROW_TITLES[row]: _cells(cells, row, metrics) for row, cells in group.rows().items() if cells},
        )
        for name, group in found
    ]


def side_by_side(scores: Sequence[MethodScores]) -> list[Group]:
    """Returns a table with a row for each method after its edits, below the rows of the model before them.

    It has two groups: the cases whose downstream answer changes, and all cases.
    """
    return [
        Group(GROUPS[name], scores[0].groups[name].n, _before(scores, name) | _after(scores, name))
        for name in ("downstream_changes", "all")
    ]


def _before(scores: Sequence[MethodScores], group: str) -> dict[str, list[Cell]]:
    """Returns one row for all methods that started from one model; another model's replies have a row of their own."""
    methods_of: dict[tuple[Cell, ...], list[str]] = {}
    for each in scores:
        if before := each.groups[group].pre:
            methods_of.setdefault(tuple(_cells(before, "pre", MAIN_METRICS)), []).append(each.method)
    one_model = len(methods_of) == 1
    return {
        "before the edit" if one_model else f"before: {', '.join(methods)}": list(cells)
        for cells, methods in methods_of.items()
    }


def _after(scores: Sequence[MethodScores], group: str) -> dict[str, list[Cell]]:
    afters = {each.method: each.groups[group].post for each in scores}
    return {method: _cells(after, "post", MAIN_METRICS) for method, after in afters.items() if after}


def _cells(cells: Cells, row: str, metrics: Sequence[Metric]) -> list[Cell]:
    return [cell_of(cells[metric.name], row == "delta", metric) for metric in metrics]


def cell_of(interval: Interval, is_difference: bool, metric: Metric) -> Cell:
    """Returns an interval as a cell, "0.93" and "±.02"; the numbers of a difference bear their sign."""
    sign = "+" if is_difference else ""
    full = f"{interval.mean:{sign}.4f}, from {interval.low:{sign}.4f} to {interval.high:{sign}.4f}"
    rises, falls = interval.low > 0, interval.high < 0
    change = ""
    if is_difference and (rises or falls):
        change = "better" if rises == (metric.better == "more") else "worse"
    return Cell(f"{interval.mean:{sign}.2f}", spread(interval, sign), full, change)
