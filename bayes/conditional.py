"""The shared conditional of one dependency: C[o_u] = sum_s rho[s](o_u) n[s, r_d], one sparse product.

Shapes: K objects, upstream (rows) and downstream (columns); k objects that any row names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bayes.counts import NOTHING, Counts, FactTable, Weights
from bayes.dirichlet import predictive
from bayes.distribution import Distribution
from worldgen.sources import Ids


@dataclass(frozen=True)
class ConditionalTable:
    """Count vectors by upstream object, as compressed rows; row u names objects start[u] .. start[u+1]-1."""

    K: int
    start: NDArray[np.int64]  # [K+1]
    object: Ids
    value: Weights
    each: Weights  # [K]
    total: Weights  # [K]

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
        row = np.repeat(np.arange(self.K), np.diff(self.start))
        above = np.bincount(column, weights=self.value / strength[row], minlength=len(objects))
        return Sum(objects, default + above, default)


@dataclass(frozen=True)
class Sum:
    """A sum of distributions, in sparse form like one of them: `value` for named objects, else `default`."""

    object: Ids  # [k], sorted
    value: Weights  # [k]
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
    """C over all subjects with both relations observed, from the positive evidence upstream."""
    subject, relation = np.divmod(facts.key, facts.R)
    S = int(subject.max(initial=-1)) + 1
    line_subject, line_relation = subject[facts.fact_of_line], relation[facts.fact_of_line]

    up = (line_relation == upstream) & (facts.positive > 0)
    positive_of_fact = facts.per_fact(np.where(up, facts.positive, 0.0))
    rho = facts.positive[up] / positive_of_fact[facts.fact_of_line[up]]
    responsibility = sparse.csr_array((rho, (line_subject[up], facts.object[up])), shape=(S, K))

    down = line_relation == downstream
    value = facts.positive[down] - facts.spread[down] / (K - 1)
    counts = sparse.csr_array((value, (line_subject[down], facts.object[down])), shape=(S, K))
    against, total = np.zeros(S), np.zeros(S)
    of_relation = relation == downstream
    against[subject[of_relation]] = facts.per_fact(facts.spread)[of_relation]
    total[subject[of_relation]] = facts.per_fact(facts.positive + facts.spread)[of_relation]

    by_object = responsibility.T.tocsr()
    rows = (by_object @ counts).tocsr()
    rows.sort_indices()
    return ConditionalTable(
        K,
        rows.indptr.astype(np.int64),
        rows.indices.astype(np.int32),
        rows.data,
        by_object @ (against / (K - 1)),
        by_object @ total,
    )
