"""Intervals: against scipy's bootstrap, against the normal law, and with the values of a case kept together."""

import numpy as np
import pytest
from scipy import stats

from worldgen.evaluate.statistics.bootstrap import mean_intervals


def test_intervals_agree_with_scipys_bootstrap():
    values = np.random.default_rng(0).exponential(size=(60, 2))
    ours = mean_intervals(values, 20_000, 0.95, np.random.default_rng(1))
    for column, interval in zip(values.T, ours, strict=True):
        theirs = stats.bootstrap(
            (column,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
        ).confidence_interval
        # The quantiles of 20,000 resamples have a standard error near 2% of the interval's half width.
        tolerance = 0.1 * (theirs.high - theirs.low)
        assert interval.mean == pytest.approx(column.mean(), rel=1e-14)
        assert interval.low == pytest.approx(theirs.low, abs=tolerance)
        assert interval.high == pytest.approx(theirs.high, abs=tolerance)


def test_the_values_of_a_case_are_resampled_together():
    pre = np.random.default_rng(3).normal(size=50)
    values = np.stack([pre, pre + 1, (pre + 1) - pre], axis=1)
    difference = mean_intervals(values, 1000, 0.95, np.random.default_rng(4))[2]
    # Every case differs by exactly 1, so does every resample: to rounding of sums of 50.
    assert difference.low == pytest.approx(1, abs=1e-12)
    assert difference.high == pytest.approx(1, abs=1e-12)


def test_a_wider_confidence_is_a_wider_interval():
    values = np.random.default_rng(5).normal(size=(40, 1))
    narrow, wide = (mean_intervals(values, 4000, c, np.random.default_rng(6))[0] for c in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_no_cases_is_refused():
    with pytest.raises(ValueError, match="no cases"):
        mean_intervals(np.zeros((0, 3)), 10, 0.95, np.random.default_rng(0))


def test_resamples_of_many_cases_are_drawn_in_pieces():
    values = np.random.default_rng(7).normal(size=(3000, 1))
    interval = mean_intervals(values, 3000, 0.95, np.random.default_rng(8))[0]
    half = 1.96 * values.std() / np.sqrt(len(values))
    # Both the normal law and 3,000 resamples are good to some percent of the half width.
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.1)
