"""Student's t over seeds: a mean with its interval, and whether it differs from 0."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from worldgen.evaluate.statistics.block_bootstrap import Floats
from worldgen.evaluate.statistics.interval import Interval


class TTest(NamedTuple):
    """The mean of one number a seed. A paired test is the test of the seeds' differences."""

    interval: Interval
    p: float
    """Two-sided p value against a mean of 0."""


def t_test(values: Floats, confidence: float) -> TTest:
    """Returns the mean of `values` [s] with its interval, mean +- t_{s-1} sd / sqrt(s), and its test against 0.

    One value has no interval: its ends and p are NaN. Equal values have an interval without width. Raises ValueError
    for no values.
    """
    s = len(values)
    if not s:
        raise ValueError("no values: a mean of nothing has no interval")
    mean = float(np.mean(values))
    if s == 1:
        return TTest(Interval(mean, float("nan"), float("nan")), float("nan"))
    error = float(np.std(values, ddof=1)) / s**0.5
    half = float(student.ppf((1 + confidence) / 2, s - 1)) * error
    if error == 0:
        return TTest(Interval(mean, mean, mean), float(mean == 0))
    return TTest(Interval(mean, mean - half, mean + half), float(2 * student.sf(abs(mean) / error, s - 1)))
