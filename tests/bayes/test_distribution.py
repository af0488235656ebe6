"""The sparse distribution against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.bayes.distribution import Distribution


@st.composite
def distributions(draw: st.DrawFn) -> tuple[Distribution, list[Fraction]]:
    """Draws a sparse distribution over 2-8 objects, ties likely, and the same one in exact fractions."""
    K = draw(st.integers(2, 8))
    named = draw(st.lists(st.integers(0, K - 1), unique=True).map(sorted))
    weights = draw(st.lists(st.integers(0, 4), min_size=len(named), max_size=len(named)))
    default = draw(st.integers(0, 3))
    total = sum(weights) + default * (K - len(named))
    if not total:  # then the named objects, or all, get weight
        weights, default = [1] * len(named), 0 if named else 1
        total = sum(weights) or K
    exact = [Fraction(weights[named.index(o)] if o in named else default, total) for o in range(K)]
    sparse = Distribution(K, np.array(named, np.int32), np.array(weights, float) / total, default / total)
    return sparse, exact


@given(distributions())
def test_every_access_gives_the_exact_probability(drawn: tuple[Distribution, list[Fraction]]) -> None:
    sparse, exact = drawn
    # One division each: correctly rounded, so equal.
    assert sparse.dense().tolist() == [float(p) for p in exact]
    assert [sparse[o] for o in range(sparse.K)] == [float(p) for p in exact]
    backwards = np.arange(sparse.K)[::-1]
    assert sparse.at(backwards).tolist() == [float(p) for p in exact[::-1]]
    # Sums of at most 8 rounded numbers.
    assert abs(sparse.total() - 1) <= 1e-15
    assert sparse.at(np.zeros(0, int)).shape == (0,)


@given(distributions(), st.integers(0, 12))
def test_top_and_mode_take_the_most_probable_objects(drawn: tuple[Distribution, list[Fraction]], most: int) -> None:
    sparse, exact = drawn
    order = sorted(range(sparse.K), key=lambda o: (-exact[o], o))
    objects, probabilities = sparse.top(most)
    assert objects.tolist() == order[:most]
    assert probabilities.tolist() == [float(exact[o]) for o in order[:most]]
    assert sparse.mode() == order[0]


@given(distributions())
def test_entropy_equals_the_sum_over_all_objects(drawn: tuple[Distribution, list[Fraction]]) -> None:
    sparse, exact = drawn
    expected = -sum(float(p) * np.log2(float(p)) for p in exact if p)
    # At most 8 terms below 1, each with a few roundings.
    assert abs(sparse.entropy() - expected) <= 1e-14


def test_entropy_by_hand() -> None:
    assert Distribution(8, np.zeros(0, np.int32), np.zeros(0), 1 / 8).entropy() == 3
    assert Distribution(3, np.array([1], np.int32), np.ones(1), 0.0).entropy() == 0
    assert Distribution(3, np.array([0], np.int32), np.array([0.5]), 0.25).entropy() == 1.5


@pytest.mark.parametrize("impossible", [-1, 3])
def test_objects_outside_the_vocabulary_are_refused(impossible: int) -> None:
    for sparse in (
        Distribution(3, np.zeros(0, np.int32), np.zeros(0), 1 / 3),
        Distribution(3, np.array([1], np.int32), np.ones(1), 0.0),
    ):
        with pytest.raises(IndexError, match="numbered"):
            sparse[impossible]
