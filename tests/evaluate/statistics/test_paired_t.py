"""Student's t over seeds, against scipy's own test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from worldgen.evaluate.statistics.paired_t import t_test


def test_it_is_scipys_paired_test() -> None:
    draw = np.random.default_rng(0)
    one, other = draw.normal(size=(2, 7))
    found, theirs = t_test(one - other, 0.9), stats.ttest_rel(one, other)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-12)
    low, high = theirs.confidence_interval(0.9)
    assert found.interval == pytest.approx((np.mean(one - other), low, high), rel=1e-12)


def test_one_seed_has_no_interval() -> None:
    found = t_test(np.array([0.5]), 0.95)
    assert found.interval.mean == 0.5
    assert math.isnan(found.interval.low)
    assert math.isnan(found.p)


def test_equal_seeds() -> None:
    assert t_test(np.array([0.5, 0.5]), 0.95) == ((0.5, 0.5, 0.5), 0.0)
    assert t_test(np.zeros(3), 0.95).p == 1.0
    with pytest.raises(ValueError, match="no values"):
        t_test(np.zeros(0), 0.95)
