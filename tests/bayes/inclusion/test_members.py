"""The agent of set inclusion against a sum over everything in fractions, and what it must believe by reason alone."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inclusion_oracle import Asked, Defined, InclusionWorld, p_yes
from trust_oracle import Source
from trust_worlds import betas

from worldgen.bayes.inclusion.members import SetMind, candidates, read
from worldgen.bayes.trust.reliability import Betas

EXACT = 1e-12  # rounding of float64, a few operations on


@st.composite
def worlds(draw: st.DrawFn) -> InclusionWorld:
    """Micro-worlds that are possible: every answer is that of a drawn integer."""
    V, n = draw(st.integers(1, 3)), draw(st.integers(3, 5))
    x = [draw(st.integers(0, n - 1)) for _ in range(V)]
    k = draw(st.integers(1, n - 1))
    lists = st.lists(st.integers(0, n - 1), min_size=k, max_size=k, unique=True)
    asked = []
    for variable in range(V):
        for _ in range(draw(st.integers(0, 2))):
            list_ = tuple(draw(lists))
            asked.append(Asked(variable, list_, x[variable] in list_))
    tags = tuple(Source(Fraction(draw(st.integers(1, 3))), Fraction(draw(st.integers(1, 3)))) for _ in range(2))
    defined = draw(
        st.sets(st.builds(Defined, st.integers(0, V - 1), st.integers(0, 1), st.integers(0, n - 1)), max_size=4)
    )
    return InclusionWorld(V, n, tags, tuple(asked), tuple(sorted(defined)))


def mind_of(world: InclusionWorld) -> SetMind:
    left = np.ones((world.V, world.n), bool)
    for variable, list_, yes in world.asked:
        left[variable] &= candidates(np.array([[list_]]), np.array([yes]), world.n)[0]
    variable, tag, integer = np.array(world.defined, np.int64).reshape(-1, 3).T
    return read(left, variable, tag, integer, betas(world.tags))


@settings(max_examples=60)
@given(worlds())
def test_answers_are_those_of_the_sum_over_everything(world: InclusionWorld) -> None:
    mind = mind_of(world)
    for k in range(1, world.n):
        lists = list(combinations(range(world.n), k))
        found = mind.p_member(np.arange(world.V), np.array([lists] * world.V))
        for variable in range(world.V):
            exact = [float(p_yes(world, variable, list_)) for list_ in lists]
            np.testing.assert_allclose(found[variable], exact, atol=EXACT)


def test_a_variable_of_which_nothing_is_known_is_even() -> None:
    """Longer lists hold more integers, but half of all questions are true whatever their length."""
    none = np.zeros(0, np.int64)
    mind = read(np.ones((1, 10), bool), none, none, none, Betas.uniform(2))
    for k in (1, 4, 9):
        assert mind.p_member(np.array([0]), np.arange(k)[None, None])[0, 0] == pytest.approx(0.5, abs=EXACT)


def test_a_tag_that_was_right_is_believed_more_than_a_new_one_and_that_more_than_a_wrong_one() -> None:
    """After ten decided definitions by each of two tags: rho is 11/12, 1/12, and 1/2 for a tag that nobody used."""
    n, left = 8, np.ones((23, 8), bool)
    left[:20] = np.arange(n) == 3
    variable, tag = np.arange(23), np.array([0] * 10 + [1] * 10 + [0, 1, 2])
    integer = np.where(tag == 1, 5, 3)
    mind = read(left, variable, tag, integer, Betas.uniform(3))
    believed = mind.q[np.arange(20, 23), integer[20:]]
    np.testing.assert_allclose(believed, [11 / 12, 1 / 12, 1 / 2], atol=EXACT)
    np.testing.assert_allclose(mind.trust.mean_reliabilities(), [11 / 12, 1 / 12, 1 / 2], atol=EXACT)


def test_candidates_are_what_all_answers_leave() -> None:
    lists = np.array([[[0, 1, 2], [2, 3, 4], [0, 4, 5]]])
    assert np.flatnonzero(candidates(lists, np.array([True, True, False]), 6)[0]).tolist() == [2]
    assert np.flatnonzero(candidates(lists, np.array([False, False, False]), 6)[0]).tolist() == []


def test_impossible_input_is_refused() -> None:
    none = np.zeros(0, np.int64)
    with pytest.raises(ValueError, match="no integer"):
        read(np.zeros((1, 4), bool), none, none, none, Betas.uniform(1))
    mind = read(np.ones((1, 4), bool), none, none, none, Betas.uniform(1))
    with pytest.raises(ValueError, match="leaves none out"):
        mind.p_member(np.array([0]), np.arange(4)[None, None])
