"""Asks the rational mind of a world with definitions what a variable stands for, and a question about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.trust import Trust
from worldgen.bayes.variables.answers import answer
from worldgen.bayes.variables.denotation import Denotation
from worldgen.errors import UserError
from worldgen.evaluate.inquiry.text_columns import aligned
from worldgen.worlds.world import NONE, World


@dataclass(frozen=True)
class Probability:
    """A name with its probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class VariableBelief:
    """The answer to a question about a variable, the most probable names first."""

    variable: str
    relation: str
    questions: int
    """How many answered questions about the variable the mind has read."""
    tag: str | None
    """The tag of its definition; None where there is none."""
    stated: str | None
    """The subject that the definition names."""
    reliability: float | None
    """The posterior mean of the tag's reliability."""
    meanings: list[Probability]
    """What the variable stands for."""
    objects: list[Probability]
    """What the answer is, by the agent's own beliefs about the subjects."""


def ask_variable(
    world: World, trust: Trust, agent: Agent, variable: str, relation: str, most: int
) -> VariableBelief:  # fmt: skip
    """Returns the `most` most probable meanings of a variable, and objects of a question about it.

    Raises UserError for an unknown name, and where nothing that the variable may stand for has such a fact.
    """
    defined, v, r = world.definitions, world.definitions.variables.id_of(variable), world.relations.id_of(relation)
    model, row = trust.model, defined.row_of_variable[v]
    assert isinstance(model, Denotation)
    meaning = trust.belief(v)
    facts = world.fact_ids(r)
    asked = np.flatnonzero((facts != NONE) & (meaning.dense() > 0))
    if not len(asked):
        raise UserError(f"{variable} | {relation}: nothing that {variable} may stand for has such a fact")
    place = np.full(len(facts), NONE)
    place[asked] = np.arange(len(asked))
    after = answer(meaning, place, Priors.of([agent.belief(s, r) for s in asked.tolist()]))
    told = int(defined.tag[row])
    has = told != NONE
    return VariableBelief(
        variable, relation, int(np.diff(model.questions.start)[v]), defined.tags[told] if has else None,
        world.subjects[defined.stated[row]] if has else None,
        float(trust.mean_reliabilities()[told]) if has else None,
        [Probability(world.subjects[s], meaning[s]) for s in meaning.top(most)[0].tolist()],
        [Probability(world.objects[o], after[o]) for o in after.top(most)[0].tolist()],
    )  # fmt: skip


def variable_belief_text(belief: VariableBelief) -> str:
    """Returns the belief as text: the question, what was read of the variable, and two tables."""
    said = f"{belief.questions} answered questions"
    if belief.reliability is not None:
        said += f"; {belief.tag}, reliability {belief.reliability:.3f}, says that it is {belief.stated}"
    lines = [f"{belief.variable} | {belief.relation}", f"read: {said}"]
    for heading, names in (("stands for", belief.meanings), ("answer", belief.objects)):
        lines += aligned([[heading, ""], *([each.name, f"{each.probability:.6f}"] for each in names)], "<>")
    return "\n".join(lines)
