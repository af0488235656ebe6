"""The three readings of what is told of a downstream fact: what they share to the bit, and where they differ."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Oracle, hundreds

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.evidence import evidence_from_lines
from worldgen.bayes.fitting import fit
from worldgen.bayes.reading import PAPER, Reading
from worldgen.bayes.testing import MicroWorld, agent_of, edited_worlds, edits_of, micro_worlds

EDITS = st.just(Reading("edits"))
Drawn = tuple[MicroWorld, tuple[Edit, ...]]


def downstream_facts(world: MicroWorld, agent: Agent) -> list[tuple[int, int]]:
    """Returns the downstream facts of a world."""
    return [fact for fact in product(range(world.S + 1), range(world.R)) if agent.upstream_of(*fact) is not None]


@hundreds
@given(edited_worlds())
def test_edits_is_the_papers_agent_to_the_bit_where_no_downstream_fact_was_edited(drawn: Drawn) -> None:
    """A fact is the paper's unless it, or a fact that it depends on, is downstream and was edited."""
    world, edits = drawn
    agent = agent_of(world._replace(reading=Reading("edits")), *edits)
    papers = agent_of(world._replace(reading=PAPER), *edits)
    for s, r in product(range(world.S + 1), range(world.R)):
        line: int | None = r
        told = False
        while line is not None:
            told |= agent.formula(s, line) == "edits"
            line = agent.upstream_of(s, line)
        assert papers.formula(s, r) in ("root", "marginal")
        np.testing.assert_array_equal(agent.root(s, r).dense(), papers.root(s, r).dense())
        if not told:
            np.testing.assert_array_equal(agent.belief(s, r).dense(), papers.belief(s, r).dense())
    for r in range(world.R):
        np.testing.assert_array_equal(agent.unseen_subject(r).dense(), papers.unseen_subject(r).dense())


@hundreds
@given(micro_worlds(readings=EDITS), st.data())
def test_an_edit_is_weighed_by_the_formula_of_the_reading(world: MicroWorld, data: st.DataObject) -> None:
    """n' = max(1, ceil(kappa (pi - m) / (1 - pi))) with kappa = a K + N, for roots and for downstream facts alike."""
    agent, oracle = agent_of(world), Oracle(world)
    s, r = data.draw(st.integers(0, world.S)), data.draw(st.integers(0, world.R - 1))
    target = data.draw(st.sampled_from([Fraction(19, 20), Fraction(1, 2)]))
    kappa = world.a * world.K + sum(oracle.counts(s, r))
    for o, m in enumerate(oracle.belief(s, r)):
        goal = target if m <= target else (1 + m) / 2
        n = max(1, math.ceil(kappa * (goal - m) / (1 - goal)))
        assert agent.weight_for(s, r, o, float(target)) == n
        after = Oracle(world, Edit(s, r, o, n)).belief(s, r)
        assert after[o] == (kappa * m + n) / (kappa + n)
        assert abs(agent.revise(Edit(s, r, o, n)).belief(s, r)[o] - float(after[o])) <= 1e-12


@given(micro_worlds(readings=EDITS), st.data())
def test_an_edit_of_a_downstream_fact_moves_others_as_in_the_paper(world: MicroWorld, data: st.DataObject) -> None:
    """Other subjects learn of it through the conditional, and are the paper's to the bit; so is the conditional."""
    edit = data.draw(edits_of(world))
    agent, papers = agent_of(world, edit), agent_of(world._replace(reading=PAPER), edit)
    for s, r in product(range(world.S + 1), range(world.R)):
        if s != edit.subject:
            np.testing.assert_array_equal(agent.belief(s, r).dense(), papers.belief(s, r).dense())
    for (_, r), o in product(world.pairs, range(world.K)):
        np.testing.assert_array_equal(agent.conditional(r, o).dense(), papers.conditional(r, o).dense())


@given(edited_worlds())
def test_own_with_a_great_kappa_is_the_marginal_and_with_a_small_one_the_counts(drawn: Drawn) -> None:
    world, edits = drawn
    great, small = (agent_of(world._replace(reading=Reading("own", kappa)), *edits) for kappa in (2.0**60, 2.0**-60))
    for s, r in downstream_facts(world, great):
        m = great.source_of_marginal(s, r).marginal(r, great.belief(s, great.upstream_of(s, r) or 0))
        # The counts of a micro-world and its edits are below 1e4, and kappa is 1e18 times more or less than 1.
        np.testing.assert_allclose(great.belief(s, r).dense(), m.dense(), rtol=0, atol=1e-12)
        n = small.counts(s, r)
        if n.total:
            shares = [n[o] / n.total for o in range(world.K)]
            np.testing.assert_allclose(small.belief(s, r).dense(), shares, rtol=0, atol=1e-12)


