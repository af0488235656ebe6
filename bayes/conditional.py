"""The conditional of one dependency r_u -> r_d, which all subjects share.

    C[o_u] = sum_s rho[s](o_u) n[s, r_d]
    p(o_d | r_d, r_u, o_u) = (a + C[o_u][o_d]) / (a K + sum_o C[o_u][o])

Row o_u of the conditional is the count vector C[o_u].
Shapes: K objects, upstream (rows) and downstream (columns); k objects that any row names; E entries of all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from worldgen.arrays import Ids, gather_rows, row_of_entry
from worldgen.bayes.counts import NO_COUNTS, Counts, Observations
from worldgen.bayes.dirichlet import predictive
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.fact_table import FactTable
from worldgen.bayes.sparse import Floats, Integers, sum_by_place


class RowKey(NamedTuple):
    """A row of a conditional: its downstream relation r_d and its upstream object o_u."""

    relation: int
    upstream_object: int


@dataclass(frozen=True)
class ConditionalTable:
    """The rows C[o_u] of a conditional as a compressed sparse matrix: row u has the entries start[u] .. start[u+1]-1.

    As in `Counts`, C[u][o] = default[u] + excess[i] for a named object o = object[i], and default[u] for the others.
    """

    K: int
    start: Integers
    """[K+1]."""
    object: Ids
    """[E], sorted within each row."""
    excess: Floats
    """[E]."""
    default: Floats
    """[K]."""
    total: Floats
    """[K]: the sum of C[u][o] over all o."""

    def row(self, upstream_object: int) -> Counts:
        """Returns C[o_u]: no counts for an object never observed upstream. Raises IndexError outside 0 .. K-1."""
        if not 0 <= upstream_object < self.K:
            raise IndexError(f"objects are numbered 0 .. {self.K - 1}")
        if not self.total[upstream_object]:
            return NO_COUNTS
        entries = slice(self.start[upstream_object], self.start[upstream_object + 1])
        default, total = float(self.default[upstream_object]), float(self.total[upstream_object])
        return Counts(self.object[entries], self.excess[entries], default, total)

    def sum_of_rows(self, a: float) -> RowSum:
        """Returns G, the sum of the predictives of all K rows, for a prior count `a` of every object."""
        strength = a * self.K + self.total
        default = float(np.sum(predictive(self.default, self.total, a, self.K)))
        objects, column = np.unique(self.object, return_inverse=True)
        excess = sum_by_place(column, self.excess / strength[row_of_entry(self.start)], len(objects))
        return RowSum(objects, default + excess, default)


@dataclass(frozen=True)
class RowSum:
    """The sum of all rows: G(o_d) = sum over all K upstream objects o_u of p(o_d | r_d, r_u, o_u).

    G(o) = value[i] for a named object o = object[i], and `default` for every other one.
    """

    object: Ids
    """[k], sorted."""
    value: Floats
    """[k]."""
    default: float

    def with_rows_exchanged(self, rows: Mapping[int, tuple[Distribution, Distribution]]) -> RowSum:
        """Returns G after some rows are exchanged: `rows[o_u]` is the row in the sum, and the row to replace it."""
        named = [self.object] + [new.object for _, new in rows.values()]
        objects = np.unique(np.concatenate(named))
        value = np.full(len(objects), self.default)
        value[np.searchsorted(objects, self.object)] = self.value
        default = self.default
        for old, new in rows.values():
            value += new.at(objects) - old.at(objects)
            default += new.default - old.default
        return RowSum(objects, value, default)


def contributions(upstream: Observations | None, downstream: Observations | None, K: int) -> dict[int, Counts]:
    """Returns a subject's contribution rho(o_u) n[s,r_d] to the row of each responsible o_u.

    It is empty where either fact was never observed.
    """
    if upstream is None or downstream is None:
        return {}
    n = downstream.counts(K)
    objects, rho = upstream.responsibilities()
    return {o_u: NO_COUNTS.plus(n, share) for o_u, share in zip(objects.tolist(), rho.tolist(), strict=True)}


def fit_conditional(facts: FactTable, upstream: int, downstream: int, K: int) -> ConditionalTable:
    """Returns the rows C[o_u] of one dependency, summed over all subjects with both relations observed.

    This is a join on the subject: every responsible upstream object of a subject meets every line of the same
    subject's downstream fact, and the products rho n on the same (o_u, o_d) are added up.
    """
    responsible, rho, fact = _responsible_objects(facts, upstream, downstream)
    line, lengths = gather_rows(facts.start, fact)
    excess = np.repeat(rho, lengths) * (facts.positive[line] - facts.spread[line] / (K - 1))
    pair = np.repeat(responsible.astype(np.int64), lengths) * K + facts.object[line]
    pairs, place = np.unique(pair, return_inverse=True)
    against = facts.sum_by_fact(facts.spread)[fact]
    total = facts.sum_by_fact(facts.positive)[fact] + against
    return ConditionalTable(
        K,
        np.searchsorted(pairs, np.arange(K + 1, dtype=np.int64) * K),
        (pairs % K).astype(np.int32),
        sum_by_place(place, excess, len(pairs)),
        sum_by_place(responsible, rho * (against / (K - 1)), K),
        sum_by_place(responsible, rho * total, K),
    )


def _responsible_objects(facts: FactTable, upstream: int, downstream: int) -> tuple[Ids, Floats, Integers]:
    """Returns (upstream object, its responsibility rho, the subject's downstream fact), one entry for each upstream
    line that has positive weight and whose subject has a downstream fact."""
    subject, relation = np.divmod(facts.key, facts.R)
    down = np.flatnonzero(relation == downstream)
    line = np.flatnonzero((relation[facts.fact_of_line] == upstream) & (facts.positive > 0))
    place = np.searchsorted(subject[down], subject[facts.fact_of_line[line]])
    has_both = place < len(down)
    has_both[has_both] = subject[down][place[has_both]] == subject[facts.fact_of_line[line[has_both]]]
    line, fact = line[has_both], down[place[has_both]]
    rho = facts.positive[line] / facts.sum_by_fact(facts.positive)[facts.fact_of_line[line]]
    return facts.object[line], rho, fact
