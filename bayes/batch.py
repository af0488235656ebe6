"""Many beliefs at once: what `Agent.revise(edit).belief(s, r)` gives one by one, each under an edit of its own.

Shapes: Q questions, J objects asked of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bayes.agent import Agent
from bayes.distribution import Distribution
from bayes.downstream import downstream_beliefs
from bayes.questions import Flags, Numbers, Questions, SparseRows, fact_numbers, observe
from worldgen.randomness import ragged_arange


class Part(Protocol):
    """The beliefs of some of the questions."""

    @property
    def modes(self) -> Numbers:
        """[q]: the most probable objects."""

    def at(self, question: Numbers, objects: Numbers) -> NDArray[np.floating]:
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
    def modes(self) -> Numbers:
        """[Q]: the most probable object of each, the lowest where several are."""
        modes = np.empty(self.Q, dtype=np.int64)
        for rows, part in zip(self.rows, self.parts, strict=True):
            modes[rows] = part.modes
        return modes

    def at(self, objects: Numbers) -> NDArray[np.float64]:
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


def ask_conditionals(agent: Agent, relation: int, upstream_objects: Numbers) -> SparseRows:
    """p(. | r_d, r_u, o_u) of many upstream objects [Q]. Raises ValueError as `ask_beliefs`, KeyError for a root."""
    if agent.revision.observations:
        raise ValueError("many rows are read off the fitted tables: ask the agent before it was revised")
    table, K = agent.tables[relation], agent.K
    lengths = np.diff(table.start)[upstream_objects]
    entry = np.repeat(table.start[upstream_objects], lengths) + ragged_arange(lengths)
    question = np.repeat(np.arange(len(upstream_objects)), lengths)
    strength, each = agent.a * K + table.total[upstream_objects], table.each[upstream_objects]
    value = (agent.a + table.value[entry] + each[question]) / strength[question]
    return SparseRows(K, question * K + table.object[entry], value, (agent.a + each) / strength)


def ask_roots(agent: Agent, questions: Questions) -> Beliefs:
    """The beliefs by the root formula, whether or not a fact is downstream. Raises ValueError as `ask_beliefs`."""
    _check(agent, questions)
    seen = observe(agent.facts, agent.K, questions.subject, questions.relation, questions)
    return Beliefs(len(questions), (np.arange(len(questions)),), (seen.predictive(agent.a),))


def ask_beliefs(agent: Agent, questions: Questions) -> Beliefs:
    """The belief p(o | s, r) of every question, under its edit.

    Raises ValueError for an agent that is revised already, and for weights that are no weights.
    """
    _check(agent, questions)
    kinds = [(rows, part) for rows, part in _parts(agent, questions) if len(rows)]
    return Beliefs(len(questions), tuple(rows for rows, _ in kinds), tuple(part for _, part in kinds))


def _check(agent: Agent, questions: Questions) -> None:
    if agent.revision.observations:
        raise ValueError("questions bring their own edits: ask the agent before it was revised")
    if len(questions) and not (np.isfinite(questions.edit_weight).all() and questions.edit_weight.min() >= 0):
        raise ValueError("edits have finite weights that are not negative")


def _parts(agent: Agent, questions: Questions) -> Iterator[tuple[NDArray[np.intp], Part]]:
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


def _roots(agent: Agent, questions: Questions) -> SparseRows:
    return observe(agent.facts, agent.K, questions.subject, questions.relation, questions).predictive(agent.a)


def _dependence(agent: Agent, questions: Questions) -> tuple[Flags, Flags]:
    """Whether each question's fact is downstream, and whether what it depends on is downstream itself."""
    parent = np.full(agent.facts.R + 1, -1)  # the last entry is the parent of no relation, -1
    parent[list(agent.parent.keys())] = list(agent.parent.values())
    upstream = parent[questions.relation]
    depends = _observed(agent, questions, upstream)
    return depends, depends & _observed(agent, questions, parent[upstream])


def _observed(agent: Agent, questions: Questions, relation: Numbers) -> Flags:
    seen = fact_numbers(agent.facts, questions.subject, relation) >= 0
    return (relation >= 0) & (seen | questions.edited(questions.subject, relation))


def _belief(agent: Agent, questions: Questions, q: int) -> Distribution:
    return agent.revise(questions.edit(q)).belief(int(questions.subject[q]), int(questions.relation[q]))


@dataclass(frozen=True)
class _OneByOne:
    K: int
    distributions: tuple[Distribution, ...]

    @property
    def modes(self) -> Numbers:
        return np.array([distribution.mode() for distribution in self.distributions], dtype=np.int64)

    def at(self, question: Numbers, objects: Numbers) -> NDArray[np.floating]:
        return np.array([self.distributions[q].at(row) for q, row in zip(question[:, 0], objects, strict=True)])

    def distribution(self, q: int) -> Distribution:
        return self.distributions[q]
