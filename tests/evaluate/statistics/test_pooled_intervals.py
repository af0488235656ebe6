"""Intervals of pooled ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest

from worldgen.evaluate.statistics.block_bootstrap import Resampling, draws
from worldgen.evaluate.statistics.pooled import pooled_interval
from worldgen.evaluate.statistics.ratios import Ratios

RESAMPLING = Resampling(500, 0.9, "sample")


def test_the_interval_is_that_of_resampled_sums() -> None:
    """The oracle indexes the rows of the same draws; a resample without trials is left out."""
    hits, trials = np.array([1.0, 0, 3, 0]), np.array([2.0, 0, 4, 0])
    found = pooled_interval(Ratios(hits, trials), RESAMPLING, np.random.default_rng(1))
    rows = np.concatenate([drawn.points for drawn in draws(4, 1, RESAMPLING, np.random.default_rng(1))])
    ratios = [hits[row].sum() / trials[row].sum() for row in rows if trials[row].sum()]
    assert len(ratios) < 500
    assert found == pytest.approx((4 / 6, *np.quantile(ratios, [0.05, 0.95])))


def test_no_trials_have_no_ratio() -> None:
    assert all(map(math.isnan, pooled_interval(Ratios(np.zeros(3), np.zeros(3)), RESAMPLING, np.random.default_rng(0))))
