"""Batches give the same numbers as the agent asked one by one."""

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from worldgen.bayes import testing
from worldgen.bayes.agent import Edit
from worldgen.bayes.batch.beliefs import ask_beliefs, ask_roots, ask_unseen_subject
from worldgen.bayes.batch.conditional_rows import ask_conditionals
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.edit_weights import ask_weights
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.batch.statement_credences import ask_statements
from worldgen.bayes.statements import credence

# Sums of a few hundred terms below 1, in another order than one by one.
ROUNDING = 1e-12


def some_queries(Q: int, seed: int) -> tuple[Queries, np.ndarray]:
    """Returns queries about the tiny world after up to three edits each, and objects to ask about.

    Most edits of a query are about one subject, and most queries ask about that subject.
    """
    world, rng = worlds.world(), np.random.default_rng(seed)
    S, R, K = len(world.subjects), len(world.relations), len(world.objects)
    start = np.concatenate([[0], np.cumsum(rng.integers(0, 4, size=Q))])
    E = int(start[-1])
    usual = rng.integers(S, size=Q)  # the usual subject of each query
    edited = np.where(rng.random(E) < 0.6, np.repeat(usual, np.diff(start)), rng.integers(S, size=E))
    weight = np.where(rng.random(E) < 0.1, 0.0, rng.choice([0.5, 1, 7, 1000, 2579], size=E))
    edits = EditSets(start, edited, rng.integers(R, size=E), rng.integers(K, size=E), weight)
    subject = np.where(rng.random(Q) < 0.6, usual, rng.integers(S, size=Q))
    return Queries(subject, rng.integers(R, size=Q), edits), rng.integers(K, size=(Q, 3))


@st.composite
def worlds_and_edit_sets(draw):
    """Draws a micro-world and up to three sets of up to four edits; the last set is empty."""
    world = draw(testing.micro_worlds())
    sets = draw(st.lists(st.lists(testing.edits_of(world), max_size=4), max_size=2))
    return world, [tuple(edits) for edits in sets] + [()]


