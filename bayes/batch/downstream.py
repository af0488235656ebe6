"""Many downstream beliefs at once, each under edits of its own, by one sparse matrix product.

Under edits that move the rows u in E of the conditional, with w_u = p(o_u) - d, d the default of p(o_u), G
the sum of all conditionals before the move, and p' conditionals after it:

    p(o) = d G(o) + sum_u w_u p(o | u) + sum_{u in E} p(u) (p'(o | u) - p(o | u))

A row is p(o | u) = default_u + V_u(o) / strength_u, and a moved one has V'_u = V_u + sum_g share_gu n_g, the gifts of
the edited subjects (see `contributions`): so every term is a number, a multiple of some V_u, or a multiple of some n_g.

Shapes: Q questions, K objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.contributions import Gifts, gifts_of
from worldgen.bayes.batch.queries import Queries, added_up, largest, looked_up, observe
from worldgen.bayes.conditional import ConditionalTable, Sum
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers


@dataclass(frozen=True)
class DownstreamBeliefs:
    """p(o) = named[q K + o] (0 where there is no such key) + constant[q] + default[q] G(o)."""

    agent: Agent
    relation: int
    questions: Queries
    key: Integers
    named: Floats
    constant: Floats  # [Q]
    default: Floats  # [Q]

    @property
    def _sum(self) -> Sum:
        return self.agent.sums[self.relation]

    def at(self, question: Integers, objects: Integers) -> NDArray[np.floating]:
        """The probability at each (question, object), of the arguments' common shape."""
        there, value = looked_up(self.key, self.named, question * self.agent.K + objects)
        return np.where(there, value, 0.0) + self._background(question, objects)

    @cached_property
    def modes(self) -> Integers:
        """[Q]: the most probable objects. Where an object that no row names could win, the agent is asked itself."""
        K, Q = self.agent.K, len(self.constant)
        value = self.named + self._background(self.key // K, self.key % K)
        best, mode = largest(K, self.key, value, Q)
        bound = self.constant + self.default * max(self._sum.default, self._sum.value.max(initial=-np.inf))
        for q in np.flatnonzero(best <= bound):
            revised = self.agent.revise(*self.questions.edits.set_of(int(q)))
            mode[q] = revised.belief(int(self.questions.subject[q]), self.relation).mode()
        return mode

    def distribution(self, q: int) -> Distribution:
        """The whole of one distribution."""
        K, everything = self.agent.K, self._sum
        own = self.key[slice(*np.searchsorted(self.key, [q * K, (q + 1) * K]))] % K
        objects = np.union1d(own, everything.object).astype(np.int64)
        default = self.constant[q] + self.default[q] * everything.default
        probability = self.at(np.full(len(objects), q), objects)
        return Distribution(K, objects.astype(np.int32), probability, float(default))

    def _background(self, question: Integers, objects: Integers) -> Floats:
        there, value = looked_up(self._sum.object, self._sum.value, objects)
        return self.constant[question] + self.default[question] * np.where(there, value, self._sum.default)


def downstream_beliefs(agent: Agent, relation: int, questions: Queries) -> DownstreamBeliefs:
    """The beliefs about downstream facts of one relation whose upstream facts are observed and roots."""
    K, table, Q = agent.K, agent.tables[relation], len(questions)
    upstream = np.full(Q, agent.parent[relation])
    believed = observe(agent.facts, K, questions.subject, upstream, questions.edits).predictive(agent.a)
    strength, default = agent.a * K + table.total, (agent.a + table.each) / (agent.a * K + table.total)
    question, row = believed.key // K, believed.key % K
    above_default = believed.value - believed.default[question]

    gifts = gifts_of(agent, relation, questions.edits)
    keys, place = np.unique(gifts.question * K + gifts.row, return_inverse=True)
    moved_question, moved_row = keys // K, keys % K
    given_total = _sums(place, gifts.share * gifts.own.total[gifts.giver], len(keys))
    given_each = _sums(place, gifts.share * gifts.own.each[gifts.giver], len(keys))
    moved_strength = strength[moved_row] + given_total
    moved_default = (agent.a + table.each[moved_row] + given_each) / moved_strength
    credence = believed.at(moved_question, moved_row)

    of_row = np.append(above_default / strength[row], credence * (1 / moved_strength - 1 / strength[moved_row]))
    of_giver = _sums(gifts.giver, gifts.share * (credence / moved_strength)[place], gifts.own.Q)
    constant = _sums(question, above_default * default[row], Q)
    constant += _sums(moved_question, credence * (moved_default - default[moved_row]), Q)
    rows = np.append(question, moved_question), np.append(row, moved_row)
    key, named = _named(table, (of_row, rows), of_giver, gifts, Q)
    return DownstreamBeliefs(agent, relation, questions, key, named, constant, believed.default)


def _named(
    table: ConditionalTable, of_row: tuple[Floats, tuple[Integers, Integers]], of_giver: Floats, gifts: Gifts, Q: int
) -> tuple[Integers, Floats]:
    """(key, value): sum of of_row[q, u] V_u(o) over u, plus that of of_giver[g] n_g(o) over the givers."""
    from scipy import sparse  # slow to import, and needed by no single question

    values: Any = sparse.csr_array((table.value, table.object, table.start), shape=(table.K, table.K))
    product = (sparse.csr_array(of_row, shape=(Q, table.K)) @ values).tocoo()
    own = gifts.own
    given = gifts.question_of_giver[own.question] * table.K + own.object
    key = np.append(product.row.astype(np.int64) * table.K + product.col, given)
    keys, (value,) = added_up(key, np.append(product.data, of_giver[own.question] * own.above_each))
    return keys, value


def _sums(place: Integers, values: Floats, N: int) -> Floats:
    return np.bincount(place, weights=values, minlength=N).astype(np.float64)
