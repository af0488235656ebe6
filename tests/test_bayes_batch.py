"""Many beliefs at once are the beliefs one by one."""

import numpy as np
import pytest
import worlds

from bayes.agent import Edit
from bayes.batch import ask_beliefs, ask_roots
from bayes.questions import Questions

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
