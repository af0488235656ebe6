"""Many downstream beliefs at once, each after edits of its own, by one sparse matrix product.

For one query, p(u) is its belief about the upstream object u, d the default of p(u), and w_u = p(u) - d. G is the sum
of all K rows p(o | u) before the edits. The edits change the rows u in E to p'(o | u). Then

    p(o) = d G(o) + sum_u w_u p(o | u) + sum_{u in E} p(u) (p'(o | u) - p(o | u))

A row is p(o | u) = default_u + V_u(o) / strength_u, with V_u the excess of C[u], and strength_u = a K + sum_o C[u][o].
A changed row has V'_u = V_u + sum_c share_cu n_c, where n_c is the excess of contributor c (see `contributions`). So

    p(o) = d G(o) + constant + sum_u of_row_u V_u(o) + sum_c of_contributor_c n_c(o)
    constant         = sum_u w_u default_u + sum_{u in E} p(u) (default'_u - default_u)
    of_row_u         = w_u / strength_u + [u in E] p(u) (1 / strength'_u - 1 / strength_u)
    of_contributor_c = sum_{u in E} share_cu p(u) / strength'_u

This is the marginal m. In two readings (see `worldgen.bayes.reading`) the edits of the fact itself are left out of it,
and observations of the fact are added: p(o) = (kappa m(o) + n(o)) / (kappa + N).

Shapes: Q queries, K objects, C contributors, L named objects of all queries together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.contributions import Contributions, contributions_of
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.observed_facts import ObservedFacts, observe, told_by_edits
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.conditional import ConditionalTable, RowSum
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers, entries_of_row, largest_in_rows, look_up, sum_by_key, sum_by_place


@dataclass(frozen=True)
class DownstreamBeliefs:
    """The beliefs p_q(o) = named[i] + constant[q] + d[q] G(o) where key[i] = q K + o; without a key, named is 0."""

    agent: Agent
    relation: int
    queries: Queries
    key: Integers
    """[L], sorted."""
    named: Floats
    """[L]."""
    constant: Floats
    """[Q]."""
    d: Floats
    """[Q]: the default of p(u)."""

    @property
    def _sum_of_rows(self) -> RowSum:
        return self.agent.sums[self.relation]

    def at(self, q: Integers, objects: Integers) -> NDArray[np.floating]:
        """Returns p_q(o) for each pair (q, o). Shapes: the arguments broadcast to the shape of the result."""
        there, value = look_up(self.key, self.named, q * self.agent.K + objects)
        return np.where(there, value, 0.0) + self._background(q, objects)

    @cached_property
    def modes(self) -> Integers:
        """[Q]: the most probable object of each query.

        The agent itself is asked where an object without a key could be the most probable.
        """
        K, Q, G = self.agent.K, len(self.constant), self._sum_of_rows
        value = self.named + self._background(self.key // K, self.key % K)
        best, mode = largest_in_rows(self.key, K, value, Q)
        bound = self.constant + self.d * max(G.default, G.value.max(initial=-np.inf))
        for q in np.flatnonzero(best <= bound):
            mode[q] = self.queries.belief(self.agent, int(q)).mode()
        return mode

    def distribution(self, q: int) -> Distribution:
        """Returns the whole belief of query q."""
        K, G = self.agent.K, self._sum_of_rows
        own = self.key[entries_of_row(self.key, K, q)] % K
        objects = np.union1d(own, G.object).astype(np.int64)
        default = self.constant[q] + self.d[q] * G.default
        probability = self.at(np.full(len(objects), q), objects)
        return Distribution(K, objects.astype(np.int32), probability, float(default))

    def with_told(self, kappa: Floats, told: ObservedFacts) -> DownstreamBeliefs:
        """Returns (kappa m + n) / (kappa + N), for these beliefs m, n the counts of each query's fact, kappa [Q]."""
        strength = kappa + told.total
        share = kappa / strength  # exactly 1 where nothing was told
        key, (named,) = sum_by_key(
            np.append(self.key, told.fact * self.agent.K + told.object),
            np.append(self.named * share[self.key // self.agent.K], told.excess / strength[told.fact]),
        )
        constant = self.constant * share + told.default / strength
        return replace(self, key=key, named=named, constant=constant, d=self.d * share)

    def _background(self, q: Integers, objects: Integers) -> Floats:
        """Returns constant[q] + d[q] G(o) for each pair (q, o)."""
        G = self._sum_of_rows
        there, value = look_up(G.object, G.value, objects)
        return self.constant[q] + self.d[q] * np.where(there, value, G.default)


def downstream_beliefs(agent: Agent, relation: int, queries: Queries) -> DownstreamBeliefs:
    """Returns the beliefs about downstream facts of one relation whose upstream facts are observed and roots."""
    subject, relations, edits = queries.subject, queries.relation, queries.edits
    if agent.reading.name == "marginal":
        return _marginals(agent, relation, queries, edits)
    m = _marginals(agent, relation, queries, edits.apart_from(subject, relations))
    if agent.reading.name == "own":
        told = observe(agent.facts, agent.K, subject, relations, edits)
        return m.with_told(np.full(len(queries), agent.reading.kappa), told)
    corpus = observe(agent.facts, agent.K, subject, relations, EditSets.none(len(queries)))
    return m.with_told(agent.a * agent.K + corpus.total, told_by_edits(agent.K, subject, relations, edits))


def _marginals(agent: Agent, relation: int, queries: Queries, edits: EditSets) -> DownstreamBeliefs:
    """Returns the marginal of each query's fact after these edits, which take the place of the query's own."""
    a, K, table, Q = agent.a, agent.K, agent.tables[relation], len(queries)
    upstream = np.full(Q, agent.parent[relation])
    p = observe(agent.facts, K, queries.subject, upstream, edits).predictive(a)
    query, u = p.key // K, p.key % K
    w = p.value - p.default[query]
    strength, default = a * K + table.total, (a + table.default) / (a * K + table.total)

    moves = contributions_of(agent, relation, edits)
    n_c, c = moves.downstream, moves.contributor
    # The changed rows, one for each (query, u in E); `place` is the changed row of each contribution.
    changed, place = np.unique(moves.query * K + moves.row, return_inverse=True)
    query_E, u_E = changed // K, changed % K
    strength_E = strength[u_E] + sum_by_place(place, moves.share * n_c.total[c], len(changed))
    default_count = a + table.default[u_E] + sum_by_place(place, moves.share * n_c.default[c], len(changed))
    default_E, p_E = default_count / strength_E, p.at(query_E, u_E)

    of_row = np.append(w / strength[u], p_E * (1 / strength_E - 1 / strength[u_E]))
    of_contributor = sum_by_place(c, moves.share * (p_E / strength_E)[place], n_c.F)
    constant = sum_by_place(query, w * default[u], Q)
    constant += sum_by_place(query_E, p_E * (default_E - default[u_E]), Q)
    rows = np.append(query, query_E), np.append(u, u_E)
    key, named = _named_sums(table, (of_row, rows), of_contributor, moves, Q)
    return DownstreamBeliefs(agent, relation, queries, key, named, constant, p.default)


def _named_sums(
    table: ConditionalTable,
    of_row: tuple[Floats, tuple[Integers, Integers]],
    of_contributor: Floats,
    moves: Contributions,
    Q: int,
) -> tuple[Integers, Floats]:
    """Returns (key, named): sum_u of_row_u V_u(o) + sum_c of_contributor_c n_c(o) at each key q K + o.

    `of_row` is a sparse matrix [Q, K] as (values, (query, u)); equal (query, u) are added up. `of_contributor` is [C].
    """
    from scipy import sparse  # slow to import, and not needed by a single query

    V: Any = sparse.csr_array((table.excess, table.object, table.start), shape=(table.K, table.K))
    product = (sparse.csr_array(of_row, shape=(Q, table.K)) @ V).tocoo()
    n_c = moves.downstream
    contributed = moves.query_of_contributor[n_c.fact] * table.K + n_c.object
    key = np.append(product.row.astype(np.int64) * table.K + product.col, contributed)
    keys, (named,) = sum_by_key(key, np.append(product.data, of_contributor[n_c.fact] * n_c.excess))
    return keys, named
