"""From predictions to rows of a table: the mean of every metric over points or blocks, with its interval."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
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
    return belief_scores_of_seeds(task, who, [table], config, seed, about)


def belief_scores_of_seeds(
    task: str, who: str, tables: Sequence[RatioTable], config: ScoreConfig, seed: int,
    about: Mapping[str, Any] | None = None,
) -> BeliefScores:  # fmt: skip
    """Returns the row of a table over several seeds of the model: intervals resample points or blocks, and seeds.

    A row of one table is that of another if both have its name. Where a seed has no such row, it has a gap there.
    """
    of_seeds = [table.values for table in tables]
    names = list(dict.fromkeys(str(name) for values in of_seeds for name in values))
    rows = list(dict.fromkeys(row for values in of_seeds for row in values.index))
    values = np.stack([each.reindex(index=rows, columns=names).to_numpy(float).T for each in of_seeds], axis=2)
    known = ~np.isnan(values).all(axis=(1, 2))
    names, values = [name for name, is_known in zip(names, known, strict=True) if is_known], values[known]
    resampling = Resampling(config.bootstrap_samples, config.confidence, "sample" if len(tables) == 1 else "both")
    draw = generator(seed, f"slag {task} intervals")
    found = mean_intervals(values, [_bounds(name) for name in names], resampling, draw) if names else []
    means = {name: each.interval for name, each in zip(names, found, strict=True)}
    pooled = {name: _pooled(tables, name) for name in names}
    counts = {name: int((~np.isnan(its)).any(axis=1).sum()) for name, its in zip(names, values, strict=True)}
    return BeliefScores(task, who, len(rows), means, counts, pooled, dict(about or {}))


def _pooled(tables: Iterable[RatioTable], name: str) -> float:
    """Returns the pooled ratio of a metric over all tables."""
    its = [table.columns[name] for table in tables if name in table.columns]
    return float(sum(ratios.hits.sum() for ratios in its) / sum(ratios.trials.sum() for ratios in its))


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
