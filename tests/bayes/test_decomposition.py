"""Decompositions add up: mentions to counts, terms to credences, moved rows to the revised conditional."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracle import Oracle

from worldgen.bayes.agent import Edit
from worldgen.bayes.decomposition import mixture, moved_rows, root_formula
from worldgen.bayes.evidence import evidence_from_lines
from worldgen.bayes.fitting import fit
from worldgen.bayes.testimony import weighed_mentions
from worldgen.bayes.testing import MicroWorld, Sentence, agent_of, edited_worlds, edits_of, micro_worlds, sentences_of
from worldgen.corpus.sentences import Kind
from worldgen.facts import Fact

EXACT = 1e-12  # as in test_agent

Drawn = tuple[MicroWorld, tuple[Edit, ...]]


def without(oracle: Oracle, s: int, r: int) -> Oracle:
    """Returns the oracle without the edits of one fact."""
    return Oracle(oracle.world, *(edit for edit in oracle.edits if edit[:2] != (s, r)))


@given(micro_worlds())
def test_mentions_add_up_to_the_counts(world: MicroWorld) -> None:
    """Mentions by kind, truth and object add up to the weights for and against each object, and to n[s,r]."""
    oracle, sentences = Oracle(world), sentences_of(world)
    for s, r in product(range(world.S), range(world.R)):
        mentions = weighed_mentions(sentences, s * world.R + r, world.multiplicity)
        weights = np.zeros((2, world.K))
        for line in mentions:
            weights[:, line.object] += line.weight_for, line.weight_against
        expected = oracle.evidence.get((s, r), ([0] * world.K, [0] * world.K))
        np.testing.assert_allclose(weights, np.array(expected, float), rtol=0, atol=EXACT)
        against = weights[1]
        counts = weights[0] + (against.sum() - against) / (world.K - 1)
        np.testing.assert_allclose(counts, np.array(oracle.counts(s, r), float), rtol=0, atol=EXACT)
        atoms = [atom for sentence in world.sentences for atom in sentence.atoms if atom[:2] == (s, r)]
        assert sum(line.mentions for line in mentions) == len(atoms)
        keys = [line[:3] for line in mentions]
        assert len(set(keys)) == len(keys)


@given(edited_worlds())
def test_the_root_formula_has_the_oracles_numbers(drawn: Drawn) -> None:
    world, edits = drawn
    agent, oracle = agent_of(world, *edits), Oracle(world, *edits)
    for s, r, o in product(range(world.S + 1), range(world.R), range(world.K)):
        numbers = root_formula(agent, s, r, o)
        assert abs(numbers.count - float(oracle.counts(s, r)[o])) <= EXACT * max(1, numbers.total)
        assert abs(numbers.total - float(sum(oracle.counts(s, r)))) <= EXACT * max(1, numbers.total)
        assert numbers.credence == agent.root(s, r)[o]


@given(edited_worlds(), st.data())
def test_the_terms_add_up_to_the_credence(drawn: Drawn, data: st.DataObject) -> None:
    world, edits = drawn
    agent, oracle = agent_of(world, *edits), Oracle(world, *edits)
    for s, r, o in product(range(world.S + 1), range(world.R), range(world.K)):
        terms, upstream = mixture(agent, s, r, o), oracle.upstream_of(s, r)
        assert (terms is None) == (upstream is None)
        if terms is None or upstream is None:
            continue
        assert (terms.upstream_relation, terms.object) == (upstream, o)
        assert abs(terms.credence - float(oracle.belief(s, r)[o])) <= EXACT
        assert (terms.total > 0) == (agent.formula(s, r) != "marginal")
        np.testing.assert_allclose(terms.responsibility, np.array(oracle.rho(s, upstream), float), atol=EXACT)
        counted = oracle if world.reading.name == "marginal" else without(oracle, s, r)
        conditional = [float(counted.conditional(r, o_u)[o]) for o_u in range(world.K)]
        np.testing.assert_allclose(terms.conditional, conditional, rtol=0, atol=EXACT)
        shown = terms.top(data.draw(st.integers(0, world.K)))
        rest_credence, rest_share = terms.rest(shown)
        lines = [terms.term(o_u) for o_u in shown.tolist()]
        assert all(line.share == line.upstream * line.conditional for line in lines)
        assert abs(sum(line.upstream for line in lines) + rest_credence - 1) <= EXACT
        assert abs(sum(line.share for line in lines) + rest_share - terms.marginal) <= EXACT
        assert all(a.share >= b.share for a, b in pairwise(lines))


@given(edited_worlds(), st.data())
def test_moved_rows_are_exactly_the_rows_that_changed(drawn: Drawn, data: st.DataObject) -> None:
    """Rows that are not listed are as before; a listed row has the oracle's probabilities before and after."""
    world, edits = drawn
    later = data.draw(st.lists(edits_of(world), max_size=2))
    before, after = agent_of(world, *edits), agent_of(world, *edits).revise(*later)
    was, is_ = Oracle(world, *edits), Oracle(world, *edits, *later)
    for (_, r), o in product(world.pairs, range(world.K)):
        moved = {row.upstream_object: row for row in moved_rows(before, after, r, o)}
        for o_u in range(world.K):
            if o_u not in moved:
                assert is_.conditional(r, o_u) == was.conditional(r, o_u)
                continue
            row = moved[o_u]
            assert abs(row.before - float(was.conditional(r, o_u)[o])) <= EXACT
            assert abs(row.after - float(is_.conditional(r, o_u)[o])) <= EXACT
            assert row.after == after.conditional(r, o_u)[o]
    if not later:
        assert not any(moved_rows(before, after, r, 0) for _, r in world.pairs)


def test_the_weight_of_a_moved_row() -> None:
    """Ada's 4 + 1 schools with 2 doctors, Bo's 2 with 3 judges: C[Oslo] weighs 1/5 x 2 + 3, later 3/5 x 2 + 3."""
    lund, oslo, doctor, judge = range(4)
    atoms = [(0, 0, lund, 4), (0, 0, oslo, 1), (0, 1, doctor, 2), (1, 0, oslo, 2), (1, 1, judge, 3)]
    s, r, o, times = np.array(atoms).T
    agent = fit(evidence_from_lines(s, r, o, 3 * times, 0 * times, times), 4, 2, [(0, 1)], 1 / 4)
    rows = moved_rows(agent, agent.revise(Edit(0, 0, oslo, 5)), 1, judge)
    assert [row.upstream_object for row in rows] == [lund, oslo]
    np.testing.assert_allclose(rows[0][1:], [8 / 5, 4 / 5, 5 / 52, 5 / 36], rtol=1e-14)
    np.testing.assert_allclose(rows[1][1:], [17 / 5, 21 / 5, 65 / 88, 5 / 8], rtol=1e-14)


def test_a_sentence_about_one_fact_twice_is_two_mentions() -> None:
    both = Sentence(Kind.AND, False, (Fact(0, 0, 1), Fact(0, 0, 1)))
    world = MicroWorld(1, 1, 3, (), Fraction(1), 3, (both,))
    (line,) = weighed_mentions(sentences_of(world), 0, 3)
    assert (line.kind, line.truth, line.object, line.mentions) == (Kind.AND, False, 1, 2)
    np.testing.assert_allclose((line.weight_for, line.weight_against), (2, 4), rtol=1e-15)
    assert weighed_mentions(sentences_of(world), 7, 3) == []
