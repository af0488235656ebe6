"""Many beliefs at once are the beliefs one by one."""

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes import testing
from bayes.agent import Edit
from bayes.batch import ask_beliefs, ask_conditionals, ask_roots
from bayes.questions import Questions
from bayes.statements import credence, credences

# Sums of a few hundred terms below 1, in another order than the slow path's.
ROUNDING = 1e-12


def some_questions(Q: int, seed: int) -> tuple[Questions, np.ndarray]:
    """Questions about the tiny world: a third about the edited fact's own subject, a tenth without an edit."""
    world, rng = worlds.world(), np.random.default_rng(seed)
    S, R, K = len(world.subjects), len(world.relations), len(world.objects)
    edited = rng.integers(S, size=Q)
    subject = np.where(rng.random(Q) < 0.4, edited, rng.integers(S, size=Q))
    weight = np.where(rng.random(Q) < 0.1, 0.0, rng.choice([0.5, 1, 7, 1000, 2579], size=Q))
    columns = rng.integers(R, size=Q), edited, rng.integers(R, size=Q), rng.integers(K, size=Q), weight
    return Questions(subject, *columns), rng.integers(K, size=(Q, 3))


@settings(max_examples=200)
@given(testing.edited_worlds(most=4))
def test_every_micro_worlds_beliefs(drawn):
    """Chains, facts never seen, K = 2: every (s, r) of the world under every edit, and under none."""
    world, edits = drawn
    agent = testing.agent_of(world)
    each = [(s, r, edit) for edit in (*edits, Edit(0, 0, 0, 0)) for s in range(world.S) for r in range(world.R)]
    subject, relation, edit = (list(column) for column in zip(*each, strict=True))
    columns = np.array(subject), np.array(relation), *(np.array(column) for column in zip(*edit, strict=True))
    questions = Questions(*columns)
    objects = np.tile(np.arange(world.K), (len(each), 1))
    beliefs, roots = ask_beliefs(agent, questions), ask_roots(agent, questions)
    credence, _ = one_by_one(agent, questions, objects, root=False)
    np.testing.assert_allclose(beliefs.at(objects), credence, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(
        roots.at(objects), one_by_one(agent, questions, objects, root=True)[0], rtol=0, atol=ROUNDING
    )
    # Objects may tie: what is called the mode is then one of them.
    best = credence.max(axis=1)
    chosen = beliefs.at(beliefs.modes[:, None])[:, 0]
    np.testing.assert_allclose(chosen, best, rtol=0, atol=ROUNDING)


def one_by_one(agent, questions, objects, root: bool):
    credences, modes = [], []
    for q in range(len(questions)):
        revised = agent.revise(questions.edit(q))
        asked = int(questions.subject[q]), int(questions.relation[q])
        belief = revised.root(*asked) if root else revised.belief(*asked)
        credences.append(belief.at(objects[q]))
        modes.append(belief.mode())
    return np.array(credences), np.array(modes)


@pytest.mark.parametrize("root", [False, True])
def test_a_tiny_worlds_beliefs(root):
    agent = worlds.agent()
    questions, objects = some_questions(600, seed=1)
    beliefs = (ask_roots if root else ask_beliefs)(agent, questions)
    credence, mode = one_by_one(agent, questions, objects, root)
    assert np.abs(beliefs.at(objects) - credence).max() < ROUNDING
    assert (beliefs.modes == mode).all()


@settings(max_examples=100)
@given(testing.edited_worlds(most=2))
def test_whole_distributions_and_conditionals(drawn):
    world, edits = drawn
    agent, edit = testing.agent_of(world), (edits or (Edit(0, 0, 0, 0),))[0]
    each = [(s, r, *edit) for s in range(world.S) for r in range(world.R)]
    questions = Questions(*(np.array(column) for column in zip(*each, strict=True)))
    for asked, whole in zip(each, ask_beliefs(agent, questions).distributions(), strict=True):
        one = agent.revise(edit).belief(*asked[:2])
        np.testing.assert_allclose(whole.dense(), one.dense(), rtol=0, atol=ROUNDING)
    for relation in agent.parent:
        rows = ask_conditionals(agent, relation, np.arange(world.K))
        for o in range(world.K):
            one = agent.conditional(relation, o).dense()
            np.testing.assert_allclose(rows.distribution(o).dense(), one, rtol=0, atol=ROUNDING)


@settings(max_examples=100)
@given(testing.edited_worlds(most=1), st.data())
def test_many_statements(drawn, data):
    world, edits = drawn
    agent, edit = testing.agent_of(world), (edits or (Edit(0, 0, 0, 0),))[0]
    said = data.draw(st.lists(testing.statements_of(world), max_size=6))
    found = credences(agent, said, [edit] * len(said))
    expected = [credence(agent.revise(edit), statement) for statement in said]
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)


def test_a_revised_agent_is_refused():
    agent = worlds.agent().revise(Edit(0, 0, 0, 1))
    with pytest.raises(ValueError, match="revised"):
        ask_beliefs(agent, some_questions(2, seed=0)[0])


def test_impossible_weights_are_refused():
    questions, _ = some_questions(2, seed=0)
    broken = Questions(*(*list(vars(questions).values())[:5], np.array([1.0, -1.0])))
    with pytest.raises(ValueError, match="weights"):
        ask_beliefs(worlds.agent(), broken)


def test_no_questions():
    questions, objects = some_questions(0, seed=0)
    assert ask_beliefs(worlds.agent(), questions).at(objects).shape == (0, 3)
