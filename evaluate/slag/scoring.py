"""From predictions to rows of a table: the mean of every metric over points or blocks, with its interval."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from worldgen.evaluate.settings import ScoreConfig
from worldgen.evaluate.statistics.block_bootstrap import Resampling
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import SHARE, Bounds, mean_intervals
from worldgen.evaluate.statistics.ratios import RatioTable
from worldgen.randomness import generator

BY_CONSISTENCY: Final = "success-by-consistency.csv"
CONSISTENCY_COLUMNS: Final = (
    "task", "who", "protocol", "bin", "points", *Interval._fields, "pearson", "left_out",
)  # fmt: skip
"""The columns of that file: the success of the points of each bin, the correlation over all, the points in no bin."""


@dataclass(frozen=True)
class BeliefScores:
    """A row of a table of beliefs: who was asked, about what, and the mean of each metric."""

    task: str
    who: str
    """A model, a method after its updates, or a reference."""
    n: int
    """The number of points or blocks."""
    means: Mapping[str, Interval]
    """The mean of each metric over the points or blocks that it applies to; left out where it applies to none."""
    counts: Mapping[str, int]
    """How many points or blocks each metric applies to."""
    pooled: Mapping[str, float]
    """The pooled ratio of each metric: every question weighs alike, instead of every point."""
    about: Mapping[str, Any]
    """Further fields that tell rows apart: protocol, r, cost."""

    def as_json(self) -> dict[str, Any]:
        """Returns the record of a scores file."""
        return asdict(self) | {"means": {name: mean._asdict() for name, mean in self.means.items()}}


def belief_scores(
    task: str, who: str, table: RatioTable, config: ScoreConfig, seed: int, about: Mapping[str, Any] | None = None
) -> BeliefScores:
    """Returns the row of a table: intervals resample its points or blocks."""
    values = table.values.dropna(axis="columns", how="all")
    resampling = Resampling(config.bootstrap_samples, config.confidence, "sample")
    draw = generator(seed, f"slag {task} intervals")
    found = (
        mean_intervals(values.to_numpy(float).T[:, :, None], [_bounds(str(name)) for name in values], resampling, draw)
        if values.size
        else []
    )
    means = {str(name): each.interval for name, each in zip(values, found, strict=True)}
    pooled = {str(name): float(value) for name, value in table.pooled.items() if np.isfinite(value)}
    counts = {str(name): int(count) for name, count in values.notna().sum().items()}
    return BeliefScores(task, who, len(values), means, counts, pooled, dict(about or {}))


def _bounds(metric: str) -> Bounds:
    """Returns the bounds of a metric's value for one point: shares, but for a change in percent points."""
    return (-100.0, 100.0) if metric == "delta_accuracy" else SHARE


def as_table(rows: Iterable[BeliefScores]) -> pd.DataFrame:
    """Returns the CSV of a table: a line for each row and metric."""
    lines = [
        {"task": row.task, "who": row.who, **row.about, "metric": name, "n": row.counts[name], **mean._asdict()}
        | {"pooled": row.pooled.get(name, float("nan"))}
        for row in rows
        for name, mean in row.means.items()
    ]
    return pd.DataFrame(lines)


def read_belief_scores(path: Path) -> list[BeliefScores]:
    """Reads the rows of a scores file."""
    records = json.loads(path.read_text(encoding="utf-8"))
    means = [{name: Interval(**mean) for name, mean in record.pop("means").items()} for record in records]
    return [BeliefScores(**record, means=its) for record, its in zip(records, means, strict=True)]
