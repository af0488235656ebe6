"""The formulas of the Dirichlet, on numbers and arrays."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.bayes.dirichlet import least_weight, predictive, target_credence


def test_predictive_by_hand() -> None:
    assert predictive(3, 4, 0.25, 4) == 3.25 / 5
    assert predictive(3, 4, 1, 4) == 0.5
    np.testing.assert_array_equal(predictive(np.array([0.0, 4.0]), 4, 1, 4), [1 / 8, 5 / 8])


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=50), st.sampled_from([1e-9, 0.02, 1.0, 1e6]))
def test_predictive_sums_to_one(counts: list[int], a: float) -> None:
    n = np.array(counts, float)
    p = predictive(n, n.sum(), a, len(n))
    # Sums of at most 50 numbers, each rounded twice.
    assert abs(p.sum() - 1) <= 1e-14
    assert p.min() > 0


@pytest.mark.parametrize(("a", "K"), [(0.0, 3), (-1.0, 3), (float("nan"), 3), (1.0, 1)])
def test_predictive_refuses_an_impossible_prior(a: float, K: int) -> None:
    with pytest.raises(ValueError, match="Dirichlet"):
        predictive(0, 0, a, K)


@given(
    st.integers(0, 900),
    st.integers(0, 900),
    st.integers(2, 30),
    st.booleans(),
    st.sampled_from([Fraction(n, 100) for n in (1, 50, 66, 90, 95, 99)]),
)
def test_least_weight_is_least(count: int, others: int, K: int, flat: bool, target: Fraction) -> None:
    """By the definition, in exact thirds: n reaches the target, and n - 1 does not, or n - 1 is 0."""
    a, n_o, N = Fraction(1) if flat else Fraction(1, K), Fraction(count, 3), Fraction(count + others, 3)
    n = Fraction(float(least_weight(float(a + n_o), float(a * K + N), float(target))))
    assert n >= 1
    assert a + n_o + n >= target * (a * K + N + n)
    assert n == 1 or a + n_o + n - 1 < target * (a * K + N + n - 1)


@pytest.mark.parametrize("target", [0, 1, -0.1, 1.1, float("nan")])
def test_least_weight_refuses_impossible_targets(target: float) -> None:
    with pytest.raises(ValueError, match="credence"):
        least_weight(2, 6, target)


def test_least_weight_of_a_huge_count_comes_at_once() -> None:
    """Half way to 1 from 1 - 1e-12, float64 cannot tell neighbouring weights apart: a search would not end."""
    n = least_weight(1e12 + 0.5, 1e12 + 1, (1 + (1e12 + 0.5) / (1e12 + 1)) / 2)
    # 1 minus the target, 2.5e-13, is known to 1.1e-16.
    assert n == pytest.approx(1e12, rel=1e-3)


def test_target_credence_is_the_target_or_half_way_to_one() -> None:
    assert target_credence(0.3, 0.95) == 0.95
    assert target_credence(0.95, 0.95) == 0.95
    assert target_credence(0.96, 0.95) == 0.98
    for impossible in (0, 1, -1, 2, float("nan")):
        with pytest.raises(ValueError, match="credence"):
            target_credence(0.5, impossible)
