"""Chooses the interval of a mean: the block bootstrap, or the exact binomial where a bootstrap would be too narrow.

Shapes: M metrics, n points, s seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.special import betaincinv

from worldgen.evaluate.statistics.block_bootstrap import Floats, ResampledDifference, Resampling, block_bootstrap
from worldgen.evaluate.statistics.interval import Interval

IntervalMethod = Literal["block bootstrap", "exact binomial"]
BOOTSTRAP: Final[IntervalMethod] = "block bootstrap"
EXACT: Final[IntervalMethod] = "exact binomial"
INTERVAL_METHODS: Final = (BOOTSTRAP, EXACT)
Bounds = tuple[float, float]
"""The least and the greatest value that one point can have."""

SHARE: Final[Bounds] = (0.0, 1.0)
"""The bounds of shares, of probabilities and of distances between probabilities."""
DIFFERENCE_OF_SHARES: Final[Bounds] = (-1.0, 1.0)
_ROUNDING: Final = 2.0**-40  # some thousand times the rounding of a float64


@dataclass(frozen=True)
class Estimate:
    """The mean of a metric with its interval, and how the interval was found."""

    interval: Interval
    method: IntervalMethod
    bootstrap_mean: float
    """The mean of the bootstrap means, to be compared with `interval.mean`."""
    warning: str
    """A warning to the reader about the bootstrap; "" for none."""


@dataclass(frozen=True)
class Difference:
    """The paired difference of two conditions, first - second, with its test against no difference."""

    estimate: Estimate
    as_extreme: int
    """How many of the centred bootstrap differences are at least as far from 0 as the difference (two-sided)."""
    samples: int
    """The number of bootstrap differences, B."""

    @property
    def p(self) -> float:
        """The p value in (0, 1]: `as_extreme` / B, but never below 1 / B."""
        return max(self.as_extreme, 1) / self.samples

    @property
    def p_in_words(self) -> str:
        """The p value as a table shows it: "0.013", or "<0.0001" where no bootstrap difference is as extreme."""
        return f"{self.p:.2g}" if self.as_extreme else f"<{self.p:g}"


def mean_intervals(
    values: Floats, bounds: Sequence[Bounds | None], resampling: Resampling, draw: np.random.Generator
) -> list[Estimate]:
    """Returns the mean of each metric with its interval (`choose_interval`); all metrics share one bootstrap's draws.

    `values` [M, n, s] holds NaN where a seed has no value for a point. `bounds` [M] are those of one point's value,
    None for a metric without bounds. Raises ValueError as `block_bootstrap` does.
    """
    found = block_bootstrap(values, resampling, draw)
    estimates = []
    for m, (metric, its_bounds) in enumerate(zip(values, bounds, strict=True)):
        bootstrapped = found.interval(m, resampling.confidence)
        chosen = choose_interval(metric, its_bounds, resampling, bootstrapped)
        estimates.append(Estimate(*chosen, found.bootstrap_mean(m), found.warning(m)))
    return estimates


def paired_differences(
    first: Floats, second: Floats, bounds: Sequence[Bounds | None], resampling: Resampling, draw: np.random.Generator
) -> list[Difference]:
    """Returns first - second of each metric, with its interval and its test against no difference.

    Both conditions [M, n, s] hold the same points and seeds, and each resample draws the same rows and columns of both.
    Each condition is averaged over its own values, so the difference is that of the two means in a table. `bounds` [M]
    are those of one point's value in either condition. Raises ValueError as `block_bootstrap` does, and where the
    shapes differ.

    The test counts resamples (`ResampledMeans.difference`). Where all n pairs differ by the same amount, all resamples
    are equal and would call any difference certain. The sign test then has the last word: p >= 2^(1 - n).
    """
    if first.shape != second.shape:
        raise ValueError(f"paired conditions hold the same points and seeds, not {first.shape} and {second.shape}")
    M = len(first)
    found = block_bootstrap(np.concatenate([first, second]), resampling, draw)
    differences = []
    for m, its_bounds in enumerate(bounds):
        centre = found.bootstrap_mean(m) - found.bootstrap_mean(M + m)
        warning = "; ".join(filter(None, (found.warning(m), found.warning(M + m))))
        resampled = found.difference(m, M + m, resampling.confidence)
        interval, method, as_extreme = _judged(first[m], second[m], its_bounds, resampling, resampled)
        differences.append(Difference(Estimate(interval, method, centre, warning), as_extreme, resampled.samples))
    return differences


def _judged(
    first: Floats, second: Floats, bounds: Bounds | None, resampling: Resampling, resampled: ResampledDifference
) -> tuple[Interval, IntervalMethod, int]:
    """Returns the interval of a paired difference [n, s], its method, and how many resamples are as extreme."""
    if not np.array_equal(np.isnan(first), np.isnan(second)):
        return resampled.interval, BOOTSTRAP, resampled.as_extreme
    pairs, as_extreme = first - second, resampled.as_extreme
    if all_equal(pairs):
        as_extreme = max(as_extreme, int(resampled.samples * 2.0 ** (1 - _units(pairs, resampling))))
    return *choose_interval(pairs, _of_a_difference(bounds), resampling, resampled.interval), as_extreme


def choose_interval(
    values: Floats, bounds: Bounds | None, resampling: Resampling, bootstrapped: Interval
) -> tuple[Interval, IntervalMethod]:
    """Returns the interval of a metric's mean, and the method that it was found by.

    "exact binomial" (`exact_binomial`) where one seed has values that are all 0 or 1 and `bounds` is SHARE. Near 0 and
    1 a bootstrap of shares is too narrow; where all n points are right, it has no width at all.

    "exact binomial" also where all values are equal, for any bounds [a, b] and any number of seeds. n points with the
    same value c leave open, with this confidence, that up to u = 1 - (alpha / 2)^(1 / n) of all points have another
    value between a and b. So the interval is [c - (c - a) u, c + (b - c) u]. A point counts once for all its seeds.

    "block bootstrap" everywhere else: fractional values, several seeds, metrics without bounds.

    Shapes: values [n, s], with NaN where there is none; `bootstrapped` is their bootstrap interval.
    """
    if bounds is None:
        return bootstrapped, BOOTSTRAP
    present = values[~np.isnan(values)]
    if all_equal(values):
        u = 1 - ((1 - resampling.confidence) / 2) ** (1 / _units(values, resampling))
        c, (least, greatest) = bootstrapped.mean, bounds
        return Interval(c, c - max(c - least, 0.0) * u, c + max(greatest - c, 0.0) * u), EXACT
    one_seed = (~np.isnan(values)).any(axis=0).sum() == 1
    if bounds == SHARE and one_seed and np.isin(present, (0.0, 1.0)).all():
        return exact_binomial(int(present.sum()), len(present), resampling.confidence), EXACT
    return bootstrapped, BOOTSTRAP


def exact_binomial(successes: int, trials: int, confidence: float) -> Interval:
    """Returns a share with its exact two-sided interval (Clopper and Pearson, 1934).

    With k of n successes and alpha = 1 - confidence, the ends are quantiles of beta distributions:

        low = Beta^-1(alpha / 2; k, n - k + 1), 0 for k = 0
        high = Beta^-1(1 - alpha / 2; k + 1, n - k), 1 for k = n

    For every true share, the interval holds it with at least this confidence. Raises ValueError for no trials.
    """
    if trials < 1:
        raise ValueError("no trials: a share of nothing has no interval")
    k, n, tail = successes, trials, (1 - confidence) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return Interval(k / n, low, high)


def _of_a_difference(bounds: Bounds | None) -> Bounds | None:
    """Returns the bounds of a difference of two values with these bounds."""
    if bounds is None:
        return None
    width = bounds[1] - bounds[0]
    return -width, width


def all_equal(values: Floats) -> bool:
    """Returns whether all values are one, but for the rounding of the subtractions that they come from."""
    least, greatest = float(np.nanmin(values)), float(np.nanmax(values))
    return greatest - least <= _ROUNDING * max(abs(least), abs(greatest))


def _units(values: Floats, resampling: Resampling) -> int:
    """Returns how many units with a value vary: the points, or the seeds where only seeds do."""
    present = ~np.isnan(values)
    return int(present.any(axis=0 if resampling.varies == "seed" else 1).sum())
