"""The editing table as people read it: rows pre, post, difference; mean and half width of the interval."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evaluate.scores import ACCURACIES, COHERENCES, GROUPS, LOGICS

ROWS = {"pre": "Pre-edit", "post": "Post-edit", "delta": "Difference"}
_HEADINGS = {
    "Generative accuracy ↑": ACCURACIES,
    "Probabilistic coherence (error) ↓": COHERENCES,
    "Logical coherence (error) ↓": LOGICS,
}
COLUMNS = [(heading, metric) for heading, metrics in _HEADINGS.items() for metric in metrics]


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
        title: [cell(cells[row][metric], row == "delta") for _, metric in COLUMNS]
        for row, title in ROWS.items()
        if cells[row]
    }
    header = pd.MultiIndex.from_tuples([(_short(heading), metric.split("_", 1)[1]) for heading, metric in COLUMNS])
    return pd.DataFrame.from_dict(rows, orient="index", columns=header)


def _short(heading: str) -> str:
    return f"{heading.split()[0]} {heading[-1]}".lower()


def as_text(scores: dict[str, Any]) -> str:
    """The whole table for a terminal."""
    parts = [
        f"Editing with {scores['method']}, {scores['cases']} cases (mean ± half of the 95% interval)",
        "generative accuracy ↑, probabilistic coherence (error) ↓, logical coherence (error) ↓",
    ]
    for group, title in GROUPS.items():
        parts.append(f"\n{title} (n = {scores['groups'][group]['n']})")
        table = group_table(scores, group)
        parts.append(table.to_string() if len(table) else "  none")
    return "\n".join(parts)
