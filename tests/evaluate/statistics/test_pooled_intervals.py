"""Intervals of pooled ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest

from worldgen.evaluate.statistics.block_bootstrap import Resampling, draws
from worldgen.evaluate.statistics.intervals import exact_binomial
from worldgen.evaluate.statistics.pooled import pooled_intervals
from worldgen.evaluate.statistics.ratios import Ratios

RESAMPLING = Resampling(500, 0.9, "sample")


def test_the_interval_is_that_of_resampled_sums() -> None:
    """The oracle indexes the rows of the same draws; a resample without trials is left out. Ratios share the draws."""
    trials = np.array([2.0, 0, 4, 0])
    shares = {"a": np.array([1.0, 0, 3, 0]), "b": np.array([0.0, 0, 1, 0])}
    ratios = {name: Ratios(hits, trials) for name, hits in shares.items()}
    found = pooled_intervals(ratios, RESAMPLING, np.random.default_rng(1))
    rows = np.concatenate([drawn.points for drawn in draws(4, 1, RESAMPLING, np.random.default_rng(1))])
    for name, hits in shares.items():
        resampled = [hits[row].sum() / trials[row].sum() for row in rows if trials[row].sum()]
        assert len(resampled) < 500
        assert found[name] == pytest.approx((hits.sum() / 6, *np.quantile(resampled, [0.05, 0.95])))


def test_a_share_of_nothing_or_of_all_has_the_exact_interval() -> None:
    """Three rows have trials: 0 of 3 rows leaves open up to 1 - .05^(1/3)."""
    trials = np.array([2.0, 0, 4, 1])
    shares = {"none": Ratios(np.zeros(4), trials), "all": Ratios(trials, trials)}
    found = pooled_intervals(shares, RESAMPLING, np.random.default_rng(0))
    assert found == {"none": exact_binomial(0, 3, 0.9), "all": exact_binomial(3, 3, 0.9)}
    assert found["none"].high == pytest.approx(1 - 0.05 ** (1 / 3))


def test_no_trials_have_no_ratio() -> None:
    nothing = Ratios(np.zeros(3), np.zeros(3))
    for others in ({}, {"b": Ratios(np.ones(3), 2 * np.ones(3))}):
        found = pooled_intervals({"a": nothing, **others}, RESAMPLING, np.random.default_rng(0))
        assert all(map(math.isnan, found["a"]))
        assert found.keys() == {"a", *others}
