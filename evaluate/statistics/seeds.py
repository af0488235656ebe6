"""Means over model seeds: t intervals and t tests, for effects that are one number a seed.

Seeds are few and share no data, so their means are treated as normal. The block bootstrap (`block_bootstrap`) resamples
what a seed was measured on, too; an effect is reported with both. Shapes: n seeds, k second-stage seeds of each.
Source: Student, 1908, "The probable error of a mean".
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from worldgen.evaluate.statistics.block_bootstrap import Floats
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import all_equal

Alternative = Literal["two-sided", "greater"]


class TTest(NamedTuple):
    """A t statistic, its degrees of freedom, and its p value."""

    t: float
    degrees: int
    p: float


def average_second_stage(values: Floats) -> Floats:
    """Returns the mean of each seed over its second-stage seeds, [n, k] -> [n].

    The k values of a seed share a first stage, so they are no k independent values. Raises ValueError for a seed
    without a value (NaN).
    """
    if np.isnan(values).any():
        raise ValueError("a seed has no value: average whole seeds")
    return values.mean(axis=1)


def t_interval(values: Floats, confidence: float) -> Interval:
    """Returns the mean of n seeds with its t interval: mean ± t_(n - 1)((1 + confidence) / 2) s / sqrt(n).

    s is the sample's standard deviation, with n - 1. Equal values have an interval without width. Raises ValueError for
    fewer than two seeds.
    """
    mean, error = _mean_and_error(values)
    half = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * error
    return Interval(mean, mean - half, mean + half)


def paired_t(first: Floats, second: Floats, alternative: Alternative = "two-sided") -> TTest:
    """Tests mean(first - second) = 0 over n seeds that both conditions share: t = mean / (s / sqrt(n)), n - 1 degrees.

    Where all differences are equal there is no t (it is infinite, or NaN where they are 0). Then the sign test has the
    last word: p = 2^(1 - n), or 2^(-n) of one side; and p = 1 for no difference. Raises ValueError for different
    numbers of seeds and for fewer than two.
    """
    if first.shape != second.shape:
        raise ValueError(f"paired conditions hold the same seeds, not {first.shape} and {second.shape}")
    differences = first - second
    mean, error = _mean_and_error(differences)
    n = len(differences)
    if error == 0:
        by_signs = {"two-sided": 2.0 ** (1 - n) if mean else 1.0, "greater": 2.0**-n if mean > 0 else 1.0}
        return TTest(math.copysign(math.inf, mean) if mean else math.nan, n - 1, by_signs[alternative])
    return _t_test(mean / error, n - 1, alternative)


def pooled_t_greater(first: Floats, second: Floats) -> TTest:
    """Tests mean(first) <= mean(second) as the published code of implicit meta-learning does; for comparison only.

    t = (mean1 - mean2) / sqrt(v (1 / n1 + 1 / n2)), v = ((n1 - 1) s1^2 + (n2 - 1) s2^2) / (n1 + n2 - 2): one-sided,
    and as if no seed were shared. It calls effects too uncertain where seeds make both conditions rise and fall
    together, and too certain where several of its values come from one seed. Raises ValueError for fewer than two
    seeds, and where no value varies.
    """
    (mean1, error1), (mean2, error2) = _mean_and_error(first), _mean_and_error(second)
    n1, n2 = len(first), len(second)
    degrees = n1 + n2 - 2
    v = ((n1 - 1) * n1 * error1**2 + (n2 - 1) * n2 * error2**2) / degrees
    if v == 0:
        raise ValueError("no value varies: there is no t")
    return _t_test((mean1 - mean2) / math.sqrt(v * (1 / n1 + 1 / n2)), degrees, "greater")


def _t_test(t: float, degrees: int, alternative: Alternative) -> TTest:
    p = float(stdtr(degrees, -t)) if alternative == "greater" else 2 * float(stdtr(degrees, -abs(t)))
    return TTest(t, degrees, p)


def _mean_and_error(values: Floats) -> tuple[float, float]:
    """Returns the mean of n values and its standard error, s / sqrt(n); exactly 0 for values equal up to rounding."""
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values of two seeds or more are needed, not {values.shape}: one seed has no variance")
    if not np.isfinite(values).all():
        raise ValueError("a seed has no finite value: its mean has no interval")
    if all_equal(values):
        return float(values[0]), 0.0
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
