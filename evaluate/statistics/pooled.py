"""Intervals of pooled ratios: rows are resampled, and each resample has the ratio of its sums."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from worldgen.evaluate.statistics.block_bootstrap import Resampling, block_bootstrap
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import exact_binomial
from worldgen.evaluate.statistics.ratios import Ratios


def pooled_intervals(
    shares: Mapping[str, Ratios], resampling: Resampling, draw: np.random.Generator
) -> dict[str, Interval]:
    """Returns each pooled ratio with its percentile interval over resampled rows; NaN where there are no trials.

    Resample b has sum_i w_i hits_i / sum_i w_i trials_i, with w_i how often row i was drawn: the same draws for all
    ratios. A resample without trials has no ratio and is left out. The trials of a row hang together, so rows vary.

    A ratio of exactly 0 or 1 has no width in any resample. Its interval is the exact binomial one of as many
    successes or failures as there are rows with trials. Each ratio is a share: hits are at most trials.
    Shapes: N rows, the same of every ratio.
    """
    known = {name: ratios for name, ratios in shares.items() if ratios.trials.any()}
    found = dict.fromkeys(shares, Interval(math.nan, math.nan, math.nan))
    if not known:
        return found
    parts = np.stack([part for ratios in known.values() for part in (ratios.hits, ratios.trials)])
    means = block_bootstrap(parts[:, :, None], resampling, draw).resampled
    tail = (1 - resampling.confidence) / 2
    for number, (name, ratios) in enumerate(known.items()):
        if ratios.pooled in (0.0, 1.0):
            rows = int(np.count_nonzero(ratios.trials))
            found[name] = exact_binomial(round(ratios.pooled) * rows, rows, resampling.confidence)
            continue
        hits, trials = means[:, 2 * number], means[:, 2 * number + 1]
        low, high = np.quantile(hits[trials > 0] / trials[trials > 0], [tail, 1 - tail])
        found[name] = Interval(ratios.pooled, float(low), float(high))
    return found
