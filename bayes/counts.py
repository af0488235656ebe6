"""The observations of one fact, and sparse count vectors.

Shapes: K objects, k of them named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from worldgen.arrays import Ids
from worldgen.bayes.dirichlet import predictive
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats


@dataclass(frozen=True)
class Counts:
    """A count vector: n[o] = default + excess[i] for a named object o = object[i], and `default` for the others."""

    object: Ids
    """[k], sorted."""
    excess: Floats
    """[k]."""
    default: float
    total: float
    """N, the sum of n[o] over all K objects."""

    def __getitem__(self, object_: int) -> float:
        """Returns n[o]."""
        place = int(np.searchsorted(self.object, object_))
        named = place < len(self.object) and self.object[place] == object_
        return float(self.excess[place]) + self.default if named else self.default

    def plus(self, other: Counts, share: float = 1.0) -> Counts:
        """Returns self + share * other."""
        objects = np.union1d(self.object, other.object)
        excess = np.zeros(len(objects))
        excess[np.searchsorted(objects, self.object)] += self.excess
        excess[np.searchsorted(objects, other.object)] += share * other.excess
        return Counts(objects, excess, self.default + share * other.default, self.total + share * other.total)

    def plus_all(self, others: Iterable[Counts]) -> Counts:
        """Returns self + the sum of the others."""
        return reduce(Counts.plus, others, self)

    def predictive(self, a: float, K: int) -> Distribution:
        """Returns the posterior predictive p(o) = (a + n[o]) / (a K + N)."""
        named = predictive(self.excess + self.default, self.total, a, K)
        return Distribution(K, self.object, np.asarray(named), float(predictive(self.default, self.total, a, K)))


NO_COUNTS = Counts(np.zeros(0, np.int32), np.zeros(0), 0.0, 0.0)


@dataclass(frozen=True)
class Observations:
    """The weight that was observed for and against each named object of one fact (s, r)."""

    object: Ids
    """[k], sorted."""
    positive: Floats
    """[k]: the weight for the object."""
    spread: Floats
    """[k]: the weight against the object, which is spread evenly over the other K-1."""

    def plus(self, object_: int, weight: float) -> Observations:
        """Returns these observations and `weight` more of one object."""
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
        """Returns n[s,r], where n[o] = positive[o] + (the sum of spread - spread[o]) / (K - 1)."""
        against = self.spread.sum()
        excess = self.positive - self.spread / (K - 1)
        return Counts(self.object, excess, against / (K - 1), float(self.positive.sum() + against))

    def responsibilities(self) -> tuple[Ids, Floats]:
        """Returns the objects with positive weight and rho(o) = positive[o] / the sum of positive.

        Both are empty where no weight is positive.
        """
        named = self.positive > 0
        positive = self.positive[named]
        return self.object[named], positive / positive.sum() if named.any() else positive


NO_OBSERVATIONS = Observations(np.zeros(0, np.int32), np.zeros(0), np.zeros(0))
