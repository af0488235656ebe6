"""The tables of beliefs for a terminal: a row for each model, method or reference, a column for each metric."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.scoring import BeliefScores
from worldgen.evaluate.statistics.interval import Interval, spread

TASK_TITLES = {Task.GEN.value: 'GEN: "s r", answered', Task.TF.value: 'TF: "s r o" is true or false'}


def beliefs_as_text(title: str, rows: Sequence[BeliefScores], metrics: Sequence[Metric], confidence: float) -> str:
    """Returns the rows of each task under a title, "" for none; columns that no row has a value in are left out."""
    parts = [f"{title} (mean and {100 * confidence:g}% interval)"]
    for task, heading in TASK_TITLES.items():
        some = [row for row in rows if row.task == task and any(metric.name in row.means for metric in metrics)]
        if some:
            parts += [f"\n{heading}", _table(some, metrics).to_string()]
    return "\n".join(parts) if len(parts) > 1 else ""


def _table(rows: Sequence[BeliefScores], metrics: Sequence[Metric]) -> pd.DataFrame:
    shown = [metric for metric in metrics if any(metric.name in row.means for row in rows)]
    cells = {f"{_title(row)} (n = {row.n})": [_cell(row.means.get(metric.name)) for metric in shown] for row in rows}
    header = pd.MultiIndex.from_tuples([(f"{metric.heading} {metric.arrow}", metric.short) for metric in shown])
    return pd.DataFrame.from_dict(cells, orient="index", columns=header)


def _cell(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return f"{interval.mean:.2f}{spread(interval)}"


def _title(row: BeliefScores) -> str:
    return f"{row.who}, r = {row.about['r']}" if "r" in row.about else row.who