@given(edited_worlds(), st.data())
def test_taking_back_the_edits_of_a_fact_is_never_having_made_them(drawn: Drawn, data: st.DataObject) -> None:
    world, edits = drawn
    world = world._replace(reading=data.draw(st.sampled_from([Reading("edits"), Reading("own", 2.0)])))
    agent = agent_of(world, *edits)
    for s, r in downstream_facts(world, agent):
        found = agent.source_of_marginal(s, r)
        expected = agent_of(world, *(edit for edit in edits if edit[:2] != (s, r)))
        for o in range(world.K):
            row, other = found.conditional(r, o).dense(), expected.conditional(r, o).dense()
            np.testing.assert_allclose(row, other, rtol=0, atol=1e-12)


def chain(reading: Reading) -> Agent:
    """A chain of three relations, two objects, two subjects: subject 0 is told of throughout, subject 1 of its ends."""
    told = [(0, 0, 0, 2), (0, 1, 0, 2), (0, 2, 1, 2), (1, 0, 1, 1), (1, 1, 1, 1), (1, 2, 0, 3)]
    s, r, o, times = np.array(told).T
    return fit(evidence_from_lines(s, r, o, 3 * times, 0 * times, times), 2, 3, [(0, 1), (1, 2)], 1 / 2, reading)


@pytest.mark.parametrize(
    ("reading", "middle", "end"),
    [
        # C1[0] = 2 on 0, C1[1] = 1 on 1; p(0 | s0, r0) = 2.5/3, so m1 = 5/6 5/6 + 1/6 1/4 = 53/72.
        # C2[0] = 2 on 1 and C2[1] = 3 on 0, so p(1 | 0) = 5/6 and p(1 | 1) = 1/8; then m2 = 5/6 p + 1/8 (1 - p).
        (Reading("marginal"), Fraction(53, 72), Fraction(53, 72) * Fraction(17, 24) + Fraction(1, 8)),
        (Reading("edits"), Fraction(53, 72), Fraction(53, 72) * Fraction(17, 24) + Fraction(1, 8)),
        # (m1 + 2) / 3 = 197/216; ((m2 + 2) / 3 with m2 = 197/216 17/24 + 1/8
        (Reading("own", 1.0), Fraction(197, 216), (Fraction(197, 216) * Fraction(17, 24) + Fraction(1, 8) + 2) / 3),
    ],
    ids=lambda value: value.text if isinstance(value, Reading) else None,
)
def test_a_chain_by_hand(reading: Reading, middle: Fraction, end: Fraction) -> None:
    agent = chain(reading)
    assert agent.belief(0, 1)[0] == pytest.approx(float(middle), abs=1e-14)
    assert agent.belief(0, 2)[1] == pytest.approx(float(end), abs=1e-14)


def test_an_edit_in_the_middle_of_a_chain_by_hand() -> None:
    """3 x "s0 r1 1": kappa = 1 + 2 = 3, p(1) = (3 19/72 + 3) / 6 = 91/144, and r2 follows by the moved rows.

    rho[s0] over r1 becomes 2/5, 3/5: C2[0] = 4/5 on 1, C2[1] = 6/5 on 1 and 3 on 0. So p(1 | 0) = 13/18 and
    p(1 | 1) = 17/52.
    """
    agent = chain(Reading("edits")).revise(Edit(0, 1, 1, 3))
    assert agent.formula(0, 1) == "edits"
    assert agent.belief(0, 1)[1] == pytest.approx(91 / 144, abs=1e-14)
    assert agent.belief(0, 2)[1] == pytest.approx(91 / 144 * 17 / 52 + 53 / 144 * 13 / 18, abs=1e-14)
    assert agent.formula(0, 2) == "marginal"


@pytest.mark.parametrize("kappa", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_kappa_is_refused(kappa: float) -> None:
    with pytest.raises(ValueError, match="kappa"):
        chain(Reading("own", kappa))
