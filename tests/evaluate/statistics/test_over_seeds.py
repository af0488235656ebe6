"""Intervals and tests over seeds: equal to scipy's, and what they say where nothing varies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from worldgen.evaluate.statistics.seeds import average_second_stage, paired_t, pooled_t_greater, t_interval

# Accuracies of five seeds on two subsets. The golden numbers are of scipy 1.17.1, computed once.
D5 = np.array([0.646, 0.624, 0.563, 0.601, 0.633])
D6 = np.array([0.613, 0.600, 0.562, 0.570, 0.611])
GOLDEN_INTERVAL = (0.6134, 0.5729114712443127, 0.6538885287556874)
GOLDEN_PAIRED = (3.9037587139159635, 0.017485800907711836)
GOLDEN_POOLED = (1.231434435620008, 0.12656493473725558)

seeds = st.integers(2, 12).flatmap(
    lambda n: st.tuples(*[st.lists(st.floats(-5, 5).map(lambda x: round(x, 3)), min_size=n, max_size=n)] * 2)
)


def test_the_golden_numbers():
    assert t_interval(D5, 0.95) == pytest.approx(GOLDEN_INTERVAL, rel=1e-12)
    assert (paired_t(D5, D6).t, paired_t(D5, D6).p) == pytest.approx(GOLDEN_PAIRED, rel=1e-9)
    assert (pooled_t_greater(D5, D6).t, pooled_t_greater(D5, D6).p) == pytest.approx(GOLDEN_POOLED, rel=1e-9)


@given(seeds, st.floats(0.5, 0.99))
def test_they_are_those_of_scipy(both, confidence):
    first, second = map(np.array, both)
    if len(set((first - second).round(9))) > 1:  # otherwise scipy's t is infinite, NaN, or made of rounding
        for alternative in ("two-sided", "greater"):
            theirs, ours = stats.ttest_rel(first, second, alternative=alternative), paired_t(first, second, alternative)
            assert (ours.t, ours.p, ours.degrees) == pytest.approx((theirs.statistic, theirs.pvalue, theirs.df))
    if len(set(first)) > 1:
        error = first.std(ddof=1) / math.sqrt(len(first))
        low, high = stats.t.interval(confidence, len(first) - 1, first.mean(), error)
        assert t_interval(first, confidence) == pytest.approx((first.mean(), low, high), abs=1e-12)
        summaries = [(x.mean(), x.std(ddof=1), len(x)) for x in (first, second)]
        theirs = stats.ttest_ind_from_stats(*summaries[0], *summaries[1], alternative="greater")
        ours = pooled_t_greater(first, second)
        assert (ours.t, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue), abs=1e-12)


def test_second_stage_seeds_are_no_independent_seeds():
    """Three stage-2 seeds that say the same thing of each seed make nothing more certain."""
    repeated = np.repeat(D5[:, None], 3, axis=1)
    assert t_interval(average_second_stage(repeated), 0.95) == pytest.approx(t_interval(D5, 0.95))
    assert t_interval(repeated.ravel(), 0.95).half_width < 0.6 * t_interval(D5, 0.95).half_width


def test_what_all_seeds_share_does_not_hide_a_paired_difference():
    good_and_bad = np.array([0.0, 0.3, 0.1, 0.4, 0.2])
    assert paired_t(D5 + good_and_bad, D6 + good_and_bad).p == pytest.approx(paired_t(D5, D6).p)
    assert pooled_t_greater(D5 + good_and_bad, D6 + good_and_bad).p > 2 * pooled_t_greater(D5, D6).p


def test_equal_differences_have_the_p_of_the_sign_test():
    assert paired_t(np.full(5, 0.75), np.full(5, 0.5)) == (math.inf, 4, 2**-4)
    assert paired_t(np.full(5, 0.75), np.full(5, 0.5), "greater").p == 2**-5
    assert paired_t(np.full(5, 0.5), np.full(5, 0.75), "greater").p == 1
    assert paired_t(D5, D5).p == 1
    assert paired_t(D5 + 0.1, D5).p == 2**-4  # the differences are equal but for rounding
    assert t_interval(np.full(5, 0.1), 0.95) == (0.1, 0.1, 0.1)


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: t_interval(D5[:1], 0.95),
        lambda: t_interval(np.array([0.5, math.nan]), 0.95),
        lambda: paired_t(D5, D6[:4]),
        lambda: pooled_t_greater(np.ones(3), np.ones(3)),
        lambda: average_second_stage(np.array([[0.5, math.nan]])),
    ],
)
def test_what_has_no_variance_or_no_value_is_refused(impossible):
    with pytest.raises(ValueError, match=r"seed|vari"):
        impossible()
