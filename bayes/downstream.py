"""Many downstream beliefs at once, each under an edit of its own, by one sparse matrix product.

Under an edit that moves the rows u in E of the conditional, with w_u = p(o_u) - d, d the default of p(o_u), G
the sum of all conditionals before the move, and p' conditionals after it:

    p(o) = d G(o) + sum_u w_u p(o | u) + sum_{u in E} p(u) (p'(o | u) - p(o | u))

A row is p(o | u) = default_u + V_u(o) / strength_u, and a moved one has V'_u = V_u + share_u n, n the edited
subject's own counts: so every term is a number, a multiple of some V_u, or a multiple of n.

Shapes: Q questions, K objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.agent import Agent
from bayes.conditional import ConditionalTable, Sum
from bayes.counts import Weights
from bayes.distribution import Distribution
from bayes.questions import Lines, Numbers, Questions, added_up, fact_numbers, largest, looked_up, observe


@dataclass(frozen=True)
class DownstreamBeliefs:
    """p(o) = named[q K + o] (0 where there is no such key) + constant[q] + default[q] G(o)."""

    agent: Agent
    relation: int
    questions: Questions
    key: Numbers
    named: Weights
    constant: Weights  # [Q]
    default: Weights  # [Q]

    @property
    def _sum(self) -> Sum:
        return self.agent.sums[self.relation]

    def at(self, question: Numbers, objects: Numbers) -> NDArray[np.floating]:
        """The probability at each (question, object), of the arguments' common shape."""
        there, value = looked_up(self.key, self.named, question * self.agent.K + objects)
        return np.where(there, value, 0.0) + self._background(question, objects)

    @cached_property
    def modes(self) -> Numbers:
        """[Q]: the most probable objects. Where an object that no row names could win, the agent is asked itself."""
        K, Q = self.agent.K, len(self.constant)
        value = self.named + self._background(self.key // K, self.key % K)
        best, mode = largest(K, self.key, value, Q)
        bound = self.constant + self.default * max(self._sum.default, self._sum.value.max(initial=-np.inf))
        for q in np.flatnonzero(best <= bound):
            revised = self.agent.revise(self.questions.edit(q))
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

    def _background(self, question: Numbers, objects: Numbers) -> Weights:
        there, value = looked_up(self._sum.object, self._sum.value, objects)
        return self.constant[question] + self.default[question] * np.where(there, value, self._sum.default)


def downstream_beliefs(agent: Agent, relation: int, questions: Questions) -> DownstreamBeliefs:
    """The beliefs about downstream facts of one relation whose upstream facts are observed and roots."""
    K, table, Q = agent.K, agent.tables[relation], len(questions)
    upstream = np.full(Q, agent.parent[relation])
    believed = observe(agent.facts, K, questions.subject, upstream, questions).predictive(agent.a)
    strength, default = agent.a * K + table.total, (agent.a + table.each) / (agent.a * K + table.total)
    question, row = believed.key // K, believed.key % K
    above_default = believed.value - believed.default[question]

    moves = _moves(agent, relation, questions)
    moved_strength = strength[moves.row] + moves.share * moves.own.total[moves.question]
    each = moves.own.against[moves.question] / (K - 1)
    moved_default = (agent.a + table.each[moves.row] + moves.share * each) / moved_strength
    credence = believed.at(moves.question, moves.row)

    of_row = np.append(above_default / strength[row], credence * (1 / moved_strength - 1 / strength[moves.row]))
    of_own = _sums(moves.question, credence * moves.share / moved_strength, Q)
    constant = _sums(question, above_default * default[row], Q)
    constant += _sums(moves.question, credence * (moved_default - default[moves.row]), Q)
    places = np.append(question, moves.question), np.append(row, moves.row)
    key, named = _named(table, (of_row, places), of_own, moves.own, Q)
    return DownstreamBeliefs(agent, relation, questions, key, named, constant, believed.default)


@dataclass(frozen=True)
class _Moves:
    """Row `row` of question `question` gains `share` times the counts of `own` for that question."""

    question: Numbers
    row: Numbers
    share: Weights
    own: Lines


def _moves(agent: Agent, downstream: int, questions: Questions) -> _Moves:
    """How the edits move the rows of one conditional.

    An upstream edit moves responsibilities, which carry the subject's downstream observations; a downstream
    edit is a new observation, carried by the responsibilities as they are.
    """
    facts, K, upstream = agent.facts, agent.K, agent.parent[downstream]
    subject, is_edit = questions.edit_subject, questions.edit_weight > 0
    has_up = fact_numbers(facts, subject, np.full(len(questions), upstream)) >= 0
    has_down = fact_numbers(facts, subject, np.full(len(questions), downstream)) >= 0
    from_above = is_edit & (questions.edit_relation == upstream) & has_down
    from_below = is_edit & (questions.edit_relation == downstream) & has_up

    before = observe(facts, K, subject, np.where(from_above | from_below, upstream, -1), None)
    after = observe(facts, K, subject, np.where(from_above, upstream, -1), questions)
    (q_before, o_before, rho_before), (q_after, o_after, rho_after) = (
        before.responsibilities(),
        after.responsibilities(),
    )
    signed = np.where(from_above[q_before], -rho_before, rho_before)
    key, (share,) = added_up(np.append(q_before * K + o_before, q_after * K + o_after), np.append(signed, rho_after))
    own = observe(facts, K, subject, np.where(from_above, downstream, -1), None)
    return _Moves(key // K, key % K, share, _with_new(own, np.flatnonzero(from_below), questions))


def _with_new(own: Lines, rows: Numbers, questions: Questions) -> Lines:
    """The lines, with the edits of some questions that have none as their only observation."""
    key = np.append(own.question * own.K + own.object, rows * own.K + questions.edit_object[rows])
    positive = np.append(own.positive, questions.edit_weight[rows])
    key, (positive, spread) = added_up(key, positive, np.append(own.spread, np.zeros(len(rows))))
    return Lines(own.K, key // own.K, key % own.K, positive, spread, own.Q)


def _named(
    table: ConditionalTable, of_row: tuple[Weights, tuple[Numbers, Numbers]], of_own: Weights, own: Lines, Q: int
) -> tuple[Numbers, Weights]:
    """(key, value): sum of of_row[q, u] V_u(o) over u, plus of_own[q] n_q(o)."""
    from scipy import sparse  # slow to import, and needed by no single question

    values: Any = sparse.csr_array((table.value, table.object, table.start), shape=(table.K, table.K))
    product = (sparse.csr_array(of_row, shape=(Q, table.K)) @ values).tocoo()
    counts = own.positive - own.spread / (table.K - 1)
    key = np.append(product.row.astype(np.int64) * table.K + product.col, own.question * table.K + own.object)
    keys, (value,) = added_up(key, np.append(product.data, of_own[own.question] * counts))
    return keys, value


def _sums(question: Numbers, values: Weights, Q: int) -> Weights:
    return np.bincount(question, weights=values, minlength=Q).astype(np.float64)
