"""The tables of beliefs: a row for each model, method or reference, a column for each metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import pandas as pd

from worldgen.evaluate.metrics import Metric, by_heading
from worldgen.evaluate.report.editing_table import Head, head_of
from worldgen.evaluate.report.tables import Cell, Group, cell_of
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.scoring import BeliefScores
from worldgen.evaluate.statistics.interval import Interval, spread

TASK_TITLES = {Task.GEN.value: 'GEN: "s r", answered', Task.TF.value: 'TF: "s r o" is true or false'}
_TERMINAL: Final = 120
"""The width of a terminal: further columns stand below."""
_EMPTY: Final = Cell("–", "", "does not apply", "")


def beliefs_as_text(title: str, rows: Sequence[BeliefScores], metrics: Sequence[Metric], confidence: float) -> str:
    """Returns the rows of each group under a title, "" for none; columns that no row has a value in are left out."""
    shown = _known(rows, metrics)
    groups: dict[str, list[BeliefScores]] = {}
    for row in rows:
        if any(metric.name in row.means for metric in shown):
            groups.setdefault(group_title(row), []).append(row)
    if not groups:
        return ""
    interval = f"half of the {100 * confidence:g}% interval, or [its ends]"
    parts = [f"{title} (mean ± {interval})", ", ".join(by_heading(shown)).lower()]
    for heading, its in groups.items():
        parts += [f"\n{heading}", _as_frame(its, metrics).to_string(line_width=_TERMINAL)]
    return "\n".join(parts)


def _as_frame(rows: Sequence[BeliefScores], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Returns a line for each row, a column for each metric (two header lines).

    The first words of the headings stand for them, because a terminal is narrow.
    """
    shown, points = _known(rows, metrics), ["points"] if "points" in rows[0].about else []
    header = [("", name) for name in ("n", *points)]
    header += [(f"{metric.heading.split()[0].lower()} {metric.arrow}", metric.short) for metric in shown]
    cells = [
        [row.n, *(row.about[name] for name in points), *(_text(row.means.get(metric.name)) for metric in shown)]
        for row in rows
    ]
    return pd.DataFrame(
        cells,
        index=[", ".join([row.who, *_update(row)[:1]]) for row in rows],
        columns=pd.MultiIndex.from_tuples(header),
    )


def _text(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return f"{interval.mean:.2f}{spread(interval)}"


def _update(row: BeliefScores) -> list[str]:
    """Returns how a row of updates was updated: "r = 10", "correcting"; nothing of other rows."""
    return [f"r = {row.about['r']}", row.about["protocol"]] if "r" in row.about else []


def _known(rows: Sequence[BeliefScores], metrics: Sequence[Metric]) -> list[Metric]:
    """Returns the metrics that some row has a value of."""
    return [metric for metric in metrics if any(metric.name in row.means for row in rows)]


def in_order(updates: Sequence[BeliefScores]) -> list[BeliefScores]:
    """Returns rows of updates as tables list them: "correcting" first, then by task, method and r."""
    rows = sorted(updates, key=lambda row: (row.task, row.who, row.about["r"]))
    return sorted(rows, key=lambda row: str(row.about["protocol"]), reverse=True)


class BeliefTable(NamedTuple):
    """A table of the page: a group of rows for each task and, of updates, each protocol."""

    head: Head
    groups: list[Group]


def belief_table(rows: Sequence[BeliefScores], metrics: Sequence[Metric]) -> BeliefTable | None:
    """Returns the table of these rows, without columns that no row has a value in; None without any column."""
    shown = _known(rows, metrics)
    if not shown:
        return None
    groups: dict[str, dict[str, list[Cell]]] = {}
    for row in rows:
        groups.setdefault(group_title(row), {})[row_title(row)] = [
            cell_of(row.means[metric.name], False, metric) if metric.name in row.means else _EMPTY for metric in shown
        ]
    return BeliefTable(head_of(shown), [Group(title, None, its) for title, its in groups.items()])


def group_title(row: BeliefScores) -> str:
    """Returns the title above a row: its task and, of updates, the protocol."""
    return " · ".join([TASK_TITLES[row.task], *_update(row)[1:]])


def row_title(row: BeliefScores) -> str:
    """Returns who a row is about and of how many points or blocks: "model, 182 points", "ft, r = 10, 3 blocks"."""
    unit = "block" if row.about.get("r", 1) > 1 else "point"
    return ", ".join([row.who, *_update(row)[:1], f"{row.n} {unit}{'s' if row.n != 1 else ''}"])


class Independence(NamedTuple):
    """How right answers to neutral questions go with right answers to main ones; None where there is no such number."""

    task: str
    who: str
    if_wrong: float | None
    """The share of neutral questions answered rightly, where the main answer is wrong."""
    if_right: float | None
    r: float | None
    """The correlation of both, and its p value."""
    p: float | None
    low: float | None
    """The correlations of the shuffled control lie between `low` and `high` in 95 of 100 shuffles."""
    high: float | None


def independence_of(rows: Sequence[BeliefScores]) -> list[Independence]:
    """Returns a row for each row of detection."""
    names = ("if_wrong", "if_right", "r", "p", "r_shuffled_low", "r_shuffled_high")
    return [Independence(row.task.upper(), row.who, *(row.about[f"neutral_{name}"] for name in names)) for row in rows]


class Cost(NamedTuple):
    """The mean cost of a block of updates; FLOPs are None where nobody counted them."""

    group: str
    row: str
    steps: float
    flops: float | None
    seconds: float


def costs_of(rows: Sequence[BeliefScores]) -> list[Cost]:
    """Returns a row for each row of updates."""
    numbers = ([row.about[name] for name in ("steps", "flops", "seconds")] for row in rows)
    return [
        Cost(group_title(row), row_title(row), steps, flops if flops == flops else None, seconds)  # no NaN
        for row, (steps, flops, seconds) in zip(rows, numbers, strict=True)
    ]
