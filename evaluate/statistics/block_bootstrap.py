"""Block bootstrap: points and seeds are resampled with replacement, as whole rows and whole columns of a matrix.

Shapes: M metrics, n points, s seeds, B resamples. Source: Hase et al., 2021, section 4 and appendix D.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.statistics.interval import Interval

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Varies = Literal["sample", "seed", "both"]

_DRAWS_AT_ONCE: Final = 2_000_000  # drawn points that are held together: two arrays of 16 MB
_DIGITS: Final = 53  # binary digits of a float64
_BIAS_WORTH_TELLING: Final = 0.01


@dataclass(frozen=True)
class Resampling:
    """How a bootstrap resamples."""

    samples: int = 10_000
    """The number of resamples, B."""
    confidence: float = 0.95
    """The probability of the intervals."""
    varies: Varies = "both"
    """Each resample draws these anew: the points ("sample"), the seeds ("seed"), or both."""


class Drawn(NamedTuple):
    """The points and seeds of some resamples."""

    points: Indices  # [b, n]
    seeds: Indices  # [b, s]


class ResampledDifference(NamedTuple):
    """The difference of two means over one set of resamples."""

    interval: Interval
    as_extreme: int
    """How many of the centred differences are at least as far from 0 as the sample difference."""
    samples: int
    """The number of resamples that hold values of both."""


@dataclass(frozen=True)
class ResampledMeans:
    """The means of M metrics over one set of resamples. All metrics see the same draws, so any two are paired."""

    sample: Floats
    """The mean of each metric over its values as measured, [M]."""
    resampled: Floats
    """The mean of each metric in each resample, [B, M]; NaN where a resample holds no value of the metric."""
    steps: Floats
    """The grid of each metric, [M]: its values are rounded to multiples of this (see `on_grid`)."""

    def interval(self, metric: int, confidence: float) -> Interval:
        """Returns the sample mean with the percentile interval: the quantiles (1 - c) / 2 and (1 + c) / 2."""
        return _percentiles(float(self.sample[metric]), _numbers(self.resampled[:, metric]), confidence)

    def statistic(self, of: Callable[[Floats], Floats], confidence: float) -> Interval:
        """Returns a statistic of the M means with its percentile interval; a resample without the statistic has no say.

        `of` takes means [..., M] to statistics [...], NaN where there is none. The interval is (NaN, NaN) if no
        resample has the statistic.
        """
        resampled = _numbers(of(self.resampled))
        sample = float(of(self.sample[np.newaxis])[0])
        return _percentiles(sample, resampled if len(resampled) else np.full(1, np.nan), confidence)

    def bootstrap_mean(self, metric: int) -> float:
        """Returns the mean of the bootstrap means. The published code of SLAG prints it as the estimate."""
        return float(np.mean(_numbers(self.resampled[:, metric])))

    def warning(self, metric: int) -> str:
        """Returns a warning where the bootstrap does not centre on the sample mean, or has empty resamples; else "".

        Two differences are none of the bootstrap's making: one below 1% of the sample mean, and one below four standard
        errors of B resamples.
        """
        means = _numbers(self.resampled[:, metric])
        sample, centre = float(self.sample[metric]), self.bootstrap_mean(metric)
        noise = 4 * float(np.std(means)) / math.sqrt(len(means))
        texts = []
        if abs(centre - sample) > max(_BIAS_WORTH_TELLING * abs(sample), noise):
            texts.append(f"the bootstrap means average {centre:.4g}, more than 1% off the sample mean {sample:.4g}")
        if empty := len(self.resampled) - len(means):
            texts.append(f"{empty} of {len(self.resampled)} resamples hold no value and are left out")
        return "; ".join(texts)

    def difference(self, first: int, second: int, confidence: float) -> ResampledDifference:
        """Returns mean(first) - mean(second), and how many resamples are as extreme.

        With d the difference of the sample means and d_b that of resample b, it counts the b with |d_b - d| >= |d|
        (two-sided; Hall and Wilson, 1991, "Two guidelines for bootstrap hypothesis testing"). Equality counts, so that
        two equal metrics have p = 1. Resamples without a value of either metric are left out.
        """
        sample = float(self.sample[first] - self.sample[second])
        resampled = _numbers(self.resampled[:, first] - self.resampled[:, second])
        # Values are rounded to the grid, and quotients to float64: a tie is a tie to within the coarser grid.
        slack = 2 * max(self.steps[first], self.steps[second])
        as_extreme = int(np.count_nonzero(np.abs(resampled - sample) >= abs(sample) - slack))
        return ResampledDifference(_percentiles(sample, resampled, confidence), as_extreme, len(resampled))


def block_bootstrap(values: Floats, resampling: Resampling, draw: np.random.Generator) -> ResampledMeans:
    """Returns the mean of each metric in each of B resamples of rows (points) and columns (seeds).

    `values` [M, n, s] holds NaN where a seed has no value for a point. Points and seeds without a value of any metric
    are left out before the draws. A resample draws n of the points and s of the seeds, with replacement, and takes the
    mean of the values in that sub-matrix. As weights: with w_r [n] and w_c [s] the numbers of times that each point and
    each seed were drawn, X0 the values with 0 for NaN, and Mask their presence,

        mean_b = w_r' X0 w_c / w_r' Mask w_c.

    Values are first rounded to a grid on which these sums are exact (`on_grid`), so the weights give to the last bit
    what indexing gives, on every machine and in every order.

    Raises ValueError for an infinite value, for a metric without a value, and where the one seed should vary alone.
    """
    values = _measured_block(values)
    _, n, s = values.shape
    if resampling.varies == "seed" and s == 1:
        raise ValueError("one seed has no variance: let the sample vary")
    rounded, steps = on_grid(values)
    means = [means_of(rounded, drawn) for drawn in draws(n, s, resampling, draw)]
    resampled = np.concatenate(means)
    if np.isnan(resampled).all(axis=0).any():
        raise ValueError("no resample holds a value of one of the metrics: take more resamples")
    return ResampledMeans(np.array([sample_mean(metric) for metric in values]), resampled, steps)


def draws(n: int, s: int, resampling: Resampling, draw: np.random.Generator) -> Iterator[Drawn]:
    """Yields the points and seeds of all resamples, some resamples at a time: points [b, n] and seeds [b, s].

    What does not vary is taken as it is: every point once, or every seed once.
    """
    B, varies = resampling.samples, resampling.varies
    seeds = np.broadcast_to(np.arange(s), (B, s)) if varies == "sample" else draw.integers(0, s, (B, s))
    at_once = max(1, _DRAWS_AT_ONCE // n)
    for begin in range(0, B, at_once):
        some = seeds[begin : begin + at_once]
        b = len(some)
        points = np.broadcast_to(np.arange(n), (b, n)) if varies == "seed" else draw.integers(0, n, (b, n))
        yield Drawn(points, some)


def means_of(values: Floats, drawn: Drawn) -> Floats:
    """Returns the mean of each metric in each of these resamples, [b, M], by weights (formula: `block_bootstrap`)."""
    _, n, s = values.shape
    w_r, w_c = _weights(drawn.points, n), _weights(drawn.seeds, s)
    missing = np.isnan(values)
    present = np.where(missing, 0.0, values)
    if not missing.any():
        return _weighted(w_r, present, w_c) / (n * s)
    # One product for both: threads that wait for each other cost more than the sums.
    totals, counts = np.split(_weighted(w_r, np.concatenate([present, ~missing]), w_c), 2, axis=1)
    return np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0)


def on_grid(values: Floats) -> tuple[Floats, Floats]:
    """Returns values [M, n, s] rounded to a grid for each metric, and the steps of the grids [M].

    The step is the power of two 2^(e + t - 53), with all |x| <= 2^e and n s <= 2^t. A sum of n s such values is a whole
    number of steps below 2^53, hence exact in float64, in every order. A value moves by at most half a step: at 5,000
    points, 5 seeds and values in [0, 1], by 2^-39 = 2e-12. Shares do not move at all.
    """
    _, n, s = values.shape
    largest = np.nanmax(np.abs(values), axis=(1, 2))
    exponents = np.frexp(largest)[1] + (n * s - 1).bit_length() - _DIGITS
    steps = np.ldexp(1.0, np.maximum(exponents, -1022))  # below it a step would have no reciprocal
    return np.rint(values / steps[:, None, None]) * steps[:, None, None], steps


def sample_mean(values: Floats) -> float:
    """Returns the mean of the values that are no NaN, rounded once."""
    present = values[~np.isnan(values)]
    return math.fsum(present.tolist()) / len(present)


def _measured_block(values: Floats) -> Floats:
    """Returns the values [M, n, s] without the points and seeds that have no value of any metric."""
    if np.isinf(values).any():
        raise ValueError("a value is infinite: its mean has no interval")
    present = ~np.isnan(values)
    if not values.size or not present.any(axis=(1, 2)).all():
        raise ValueError("no values: a mean of nothing has no interval")
    return values[:, present.any(axis=(0, 2))][:, :, present.any(axis=(0, 1))]


def _weights(drawn: Indices, size: int) -> Floats:
    """Returns how often each of `size` items was drawn in each resample: [b, k] -> [b, size]."""
    weights = np.empty((len(drawn), size))
    for counts, its in zip(weights, drawn, strict=True):  # one at a time: so the counters fit into a cache
        counts[:] = np.bincount(its, minlength=size)
    return weights


def _weighted(w_r: Floats, matrices: Floats, w_c: Floats) -> Floats:
    """Returns w_r' X w_c for each resample and each matrix: [b, n], [M, n, s], [b, s] -> [b, M]."""
    M, n, s = matrices.shape
    by_seed = (w_r @ matrices.transpose(1, 0, 2).reshape(n, M * s)).reshape(-1, M, s)
    return np.einsum("bms,bs->bm", by_seed, w_c)


def _numbers(means: Floats) -> Floats:
    return means[~np.isnan(means)]


def _percentiles(sample: float, means: Floats, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(sample, float(low), float(high))
