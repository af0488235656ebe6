"""Many beliefs about a subject never seen, p(o | ., r), each under edits of its own.

    p(o | ., r) = (a + n[., r][o] + w[o]) / (a K + N[., r] + W),  w[o] the weight of the question's edits "s r o"

Shapes: Q questions, N (question, object) pairs that edits name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import added_up, largest, looked_up
from worldgen.bayes.counts import Counts
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers


@dataclass(frozen=True)
class UnseenSubjectBeliefs:
    """`everyone[r]` before any edit; `weight[i]` more at key[i] = question K + object, `added` in all."""

    agent: Agent
    everyone: Mapping[int, Counts]
    relation: Integers  # [Q]
    key: Integers  # [N], sorted
    weight: Floats  # [N]
    added: Floats  # [Q]

    def at(self, question: Integers, objects: Integers) -> NDArray[np.floating]:
        """The probability at each (question, object), of the arguments' common shape."""
        question, objects = np.broadcast_arrays(question, objects)
        there, more = looked_up(self.key, self.weight, question * self.agent.K + objects)
        count = np.where(there, more, 0.0)
        for r, counts in self.everyone.items():
            asked = self.relation[question] == r
            named, above = looked_up(counts.object, counts.value, objects[asked])
            count[asked] += np.where(named, above, 0.0) + counts.each
        return (self.agent.a + count) / self._strength[question]

    @cached_property
    def modes(self) -> Integers:
        """[Q]: the most probable objects: the one before the edits or one that they name."""
        K, Q = self.agent.K, len(self.relation)
        before = {r: counts.predictive(self.agent.a, K).mode() for r, counts in self.everyone.items()}
        usual = np.array([before[r] for r in self.relation.tolist()], dtype=np.int64)
        keys = np.union1d(self.key, np.arange(Q) * K + usual)
        return largest(K, keys, self.at(keys // K, keys % K), Q)[1]

    def distribution(self, q: int) -> Distribution:
        """The whole of one belief."""
        K, counts = self.agent.K, self.everyone[int(self.relation[q])]
        edited = self.key[slice(*np.searchsorted(self.key, [q * K, (q + 1) * K]))] % K
        objects = np.union1d(counts.object, edited).astype(np.int64)
        default = (self.agent.a + counts.each) / self._strength[q]
        return Distribution(K, objects.astype(np.int32), self.at(np.full(len(objects), q), objects), float(default))

    @cached_property
    def _strength(self) -> Floats:
        totals = np.array([self.everyone[r].total for r in self.relation.tolist()])
        return self.agent.a * self.agent.K + totals + self.added


def unseen_subject_beliefs(agent: Agent, relation: Integers, edits: EditSets) -> UnseenSubjectBeliefs:
    """The beliefs of relations [Q], each under its question's edits, whoever they are about."""
    everyone = {r: agent.counts_of_all_subjects(r) for r in np.unique(relation).tolist()}
    counted = np.flatnonzero((edits.weight > 0) & (edits.relation == relation[edits.question]))
    question, weight = edits.question[counted], edits.weight[counted]
    key, (more,) = added_up(question * agent.K + edits.object[counted], weight)
    added = np.bincount(question, weights=weight, minlength=len(relation)).astype(np.float64)
    return UnseenSubjectBeliefs(agent, everyone, relation, key, more, added)
