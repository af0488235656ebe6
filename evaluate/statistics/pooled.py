"""Intervals of pooled ratios: rows are resampled, and each resample has the ratio of its sums."""

from __future__ import annotations

import math

import numpy as np

from worldgen.evaluate.statistics.block_bootstrap import Resampling, block_bootstrap
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.ratios import Ratios


def pooled_interval(ratios: Ratios, resampling: Resampling, draw: np.random.Generator) -> Interval:
    """Returns the pooled ratio with its percentile interval over resampled rows; NaN where there are no trials.

    Resample b has sum_i w_i hits_i / sum_i w_i trials_i, with w_i how often row i was drawn. A resample without trials
    has no ratio and is left out.
    """
    if not ratios.trials.any():
        return Interval(math.nan, math.nan, math.nan)
    means = block_bootstrap(np.stack([ratios.hits, ratios.trials])[:, :, None], resampling, draw).resampled
    known = means[means[:, 1] > 0]
    tail = (1 - resampling.confidence) / 2
    low, high = np.quantile(known[:, 0] / known[:, 1], [tail, 1 - tail])
    return Interval(ratios.pooled, float(low), float(high))
