"""The editing table as people read it: rows pre, post, difference; mean and half width of the interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd

from worldgen.evaluate.testbed.scores import ACCURACIES, BOTH_LOGICS, COHERENCES, GROUPS, LOGICS, ORIGINAL_LOGICS

ROWS = {"pre": "Pre-edit", "post": "Post-edit", "delta": "Difference"}
WORDS = {"tf": "true/false", "commute": "order"}  # what stands above a column, where it is not the metric's name
MODES = {"sequential": "one after another", "together": "as one"}  # how several requests are made
Columns = Mapping[str, tuple[str, ...]]  # metrics under their headings
COLUMNS: Columns = {
    "Generative accuracy ↑": ACCURACIES,
    "Probabilistic coherence (error) ↓": COHERENCES,
    "Logical coherence (error) ↓": LOGICS,
}
STATEMENT_COLUMNS: Columns = {
    "Of the original statement ↓": ORIGINAL_LOGICS,
    "Mean of requested and original ↓": BOTH_LOGICS,
}
GROUP_ORDER = ("all", "downstream_changes", "output_changing", "fixes_error")


class Cell(NamedTuple):
    """A number of the editing table: its mean, half its interval, both in full, and "better", "worse" or ""."""

    mean: str
    half: str
    full: str
    change: str


class Group(NamedTuple):
    """One group's part of the editing table; no rows if it is empty."""

    title: str
    n: int
    rows: dict[str, list[Cell]]


def cell(interval: dict[str, float], signed: bool) -> str:
    """ "0.93±.02": the mean and half the width of its interval."""
    half = f"{(interval['high'] - interval['low']) / 2:.2f}".removeprefix("0")
    return f"{interval['mean']:{'+' if signed else ''}.2f}±{half}"


def group_table(scores: dict[str, Any], group: str) -> pd.DataFrame:
    """One group's table: three rows, a column a metric (two header lines); no rows if the group is empty.

    The headings' first words stand for them: a terminal is not wide.
    """
    cells = scores["groups"][group]
    rows = {
        title: [cell(cells[row][metric], row == "delta") for metric in _metrics(COLUMNS)]
        for row, title in ROWS.items()
        if cells[row]
    }
    header = pd.MultiIndex.from_tuples(
        [(_short(heading), metric.split("_", 1)[1]) for heading, metrics in COLUMNS.items() for metric in metrics]
    )
    return pd.DataFrame.from_dict(rows, orient="index", columns=header)


def _short(heading: str) -> str:
    return f"{heading.split()[0]} {heading[-1]}".lower()


def as_text(scores: dict[str, Any]) -> str:
    """The whole table for a terminal."""
    several = f", {scores['requests']} at a time {MODES[scores['mode']]}" if scores.get("requests", 1) > 1 else ""
    interval = f"{100 * scores['confidence']:g}% interval"
    parts = [
        f"Editing with {scores['method']}, {scores['cases']} cases{several} (mean ± half of the {interval})",
        "generative accuracy ↑, probabilistic coherence (error) ↓, logical coherence (error) ↓",
    ]
    for group, title in GROUPS.items():
        parts.append(f"\n{title} (n = {scores['groups'][group]['n']})")
        table = group_table(scores, group)
        parts.append(table.to_string() if len(table) else "  none")
    return "\n".join(parts)


def groups_of(scores: dict[str, Any], columns: Columns) -> list[Group]:
    """The editing table's groups, over some of its columns."""
    found = [(name, scores["groups"][name]) for name in GROUP_ORDER]
    return [
        Group(
            GROUPS[name],
            cells["n"],
            {title: _row(cells[row], row, columns) for row, title in ROWS.items() if cells[row]},
        )
        for name, cells in found
    ]


def side_by_side(scores: Sequence[dict[str, Any]]) -> list[Group]:
    """Every method after its edits, a row each, above them the model before: where the answer changes, and of all."""
    return [
        Group(GROUPS[name], scores[0]["groups"][name]["n"], _before(scores, name) | _after(scores, name))
        for name in ("downstream_changes", "all")
    ]


def _before(scores: Sequence[dict[str, Any]], group: str) -> dict[str, list[Cell]]:
    """One row for all methods that started from one model; another model's replies have their own."""
    methods_of: dict[tuple[Cell, ...], list[str]] = {}
    for each in scores:
        if before := each["groups"][group]["pre"]:
            methods_of.setdefault(tuple(_row(before, "pre", COLUMNS)), []).append(each["method"])
    one_model = len(methods_of) == 1
    return {
        "before the edit" if one_model else f"before: {', '.join(methods)}": list(cells)
        for cells, methods in methods_of.items()
    }


def _after(scores: Sequence[dict[str, Any]], group: str) -> dict[str, list[Cell]]:
    afters = {each["method"]: each["groups"][group]["post"] for each in scores}
    return {method: _row(after, "post", COLUMNS) for method, after in afters.items() if after}


def _row(cells: dict[str, dict[str, float]], row: str, columns: Columns) -> list[Cell]:
    return [_cell(cells[metric], row, metric) for metric in _metrics(columns)]


def _metrics(columns: Columns) -> Iterator[str]:
    return chain.from_iterable(columns.values())


def _cell(interval: dict[str, float], row: str, metric: str) -> Cell:
    signed = row == "delta"
    mean, half = cell(interval, signed).split("±")
    sign = "+" if signed else ""
    full = f"{interval['mean']:{sign}.4f}, from {interval['low']:{sign}.4f} to {interval['high']:{sign}.4f}"
    rises, falls = interval["low"] > 0, interval["high"] < 0
    if not signed or not (rises or falls):
        return Cell(mean, half, full, "")
    return Cell(mean, half, full, "better" if rises == (metric in ACCURACIES) else "worse")
