"""The rational agent's predictions for questions, read back from their prompts: the ceiling of every table.

The prompts are sentences of the world's language and are read as such, by any names.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import ask_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.batch.statement_credences import ask_statements
from worldgen.bayes.statements import Statement
from worldgen.evaluate.slag.points import TRUE, Asked, Task
from worldgen.evaluate.slag.predictions import Predictions, predictions_of
from worldgen.evaluate.slag.reference import rational_truths
from worldgen.facts import Fact
from worldgen.grammar import Atom, Definition, Not
from worldgen.worlds.world import World


def rational_predictions(world: World, agent: Agent, task: Task, asked: Sequence[Asked]) -> Predictions:
    """Returns what the agent predicts, before any update: its most probable object, or whether it holds a formula.

    Shapes: asked [E].
    """
    statements = [statement_of(world, task, question) for question in asked]
    if task is Task.TF:
        return rational_truths(asked, ask_statements(agent, statements, EditSets.none(len(asked))))
    facts = [statement.first for statement in statements]
    beliefs = ask_beliefs(agent, _queries(facts))
    right = beliefs.at(np.array([[fact.object] for fact in facts], dtype=np.int64))[:, 0]
    return predictions_of(asked, [world.objects[mode] for mode in beliefs.modes.tolist()], right)


def _queries(facts: Sequence[Fact]) -> Queries:
    subject, relation = (np.array(column, dtype=np.int64) for column in list(zip(*facts, strict=True))[:2])
    return Queries(subject, relation, EditSets.of([()] * len(facts)))


def statement_of(world: World, task: Task, asked: Asked) -> Statement:
    """Returns the statement that a question is about: in GEN, that the answer is the first eligible object."""
    answer = TRUE if task is Task.TF else asked.eligible[0]
    formula = world.lexicon.parse(f"{asked.prompt} {answer}.").formula
    assert not isinstance(formula, Definition)
    if isinstance(formula, Atom):
        return Statement("", _fact(world, formula))
    if isinstance(formula, Not):
        return Statement("not", _fact(world, formula.atom))
    return Statement(formula.connective, _fact(world, formula.left), _fact(world, formula.right))


def _fact(world: World, atom: Atom) -> Fact:
    return Fact(
        world.subjects.id_of(atom.subject), world.relations.id_of(atom.relation), world.objects.id_of(atom.object)
    )
