"""Credence in compound statements: against the oracle, and the laws of probability."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracle import Oracle, hundreds

from worldgen.bayes.statements import p_and, p_atom, p_not, p_or
from worldgen.bayes.testing import agent_of, edited_worlds, two_facts

EXACT = 1e-12  # as in test_agent; a statement is at most three products and sums of such numbers


@hundreds
@given(edited_worlds(), st.data())
def test_every_credence_equals_the_oracles(drawn: tuple, data: st.DataObject) -> None:
    world, edits = drawn
    agent, oracle = agent_of(world, *edits), Oracle(world, *edits)
    for one, two in data.draw(st.lists(two_facts(world), min_size=1, max_size=5)):
        assert abs(p_atom(agent, one) - float(oracle.p_atom(one))) <= EXACT
        assert abs(p_not(agent, one) - float(oracle.p_not(one))) <= EXACT
        assert abs(p_and(agent, one, two) - float(oracle.p_and(one, two))) <= EXACT
        assert abs(p_or(agent, one, two) - float(oracle.p_or(one, two))) <= EXACT


@given(edited_worlds(), st.data())
def test_credences_obey_the_laws_of_probability(drawn: tuple, data: st.DataObject) -> None:
    world, edits = drawn
    agent = agent_of(world, *edits)
    one, two = data.draw(two_facts(world))
    both, either = p_and(agent, one, two), p_or(agent, one, two)
    assert both == p_and(agent, two, one)
    assert abs(either - p_or(agent, two, one)) <= EXACT  # the two credences are added in another order
    assert -EXACT <= both <= min(p_atom(agent, one), p_atom(agent, two)) + EXACT
    assert max(p_atom(agent, one), p_atom(agent, two)) - EXACT <= either <= 1 + EXACT
    assert p_and(agent, one, one) == p_atom(agent, one)
    assert p_or(agent, one, one) == p_atom(agent, one)


@given(edited_worlds(), st.data())
def test_p_and_is_a_joint_distribution(drawn: tuple, data: st.DataObject) -> None:
    """P(A and B), summed over all objects of one fact, is the credence in the other, told of or not."""
    world, edits = drawn
    agent = agent_of(world, *edits)
    one, two = data.draw(two_facts(world))
    total = sum(p_and(agent, one._replace(object=o), two) for o in range(world.K))
    np.testing.assert_allclose(total, p_atom(agent, two), rtol=0, atol=EXACT)
    total = sum(p_and(agent, one, two._replace(object=o)) for o in range(world.K))
    np.testing.assert_allclose(total, p_atom(agent, one), rtol=0, atol=EXACT)
