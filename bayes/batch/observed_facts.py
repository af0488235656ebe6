"""The observations of many facts at once, edits included: `Observations` in columns.

Shapes: F facts asked about, L lines of observations, K objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from worldgen.arrays import gather_rows
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.sparse_rows import SparseRows
from worldgen.bayes.dirichlet import predictive
from worldgen.bayes.fact_table import FactTable
from worldgen.bayes.sparse import Floats, Integers, sum_by_key, sum_by_place


@dataclass(frozen=True)
class ObservedFacts:
    """The observations of F facts: one line for each (fact, object) that was named, sorted by them.

    As in `Counts`, n[f][o] = default[f] + excess[i] for the object o of a line i of fact f, and default[f] for every
    other object.
    """

    K: int
    fact: Integers
    """[L]: the place 0 .. F-1 of the line's fact among the facts asked about."""
    object: Integers
    """[L]."""
    positive: Floats
    """[L]: the weight for the object."""
    spread: Floats
    """[L]: the weight against the object."""
    F: int

    def sum_by_fact(self, weights: Floats) -> Floats:
        """Returns [F]: the sum of a column of lines [L] over each fact."""
        return sum_by_place(self.fact, weights, self.F)

    @cached_property
    def against(self) -> Floats:
        """[F]: the sum of spread."""
        return self.sum_by_fact(self.spread)

    @cached_property
    def total(self) -> Floats:
        """[F]: N, the sum of n[f][o] over all K objects."""
        return self.sum_by_fact(self.positive) + self.against

    @cached_property
    def default(self) -> Floats:
        """[F]: n[f][o] of an object that no line names, which is the weight against the others over K - 1."""
        return self.against / (self.K - 1)

    @cached_property
    def excess(self) -> Floats:
        """[L]: n[f][o] - default[f] of the object of each line."""
        return self.positive - self.spread / (self.K - 1)

    def predictive(self, a: float) -> SparseRows:
        """Returns the root predictive (a + n[f][o]) / (a K + N) of every fact."""
        n = self.excess + self.default[self.fact]
        value = np.asarray(predictive(n, self.total[self.fact], a, self.K))
        default = np.asarray(predictive(self.default, self.total, a, self.K))
        return SparseRows(self.K, self.fact * self.K + self.object, value, default)

    def followed_by(self, other: ObservedFacts) -> ObservedFacts:
        """Returns these facts and then those of `other`, which are numbered from F on."""
        return ObservedFacts(
            self.K,
            np.append(self.fact, self.F + other.fact),
            np.append(self.object, other.object),
            np.append(self.positive, other.positive),
            np.append(self.spread, other.spread),
            self.F + other.F,
        )

    def responsibilities(self) -> tuple[Integers, Integers, Floats]:
        """Returns (fact, object, rho) of every line with positive weight; rho = positive / its sum over the fact."""
        named = self.positive > 0
        rho = self.positive[named] / self.sum_by_fact(self.positive)[self.fact[named]]
        return self.fact[named], self.object[named], rho


def told_by_edits(K: int, subject: Integers, relation: Integers, edits: EditSets) -> ObservedFacts:
    """Returns what the edits of set f alone say of fact f of (subject, relation) [F]."""
    new = np.flatnonzero(edits.falls_on(subject, relation))
    key, (weight,) = sum_by_key(edits.query[new] * K + edits.object[new], edits.weight[new])
    return ObservedFacts(K, key // K, key % K, weight, np.zeros(len(key)), len(subject))


def observe(facts: FactTable, K: int, subject: Integers, relation: Integers, edits: EditSets) -> ObservedFacts:
    """Returns the observations of the facts (subject, relation) [F], with the edits of set f that are about fact f."""
    table_fact = facts.fact_numbers(subject, relation)
    seen = np.flatnonzero(table_fact >= 0)
    line, lengths = gather_rows(facts.start, table_fact[seen])
    fact, object_ = np.repeat(seen, lengths), facts.object[line].astype(np.int64)
    positive, spread = facts.positive[line], facts.spread[line]
    if (new := np.flatnonzero(edits.falls_on(subject, relation))).size:
        fact, object_ = np.append(fact, edits.query[new]), np.append(object_, edits.object[new])
        positive, spread = np.append(positive, edits.weight[new]), np.append(spread, np.zeros(len(new)))
    key, (positive, spread) = sum_by_key(fact * K + object_, positive, spread)
    return ObservedFacts(K, key // K, key % K, positive, spread, len(subject))
