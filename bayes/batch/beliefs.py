"""Many beliefs at once: what `Agent.revise(*edits).belief(s, r)` gives one by one, each under edits of its own.

Shapes: Q questions, J objects asked of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import gather_rows
from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.contributions import gifts_of
from worldgen.bayes.batch.downstream import downstream_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries, SparseRows, added_up, fact_numbers, looked_up, observe
from worldgen.bayes.batch.unseen_subject import unseen_subject_beliefs
from worldgen.bayes.dirichlet import least_weight, predictive, target_credence
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Flags, Floats, Integers


class Part(Protocol):
    """The beliefs of some of the questions."""

    @property
    def modes(self) -> Integers:
        """[q]: the most probable objects."""

    def at(self, question: Integers, objects: Integers) -> NDArray[np.floating]:
        """The probability at each (question, object), of the arguments' common shape."""

    def distribution(self, q: int) -> Distribution:
        """The whole of one belief."""


@dataclass(frozen=True)
class Beliefs:
    """What is believed of Q facts: parts, each of the questions that `rows` numbers."""

    Q: int
    rows: tuple[NDArray[np.intp], ...]
    parts: tuple[Part, ...]

    @cached_property
    def modes(self) -> Integers:
        """[Q]: the most probable object of each, the lowest where several are."""
        modes = np.empty(self.Q, dtype=np.int64)
        for rows, part in zip(self.rows, self.parts, strict=True):
            modes[rows] = part.modes
        return modes

    def at(self, objects: Integers) -> NDArray[np.float64]:
        """[Q, J]: the credences of the objects asked about, [Q, J]."""
        credences = np.empty(objects.shape)
        for rows, part in zip(self.rows, self.parts, strict=True):
            credences[rows] = part.at(np.arange(len(rows))[:, None], objects[rows])
        return credences

    def distributions(self) -> list[Distribution]:
        """[Q]: every belief whole, for top objects, entropies and sums."""
        whole: list[Distribution | None] = [None] * self.Q
        for rows, part in zip(self.rows, self.parts, strict=True):
            for place, q in enumerate(rows.tolist()):
                whole[q] = part.distribution(place)
        return [distribution for distribution in whole if distribution is not None]


def ask_beliefs(agent: Agent, questions: Queries) -> Beliefs:
    """The belief p(o | s, r) of every question, under its edits. Raises ValueError for an agent revised already."""
    _check(agent)
    kinds = [(rows, part) for rows, part in _parts(agent, questions) if len(rows)]
    return Beliefs(len(questions), tuple(rows for rows, _ in kinds), tuple(part for _, part in kinds))


def ask_roots(agent: Agent, questions: Queries) -> Beliefs:
    """The beliefs by the root formula, whether or not a fact is downstream. Raises ValueError as `ask_beliefs`."""
    _check(agent)
    return Beliefs(len(questions), (np.arange(len(questions)),), (_roots(agent, questions),))


def ask_unseen_subject(agent: Agent, relation: Integers, edits: EditSets) -> Beliefs:
    """p(o | ., r) of every relation [Q], under its edits. Raises ValueError as `ask_beliefs`."""
    _check(agent)
    return Beliefs(len(relation), (np.arange(len(relation)),), (unseen_subject_beliefs(agent, relation, edits),))


