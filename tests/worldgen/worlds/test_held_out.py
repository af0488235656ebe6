"""Held-out combinations: how many there are, which they are, and what they depend on."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import worlds
from corpora import ALARM
from scipy import stats

from worldgen.randomness import keys_of
from worldgen.worlds.held_out import hold_out


def test_held_out_combinations_have_no_label_and_the_requested_share() -> None:
    world = worlds.speaking()
    for fact in range(len(world)):
        names = (world.subjects.names(int(world.subject[fact])), world.relations.names(int(world.relation[fact])))
        pairs = (len(names[0]) - 1) * (len(names[1]) - 1)
        held = world.held_out_names(fact)
        assert len(set(held)) == len(held)
        assert len(held) in (pairs // 2, -(-pairs // 2))
        assert {s for s, _ in held} <= set(names[0][1:])
        assert {r for _, r in held} <= set(names[1][1:])
    assert len(world.held_out) > 1000


@pytest.mark.parametrize("percent", [0, 1, 30, 50, 99, 100])
def test_the_number_of_held_out_combinations_is_unbiased_and_the_choice_is_uniform(percent: int) -> None:
    """There are 20,000 facts with 2 x 3 combinations. Each p value is below ALARM for one seed in a million."""
    F, pairs = 20_000, 6
    held = hold_out(3, keys_of(map(str, range(F))), np.full(F, 2), np.full(F, 3), percent)
    share = Fraction(pairs * percent, 100)
    per_fact = np.bincount(held.fact, minlength=F)
    assert set(per_fact.tolist()) <= {share.__floor__(), share.__ceil__()}
    if share % 1:
        assert stats.binomtest(int((per_fact - share.__floor__()).sum()), F, float(share % 1)).pvalue > ALARM
    else:
        assert len(held) == F * share
    code = (held.subject_name - 1) * 3 + (held.relation_name - 1)
    assert ((held.subject_name >= 1) & (held.relation_name >= 1)).all()
    if 0 < percent < 100:
        assert stats.chisquare(np.bincount(code, minlength=pairs)).pvalue > ALARM
    assert (np.diff(held.fact.astype(np.int64) * 100 + code) > 0).all()


def test_held_out_combinations_depend_on_the_fact_alone() -> None:
    """They depend neither on the facts around it nor on the numbers of those facts' names."""
    keys = keys_of(["a", "b", "c", "d"])
    many = hold_out(1, keys, np.array([3, 2, 5, 4]), np.array([3, 3, 2, 3]), 40)
    few = hold_out(1, keys[[3, 0]], np.array([4, 3]), np.array([3, 3]), 40)
    assert many.of(3) == few.of(0)
    assert many.of(0) == few.of(1)
    assert hold_out(2, keys, np.array([3, 2, 5, 4]), np.array([3, 3, 2, 3]), 40).of(3) != many.of(3)
