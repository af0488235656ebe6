"""Ratios counted row by row, such as "right answers out of all questions of a point", and a table of several of them.

A row's own ratio is what intervals resample; the pooled ratio weights every trial alike instead of every row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ratios:
    """For each of N rows: a sum over trials, and the number of trials."""

    hits: NDArray[np.float64]
    """[N]: the successes of each row, or the sum of what its trials measured."""
    trials: NDArray[np.float64]
    """[N]: the number of trials of each row."""

    @staticmethod
    def count(row: NDArray[np.integer], hit: NDArray, rows: int) -> Ratios:
        """Returns the ratios of T trials. Trials whose `hit` is NaN do not count.

        Shapes: row [T], the row of each trial, in 0 .. rows-1; hit [T], bool or float.
        """
        hit = np.asarray(hit, dtype=np.float64)
        known = ~np.isnan(hit)
        return Ratios(
            np.bincount(row[known], hit[known], minlength=rows).astype(np.float64),
            np.bincount(row[known], minlength=rows).astype(np.float64),
        )

    def where(self, chosen: NDArray[np.bool_]) -> Ratios:
        """Returns the same ratios, without the trials of the rows that are not chosen. Shapes: chosen [N]."""
        return Ratios(np.where(chosen, self.hits, 0.0), np.where(chosen, self.trials, 0.0))

    @property
    def values(self) -> NDArray[np.float64]:
        """[N]: hits / trials of each row; NaN for a row without trials."""
        return np.divide(self.hits, self.trials, out=np.full(len(self.hits), np.nan), where=self.trials > 0)

    @property
    def pooled(self) -> float:
        """The sum of all hits / the sum of all trials; NaN if there are no trials."""
        trials = self.trials.sum()
        return float(self.hits.sum() / trials) if trials else float("nan")


@dataclass(frozen=True)
class RatioTable:
    """Several ratios of the same N rows."""

    rows: Sequence[str]
    """[N]: the name of each row."""
    columns: Mapping[str, Ratios]
    """The ratios by the name of their metric."""

    @property
    def values(self) -> pd.DataFrame:
        """One line for each row, one column for each metric; NaN where a metric does not apply to a row."""
        return pd.DataFrame({name: ratios.values for name, ratios in self.columns.items()}, index=list(self.rows))

    @property
    def means(self) -> pd.Series:
        """The mean over the rows of each metric: each row that the metric applies to counts once."""
        return self.values.mean()

    @property
    def pooled(self) -> pd.Series:
        """The pooled ratio of each metric: each trial counts once."""
        return pd.Series({name: ratios.pooled for name, ratios in self.columns.items()}, dtype=np.float64)
