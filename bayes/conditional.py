"""The shared conditional of one dependency: C[o_u] = sum_s rho[s](o_u) n[s, r_d], one pass over the lines.

Shapes: K objects, upstream (rows) and downstream (columns); k objects that any row names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, gather_rows, row_of_entry
from worldgen.bayes.counts import NOTHING, Counts, FactTable
from worldgen.bayes.dirichlet import predictive
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats


@dataclass(frozen=True)
class ConditionalTable:
    """Count vectors by upstream object, as compressed rows; row u names objects start[u] .. start[u+1]-1."""

    K: int
    start: NDArray[np.int64]  # [K+1]
    object: Ids
    value: Floats
    each: Floats  # [K]
    total: Floats  # [K]

    def row(self, upstream_object: int) -> Counts:
        """C[o_u]; nothing for an object never observed upstream. Raises IndexError for one outside 0 .. K-1."""
        if not 0 <= upstream_object < self.K:
            raise IndexError(f"objects are numbered 0 .. {self.K - 1}")
        if not self.total[upstream_object]:
            return NOTHING
        entries = slice(self.start[upstream_object], self.start[upstream_object + 1])
        each, total = float(self.each[upstream_object]), float(self.total[upstream_object])
        return Counts(self.object[entries], self.value[entries], each, total)

    def sum_of_predictives(self, a: float) -> Sum:
        """G[o_d] = sum over all K upstream objects of p(o_d | r_d, r_u, o_u)."""
        strength = a * self.K + self.total
        default = float(np.sum(predictive(self.each, self.total, a, self.K)))
        objects, column = np.unique(self.object, return_inverse=True)
        row = row_of_entry(self.start)
        above = _sums(column, self.value / strength[row], len(objects))
        return Sum(objects, default + above, default)


@dataclass(frozen=True)
class Sum:
    """A sum of distributions, in sparse form like one of them: `value` for named objects, else `default`."""

    object: Ids  # [k], sorted
    value: Floats  # [k]
    default: float

    def with_changes(self, changes: Mapping[int, tuple[Distribution, Distribution]]) -> Sum:
        """With some terms (before, after) exchanged."""
        named = [self.object] + [after.object for _, after in changes.values()]
        objects = np.unique(np.concatenate(named))
        value = np.full(len(objects), self.default)
        value[np.searchsorted(objects, self.object)] = self.value
        default = self.default
        for before, after in changes.values():
            value += after.at(objects) - before.at(objects)
            default += after.default - before.default
        return Sum(objects, value, default)


def fit_conditional(facts: FactTable, upstream: int, downstream: int, K: int) -> ConditionalTable:
    """C over all subjects with both relations observed, from the positive evidence upstream.

    A join on the subject: every responsible upstream object meets every line of the same subject's downstream
    fact, and what falls on the same (o_u, o_d) is added up.
    """
    responsible, rho, fact = _responsible_lines(facts, upstream, downstream)
    line, lines = gather_rows(facts.start, fact)
    value = np.repeat(rho, lines) * (facts.positive[line] - facts.spread[line] / (K - 1))
    pair = np.repeat(responsible.astype(np.int64), lines) * K + facts.object[line]
    pairs, place = np.unique(pair, return_inverse=True)
    against = facts.per_fact(facts.spread)[fact]
    weight = facts.per_fact(facts.positive)[fact] + against
    return ConditionalTable(
        K,
        np.searchsorted(pairs, np.arange(K + 1, dtype=np.int64) * K),
        (pairs % K).astype(np.int32),
        _sums(place, value, len(pairs)),
        _sums(responsible, rho * (against / (K - 1)), K),
        _sums(responsible, rho * weight, K),
    )


def _responsible_lines(facts: FactTable, upstream: int, downstream: int) -> tuple[Ids, Floats, NDArray[np.int64]]:
    """Upstream object, its responsibility rho, and the downstream fact: for each line with positive evidence
    upstream whose subject has a downstream fact."""
    subject, relation = np.divmod(facts.key, facts.R)
    down = np.flatnonzero(relation == downstream)
    line = np.flatnonzero((relation[facts.fact_of_line] == upstream) & (facts.positive > 0))
    place = np.searchsorted(subject[down], subject[facts.fact_of_line[line]])
    has_both = place < len(down)
    has_both[has_both] = subject[down][place[has_both]] == subject[facts.fact_of_line[line[has_both]]]
    line, fact = line[has_both], down[place[has_both]]
    rho = facts.positive[line] / facts.per_fact(facts.positive)[facts.fact_of_line[line]]
    return facts.object[line], rho, fact


def _sums(place: NDArray[np.integer], values: Floats, N: int) -> Floats:
    """[N]: the sum of the values that fall on each place."""
    return np.asarray(np.bincount(place, weights=values, minlength=N), dtype=np.float64)
