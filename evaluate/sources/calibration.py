"""Trust against rational trust, source by source: is what a source says believed as much as it should be?

The trust in source k is the mean belief in what it says, tau_k = mean over facts f of p(o_f | s_f r_f) after the source
has said "s_f r_f o_f"; its rational value p*_k is the same mean of the agent's credences. Where every source says the
same of the same facts, sources are compared fact by fact: intervals resample facts (and seeds) as whole rows.

    logit tau_k = intercept + slope logit p*_k         least squares over sources; a rational mind has 0 and 1
    error       = mean over facts and sources of |tau - p*|
    ratio       = (tau_best - tau_worst) / (p*_best - p*_worst), best and worst by p*
    rank        = Spearman's correlation of tau_k with p*_k

Shapes: K sources, F facts, s seeds. Source: the design's B7.7, after Krasheninnikov et al., 2024.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import rankdata

from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.statistics.block_bootstrap import Floats, Resampling, block_bootstrap
from worldgen.evaluate.statistics.interval import Interval

CALIBRATION_METRICS: Final = (
    Metric("error", "Trust against rational trust", "mean absolute error", "error", "less"),
    Metric("slope", "Trust against rational trust", "slope (1 is rational)", "slope", "more"),
    Metric("intercept", "Trust against rational trust", "intercept (0 is rational)", "intercept", "more"),
    Metric("ratio", "Trust against rational trust", "best less worst, of the rational", "ratio", "more"),
    Metric("rank", "Trust against rational trust", "rank correlation", "rank", "more"),
)


@dataclass(frozen=True)
class Calibration:
    """How far trust in K sources goes with rational trust."""

    trust: tuple[Interval, ...]
    """[K]: tau_k."""
    rational: tuple[Interval, ...]
    """[K]: p*_k. Its interval is that of the facts: the agent itself is certain of its credences."""
    summary: Mapping[str, Interval]
    """The value of each of `CALIBRATION_METRICS`; NaN where there is none: no slope where some tau_k is 0 or 1."""


def calibration(trust: Floats, rational: Floats, resampling: Resampling, draw: np.random.Generator) -> Calibration:
    """Returns how trust goes with rational trust.

    Shapes: trust and rational [K, F, s], NaN where a source said nothing of a fact; some source spoke of each fact.
    Raises ValueError for other shapes, for fewer than two sources, and for a number outside 0 .. 1.
    """
    K = len(trust)
    if trust.shape != rational.shape or trust.ndim != 3 or K < 2:
        raise ValueError(f"two sources or more, of shape [K, F, s] both: not {trust.shape} and {rational.shape}")
    for numbers in (trust, rational):
        if np.nanmin(numbers) < 0 or np.nanmax(numbers) > 1:
            raise ValueError("a belief is a probability: from 0 to 1")
    distance = np.nanmean(np.abs(trust - rational), axis=0, keepdims=True)
    means = block_bootstrap(np.concatenate([trust, rational, distance]), resampling, draw)
    found = {name: means.statistic(of, resampling.confidence) for name, of in _statistics(K).items()}
    by_source = [means.interval(m, resampling.confidence) for m in range(2 * K)]
    return Calibration(tuple(by_source[:K]), tuple(by_source[K:]), found)


def _statistics(K: int) -> dict[str, Callable[[Floats], Floats]]:
    """Returns each statistic as a function of the 2 K + 1 means: of trust, of rational trust, of their distance."""

    def of_both(statistic: Callable[[Floats, Floats], Floats]) -> Callable[[Floats], Floats]:
        return lambda means: statistic(means[..., :K], means[..., K : 2 * K])

    return {
        "error": lambda means: means[..., 2 * K],
        "slope": of_both(lambda tau, p: _line(tau, p)[0]),
        "intercept": of_both(lambda tau, p: _line(tau, p)[1]),
        "ratio": of_both(trust_ratio),
        "rank": of_both(rank_correlation),
    }


def _line(tau: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Returns slope and intercept of logit tau over logit p by least squares: [..., K] both -> [...] each."""
    with np.errstate(invalid="ignore"):
        x, y = logit(p), logit(tau)
        dx = x - x.mean(axis=-1, keepdims=True)
        slope = _ratio((dx * y).sum(axis=-1), (dx**2).sum(axis=-1))
        intercept = y.mean(axis=-1) - slope * x.mean(axis=-1)
    return slope, np.where(np.isfinite(intercept), intercept, np.nan)


def trust_ratio(tau: Floats, p: Floats) -> Floats:
    """Returns (tau_best - tau_worst) / (p_best - p_worst), best and worst by p; NaN if all p are equal.

    Where several sources are best, or worst, their mean tau counts.
    Shapes: [..., K] both -> [...]. A rational mind has 1; one that believes everybody alike has 0.
    """
    most, least = p.max(axis=-1, keepdims=True), p.min(axis=-1, keepdims=True)
    best, worst = _mean_where(tau, p == most), _mean_where(tau, p == least)
    return _ratio(best - worst, (most - least)[..., 0])


def _mean_where(tau: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Returns the mean of tau over the chosen sources: [..., K] -> [...]."""
    return _ratio(np.where(chosen, tau, 0.0).sum(axis=-1), chosen.sum(axis=-1))


def rank_correlation(tau: Floats, p: Floats) -> Floats:
    """Returns Spearman's correlation over the sources, ties with their mean rank; NaN where all ranks are one.

    Shapes: [..., K] both -> [...].
    """
    d_tau, d_p = (ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (rankdata(x, axis=-1) for x in (tau, p)))
    return _ratio((d_tau * d_p).sum(axis=-1), np.sqrt((d_tau**2).sum(axis=-1) * (d_p**2).sum(axis=-1)))


def _ratio(above: Floats, below: Floats) -> Floats:
    """Returns above / below; NaN where one of them is not finite, or nothing is below."""
    fits = np.isfinite(above) & np.isfinite(below) & (below != 0)
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=fits)
