"""Sparse counts: what was observed of one fact, and count vectors n = value + each * 1.

Shapes: k objects that were named, F facts with evidence, E their lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, row_of_entry
from worldgen.bayes.dirichlet import predictive
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.evidence import THIRD, Evidence
from worldgen.bayes.sparse import Floats


@dataclass(frozen=True)
class Counts:
    """A count vector over K objects: n[o] = value + each for a named object, `each` for every other one."""

    object: Ids  # [k], sorted
    value: Floats  # [k]
    each: float
    total: float

    def plus(self, other: Counts, share: float = 1.0) -> Counts:
        """self + share * other."""
        objects = np.union1d(self.object, other.object)
        value = np.zeros(len(objects))
        value[np.searchsorted(objects, self.object)] += self.value
        value[np.searchsorted(objects, other.object)] += share * other.value
        return Counts(objects, value, self.each + share * other.each, self.total + share * other.total)

    def plus_all(self, others: Iterable[Counts]) -> Counts:
        """self + the sum of the others."""
        return reduce(Counts.plus, others, self)

    def of(self, object_: int) -> float:
        """n[o]."""
        place = int(np.searchsorted(self.object, object_))
        named = place < len(self.object) and self.object[place] == object_
        return float(self.value[place]) + self.each if named else self.each

    def predictive(self, a: float, K: int) -> Distribution:
        """The posterior predictive p(o) = (a + n[o]) / (a K + N)."""
        named = predictive(self.value + self.each, self.total, a, K)
        return Distribution(K, self.object, np.asarray(named), float(predictive(self.each, self.total, a, K)))


NOTHING = Counts(np.zeros(0, np.int32), np.zeros(0), 0.0, 0.0)


@dataclass(frozen=True)
class Observations:
    """What was observed of one (s, r): weight for each named object, and weight against it."""

    object: Ids  # [k], sorted
    positive: Floats  # [k]
    spread: Floats  # [k]

    def plus(self, object_: int, weight: float) -> Observations:
        """With `weight` more observations of one object."""
        place = int(np.searchsorted(self.object, object_))
        if place < len(self.object) and self.object[place] == object_:
            positive = self.positive.copy()
            positive[place] += weight
            return Observations(self.object, positive, self.spread)
        return Observations(
            np.insert(self.object, place, object_),
            np.insert(self.positive, place, weight),
            np.insert(self.spread, place, 0.0),
        )

    def counts(self, K: int) -> Counts:
        """n[o] = positive[o] + (all spread - spread[o]) / (K - 1)."""
        against = self.spread.sum()
        value = self.positive - self.spread / (K - 1)
        return Counts(self.object, value, against / (K - 1), float(self.positive.sum() + against))

    def responsibilities(self) -> tuple[Ids, Floats]:
        """rho(o) = positive[o] / sum of positive, where it is not zero; empty without positive evidence."""
        named = self.positive > 0
        positive = self.positive[named]
        return self.object[named], positive / positive.sum() if named.any() else positive


@dataclass(frozen=True)
class FactTable:
    """Observations of all facts; fact f = (s, r) has key s R + r and the lines start[f] .. start[f+1]-1."""

    R: int
    key: NDArray[np.int64]  # [F], sorted
    start: NDArray[np.int64]  # [F+1]
    object: Ids  # [E]
    positive: Floats  # [E]
    spread: Floats  # [E]
    atomic: NDArray[np.int64]  # [E]

    @staticmethod
    def of(evidence: Evidence, R: int) -> FactTable:
        """The table of some evidence over R relations."""
        key = evidence.subject.astype(np.int64) * R + evidence.relation
        keys, start = np.unique(key, return_index=True)
        return FactTable(
            R,
            keys,
            np.append(start, len(key)).astype(np.int64),
            evidence.object,
            evidence.positive * THIRD,
            evidence.spread * THIRD,
            evidence.atomic,
        )

    def lines(self, subject: int, relation: int) -> slice | None:
        """The lines of one fact, or None if nothing was observed of it. Raises ValueError for impossible ids."""
        if subject < 0 or not 0 <= relation < self.R:
            raise ValueError(
                f"no world has a fact of subject {subject} and relation {relation}: there are {self.R} relations"
            )
        key = subject * self.R + relation
        place = int(np.searchsorted(self.key, key))
        if place == len(self.key) or self.key[place] != key:
            return None
        return slice(int(self.start[place]), int(self.start[place + 1]))

    def observations(self, subject: int, relation: int) -> Observations | None:
        """What was observed of one fact, or None."""
        lines = self.lines(subject, relation)
        return None if lines is None else Observations(self.object[lines], self.positive[lines], self.spread[lines])

    @cached_property
    def fact_of_line(self) -> NDArray[np.int64]:
        """[E]: the fact of each line."""
        return row_of_entry(self.start)

    def per_fact(self, weights: Floats) -> Floats:
        """[F]: the sum of a column of lines over each fact."""
        return np.add.reduceat(weights, self.start[:-1]) if len(self.key) else np.zeros(0)
