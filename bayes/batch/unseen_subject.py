"""Many beliefs about a subject never seen, p(o | ., r), each after edits of its own.

    p(o | ., r) = (a + n[., r][o] + w[o]) / (a K + N[., r] + W)

w[o] is the weight of the query's edits "s r o" of any subject s, and W the sum of w[o] over all objects.
Shapes: Q queries, L (query, object) pairs that edits name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.counts import Counts
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers, entries_of_row, largest_in_rows, look_up, sum_by_key, sum_by_place


@dataclass(frozen=True)
class UnseenSubjectBeliefs:
    """The beliefs p(o | ., relation[q]) of Q queries."""

    agent: Agent
    n: Mapping[int, Counts]
    """n[r]: the counts n[., r] of all subjects before any edit."""
    relation: Integers
    """[Q]."""
    key: Integers
    """[L], sorted: q K + o."""
    w: Floats
    """[L]."""
    W: Floats
    """[Q]."""

    def at(self, q: Integers, objects: Integers) -> NDArray[np.floating]:
        """Returns p_q(o) for each pair (q, o). Shapes: the arguments broadcast to the shape of the result."""
        q, objects = np.broadcast_arrays(q, objects)
        edited, w = look_up(self.key, self.w, q * self.agent.K + objects)
        count = np.where(edited, w, 0.0)
        for r, n in self.n.items():
            asked = self.relation[q] == r
            named, excess = look_up(n.object, n.excess, objects[asked])
            count[asked] += np.where(named, excess, 0.0) + n.default
        return (self.agent.a + count) / self._strength[q]

    @cached_property
    def modes(self) -> Integers:
        """[Q]: the most probable object of each query: the one before the edits, or one that the edits name."""
        K, Q = self.agent.K, len(self.relation)
        before = {r: n.predictive(self.agent.a, K).mode() for r, n in self.n.items()}
        usual = np.array([before[r] for r in self.relation.tolist()], dtype=np.int64)
        keys = np.union1d(self.key, np.arange(Q) * K + usual)
        return largest_in_rows(keys, K, self.at(keys // K, keys % K), Q)[1]

    def distribution(self, q: int) -> Distribution:
        """Returns the whole belief of query q."""
        K, n = self.agent.K, self.n[int(self.relation[q])]
        edited = self.key[entries_of_row(self.key, K, q)] % K
        objects = np.union1d(n.object, edited).astype(np.int64)
        default = (self.agent.a + n.default) / self._strength[q]
        return Distribution(K, objects.astype(np.int32), self.at(np.full(len(objects), q), objects), float(default))

    @cached_property
    def _strength(self) -> Floats:
        """[Q]: a K + N[., r] + W."""
        N = np.array([self.n[r].total for r in self.relation.tolist()])
        return self.agent.a * self.agent.K + N + self.W


def unseen_subject_beliefs(agent: Agent, relation: Integers, edits: EditSets) -> UnseenSubjectBeliefs:
    """Returns the beliefs of relations [Q], each after all edits of its query, whichever subject an edit is about."""
    n = {r: agent.counts_of_all_subjects(r) for r in np.unique(relation).tolist()}
    counted = np.flatnonzero((edits.weight > 0) & (edits.relation == relation[edits.query]))
    query, weight = edits.query[counted], edits.weight[counted]
    key, (w,) = sum_by_key(query * agent.K + edits.object[counted], weight)
    return UnseenSubjectBeliefs(agent, n, relation, key, w, sum_by_place(query, weight, len(relation)))