@settings(max_examples=200)
@given(worlds_and_edit_sets())
def test_beliefs_and_roots_of_micro_worlds(drawn):
    """Every (s, r) of the world after every set of edits; the worlds have chains, facts never seen, and K = 2."""
    world, sets = drawn
    agent = testing.agent_of(world)
    each = [(s, r, edits) for edits in sets for s in range(world.S) for r in range(world.R)]
    subject, relation, edits = zip(*each, strict=True)
    queries = Queries(np.array(subject), np.array(relation), EditSets.of(edits))
    objects = np.tile(np.arange(world.K), (len(each), 1))
    beliefs, roots = ask_beliefs(agent, queries), ask_roots(agent, queries)
    credence, _ = one_by_one(agent, queries, objects, root=False)
    np.testing.assert_allclose(beliefs.at(objects), credence, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(
        roots.at(objects), one_by_one(agent, queries, objects, root=True)[0], rtol=0, atol=ROUNDING
    )
    for asked, whole in zip(each, beliefs.distributions(), strict=True):
        one = agent.revise(*asked[2]).belief(*asked[:2])
        np.testing.assert_allclose(whole.dense(), one.dense(), rtol=0, atol=ROUNDING)
    # Objects may tie; then the mode is one of them.
    best = credence.max(axis=1)
    chosen = beliefs.at(beliefs.modes[:, None])[:, 0]
    np.testing.assert_allclose(chosen, best, rtol=0, atol=ROUNDING)


@settings(max_examples=200)
@given(worlds_and_edit_sets())
def test_unseen_subjects_and_conditionals_of_micro_worlds(drawn):
    world, sets = drawn
    agent = testing.agent_of(world)
    each = [(r, edits) for edits in sets for r in range(world.R)]
    relation = np.array([r for r, _ in each])
    beliefs = ask_unseen_subject(agent, relation, EditSets.of([edits for _, edits in each]))
    for (r, edits), whole, mode in zip(each, beliefs.distributions(), beliefs.modes, strict=True):
        one = agent.revise(*edits).unseen_subject(r)
        np.testing.assert_allclose(whole.dense(), one.dense(), rtol=0, atol=ROUNDING)
        assert one[int(mode)] == pytest.approx(one.dense().max(), abs=ROUNDING)
    for r in agent.parent:
        asked = [(o, edits) for edits in sets for o in range(world.K)]
        rows = ask_conditionals(agent, r, np.array([o for o, _ in asked]), EditSets.of([edits for _, edits in asked]))
        for q, (o, edits) in enumerate(asked):
            one = agent.revise(*edits).conditional(r, o).dense()
            np.testing.assert_allclose(rows.distribution(q).dense(), one, rtol=0, atol=ROUNDING)


@settings(max_examples=100)
@given(testing.micro_worlds(), st.sampled_from([1e-9, 1e12]), st.data())
def test_extreme_weights_give_distributions(world, weight, data):
    """Beliefs sum to 1 and are not negative, however great the contributions that edits add and take back."""
    agent = testing.agent_of(world)
    edits = data.draw(st.lists(testing.edits_of(world, st.just(weight)), min_size=1, max_size=3))
    s, r = np.divmod(np.arange(world.S * world.R), world.R)
    for whole in ask_beliefs(agent, Queries(s, r, EditSets.of([edits] * len(s)))).distributions():
        assert whole.dense().min() >= 0
        assert whole.total() == pytest.approx(1, abs=ROUNDING)


def one_by_one(agent, queries, objects, root: bool):
    credences, modes = [], []
    for q in range(len(queries)):
        revised = agent.revise(*queries.edits.set_of(q))
        asked = int(queries.subject[q]), int(queries.relation[q])
        belief = revised.root(*asked) if root else revised.belief(*asked)
        credences.append(belief.at(objects[q]))
        modes.append(belief.mode())
    return np.array(credences), np.array(modes)


@pytest.mark.parametrize("reading", worlds.READINGS, ids=lambda reading: reading.text)
@pytest.mark.parametrize("root", [False, True])
def test_beliefs_and_roots_of_the_tiny_world(root, reading):
    agent = worlds.agent(reading)
    queries, objects = some_queries(600, seed=1)
    beliefs = (ask_roots if root else ask_beliefs)(agent, queries)
    credence, mode = one_by_one(agent, queries, objects, root)
    assert np.abs(beliefs.at(objects) - credence).max() < ROUNDING
    assert (beliefs.modes == mode).all()


@settings(max_examples=100)
@given(worlds_and_edit_sets(), st.data())
def test_statements_of_micro_worlds(drawn, data):
    world, sets = drawn
    agent = testing.agent_of(world)
    asked = [(data.draw(testing.statements_of(world)), edits) for edits in sets for _ in range(3)]
    sets = EditSets.of([edits for _, edits in asked])
    found = ask_statements(agent, [statement for statement, _ in asked], sets)
    expected = [credence(agent.revise(*edits), statement) for statement, edits in asked]
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)


@settings(max_examples=100)
@given(testing.micro_worlds(), st.sampled_from([0.5, 0.95, 0.999]))
def test_weights_of_micro_worlds(world, target):
    agent = testing.agent_of(world)
    every = [(s, r, o) for s in range(world.S + 1) for r in range(world.R) for o in range(world.K)]
    subject, relation, object_ = np.array(every).T
    expected = [agent.weight_for(*fact, target) for fact in every]
    np.testing.assert_array_equal(ask_weights(agent, subject, relation, object_, target), expected)


def test_a_revised_agent_is_refused():
    agent = worlds.agent().revise(Edit(0, 0, 0, 1))
    with pytest.raises(ValueError, match="revised"):
        ask_beliefs(agent, some_queries(2, seed=0)[0])


@pytest.mark.parametrize("weight", [-1.0, np.inf, np.nan])
def test_impossible_weights_are_refused(weight):
    with pytest.raises(ValueError, match="weights"):
        EditSets.of([[Edit(0, 0, 0, 1.0)], [Edit(0, 0, 0, weight)]])


def test_an_empty_batch_has_an_empty_answer():
    queries, objects = some_queries(0, seed=0)
    assert ask_beliefs(worlds.agent(), queries).at(objects).shape == (0, 3)