def ask_conditionals(agent: Agent, relation: int, upstream_objects: Integers, edits: EditSets) -> SparseRows:
    """p(. | r_d, r_u, o_u) of many upstream objects [Q], each under its edits.

    Raises ValueError as `ask_beliefs`, KeyError for a relation that depends on nothing.
    """
    _check(agent)
    table, K, Q = agent.tables[relation], agent.K, len(upstream_objects)
    gifts = gifts_of(agent, relation, edits)
    gained = np.flatnonzero(gifts.row == upstream_objects[gifts.question])
    share = np.zeros(gifts.own.Q)
    share[gifts.giver[gained]] = gifts.share[gained]

    def given(of_giver: Floats) -> Floats:
        return np.bincount(gifts.question_of_giver, weights=share * of_giver, minlength=Q).astype(np.float64)

    entry, lengths = gather_rows(table.start, upstream_objects)
    key = np.repeat(np.arange(Q), lengths) * K + table.object[entry].astype(np.int64)
    own = gifts.own
    key, (count,) = added_up(
        np.append(key, gifts.question_of_giver[own.question] * K + own.object),
        np.append(table.value[entry], share[own.question] * own.above_each),
    )
    each = table.each[upstream_objects] + given(own.each)
    strength = agent.a * K + table.total[upstream_objects] + given(own.total)
    question = key // K
    return SparseRows(K, key, (agent.a + count + each[question]) / strength[question], (agent.a + each) / strength)


def ask_weights(agent: Agent, subject: Integers, relation: Integers, objects: Integers, target: float) -> Floats:
    """[Q]: n' of each edit (subject, relation, object), as `Agent.weight_for` of the agent before any edit."""
    _check(agent)
    seen = observe(agent.facts, agent.K, subject, relation, EditSets.none(len(subject)))
    asked = np.arange(len(subject)) * agent.K + objects
    there, above = looked_up(seen.question * agent.K + seen.object, seen.above_each, asked)
    count = seen.each + np.where(there, above, 0.0)
    goal = target_credence(predictive(count, seen.total, agent.a, agent.K), target)
    return np.asarray(least_weight(count, seen.total, agent.a, agent.K, goal))


def _check(agent: Agent) -> None:
    if agent.revision.observations:
        raise ValueError("questions bring their own edits: ask the agent before it was revised")


def _parts(agent: Agent, questions: Queries) -> Iterator[tuple[NDArray[np.intp], Part]]:
    """Roots together, each downstream relation's facts together, what is deeper down a chain one by one."""
    depends, deeper = _dependence(agent, questions)
    roots = np.flatnonzero(~depends)
    yield roots, _roots(agent, questions.where(roots))
    for relation in agent.parent:
        rows = np.flatnonzero(depends & ~deeper & (questions.relation == relation))
        if len(rows):
            yield rows, downstream_beliefs(agent, relation, questions.where(rows))
    rows = np.flatnonzero(deeper)
    yield rows, _OneByOne(agent.K, tuple(_belief(agent, questions, q) for q in rows.tolist()))


def _roots(agent: Agent, questions: Queries) -> SparseRows:
    return observe(agent.facts, agent.K, questions.subject, questions.relation, questions.edits).predictive(agent.a)


def _dependence(agent: Agent, questions: Queries) -> tuple[Flags, Flags]:
    """Whether each question's fact is downstream, and whether what it depends on is downstream itself."""
    parent = np.full(agent.facts.R + 1, -1)  # the last entry is the parent of no relation, -1
    parent[list(agent.parent.keys())] = list(agent.parent.values())
    upstream = parent[questions.relation]
    depends = _observed(agent, questions, upstream)
    return depends, depends & _observed(agent, questions, parent[upstream])


def _observed(agent: Agent, questions: Queries, relation: Integers) -> Flags:
    seen = fact_numbers(agent.facts, questions.subject, relation) >= 0
    return (relation >= 0) & (seen | questions.edited(questions.subject, relation))


def _belief(agent: Agent, questions: Queries, q: int) -> Distribution:
    return agent.revise(*questions.edits.set_of(q)).belief(int(questions.subject[q]), int(questions.relation[q]))


@dataclass(frozen=True)
class _OneByOne:
    K: int
    distributions: tuple[Distribution, ...]

    @property
    def modes(self) -> Integers:
        return np.array([distribution.mode() for distribution in self.distributions], dtype=np.int64)

    def at(self, question: Integers, objects: Integers) -> NDArray[np.floating]:
        return np.array([self.distributions[q].at(row) for q, row in zip(question[:, 0], objects, strict=True)])

    def distribution(self, q: int) -> Distribution:
        return self.distributions[q]
