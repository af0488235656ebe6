"""Many beliefs at once: each equals `agent.revise(*edits).belief(s, r)` for the subject, relation and edits of a query.

Shapes: Q queries, J objects asked about in each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.downstream import downstream_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.observed_facts import observe
from worldgen.bayes.batch.queries import Queries, check_unrevised
from worldgen.bayes.batch.sparse_rows import SparseRows
from worldgen.bayes.batch.unseen_subject import unseen_subject_beliefs
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Integers


class BeliefPart(Protocol):
    """The beliefs of some of the queries, numbered from 0 within the part."""

    @property
    def modes(self) -> Integers:
        """The most probable object of each query of the part."""

    def at(self, q: Integers, objects: Integers) -> NDArray[np.floating]:
        """Returns p_q(o) for each pair (q, o). Shapes: the arguments broadcast to the shape of the result."""

    def distribution(self, q: int) -> Distribution:
        """Returns the whole belief of one query of the part."""


@dataclass(frozen=True)
class Beliefs:
    """The beliefs of Q queries, in parts that were computed apart."""

    Q: int
    queries: tuple[NDArray[np.intp], ...]
    """queries[i]: the numbers of the queries that parts[i] answers."""
    parts: tuple[BeliefPart, ...]

    @cached_property
    def modes(self) -> Integers:
        """[Q]: the most probable object of each belief, the lowest id among equals."""
        modes = np.empty(self.Q, dtype=np.int64)
        for queries, part in zip(self.queries, self.parts, strict=True):
            modes[queries] = part.modes
        return modes

    def at(self, objects: Integers) -> NDArray[np.float64]:
        """Returns [Q, J]: the credences in the objects asked about, [Q, J]."""
        credences = np.empty(objects.shape)
        for queries, part in zip(self.queries, self.parts, strict=True):
            credences[queries] = part.at(np.arange(len(queries))[:, None], objects[queries])
        return credences

    def distributions(self) -> list[Distribution]:
        """Returns [Q]: every belief whole, for top objects, entropies and sums."""
        whole: list[Distribution | None] = [None] * self.Q
        for queries, part in zip(self.queries, self.parts, strict=True):
            for place, q in enumerate(queries.tolist()):
                whole[q] = part.distribution(place)
        return [distribution for distribution in whole if distribution is not None]


def ask_beliefs(agent: Agent, queries: Queries) -> Beliefs:
    """Returns the belief p(o | s, r) of every query, after its edits.

    Raises ValueError for an agent that was revised already.
    """
    check_unrevised(agent)
    parts = [(chosen, part) for chosen, part in _parts(agent, queries) if len(chosen)]
    return Beliefs(len(queries), tuple(chosen for chosen, _ in parts), tuple(part for _, part in parts))


def ask_roots(agent: Agent, queries: Queries) -> Beliefs:
    """Returns the root predictive of every query, after its edits; downstream facts included.

    Raises ValueError for an agent that was revised already.
    """
    check_unrevised(agent)
    return _one_part(len(queries), _roots(agent, queries))


def ask_requests(agent: Agent, queries: Queries) -> Beliefs:
    """Returns the belief that a request for each query's fact is measured by, `Agent.belief_of_request`.

    Raises ValueError for an agent that was revised already.
    """
    return (ask_roots if agent.reading.name == "marginal" else ask_beliefs)(agent, queries)


def ask_unseen_subject(agent: Agent, relation: Integers, edits: EditSets) -> Beliefs:
    """Returns p(o | ., r) of every relation [Q], after the edits of its query.

    Raises ValueError for an agent that was revised already.
    """
    check_unrevised(agent)
    return _one_part(len(relation), unseen_subject_beliefs(agent, relation, edits))


def _one_part(Q: int, part: BeliefPart) -> Beliefs:
    return Beliefs(Q, (np.arange(Q),), (part,))


def _parts(agent: Agent, queries: Queries) -> Iterator[tuple[NDArray[np.intp], BeliefPart]]:
    """Yields the roots together, the facts of each downstream relation together, and facts deeper down a chain,
    which the agent answers one by one."""
    downstream, deeper = queries.dependence(agent)
    chosen = np.flatnonzero(~downstream)
    yield chosen, _roots(agent, queries.where(chosen))
    for relation in agent.parent:
        chosen = np.flatnonzero(downstream & ~deeper & (queries.relation == relation))
        if len(chosen):
            yield chosen, downstream_beliefs(agent, relation, queries.where(chosen))
    chosen = np.flatnonzero(deeper)
    yield chosen, _OneByOne(tuple(queries.belief(agent, q) for q in chosen.tolist()))


def _roots(agent: Agent, queries: Queries) -> SparseRows:
    return observe(agent.facts, agent.K, queries.subject, queries.relation, queries.edits).predictive(agent.a)


@dataclass(frozen=True)
class _OneByOne:
    """Beliefs that the agent answered one by one."""

    distributions: tuple[Distribution, ...]

    @property
    def modes(self) -> Integers:
        return np.array([distribution.mode() for distribution in self.distributions], dtype=np.int64)

    def at(self, q: Integers, objects: Integers) -> NDArray[np.floating]:
        return np.array([self.distributions[i].at(row) for i, row in zip(q[:, 0], objects, strict=True)])

    def distribution(self, q: int) -> Distribution:
        return self.distributions[q]
