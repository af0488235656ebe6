"""A distribution over K objects in sparse form: a few named objects, and one default probability for all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.bayes.sparse import Floats, look_up


@dataclass(frozen=True)
class Distribution:
    """A distribution: p(o) = probability[i] for a named object o = object[i], and `default` for every other one.

    Shapes: k named objects.
    """

    K: int
    object: Ids
    """[k], sorted."""
    probability: Floats
    """[k]."""
    default: float

    def __getitem__(self, object_: int) -> float:
        """Returns p(o). Raises IndexError for an object outside 0 .. K-1."""
        return float(self.at(np.array([object_]))[0])

    def at(self, objects: NDArray[np.integer]) -> NDArray[np.float64]:
        """Returns [N]: p(o) of each object. Raises IndexError for an object outside 0 .. K-1."""
        objects = np.asarray(objects)
        if len(objects) and (objects.min() < 0 or objects.max() >= self.K):
            raise IndexError(f"objects are numbered 0 .. {self.K - 1}")
        named, probability = look_up(self.object, self.probability, objects)
        return np.where(named, probability, self.default)

    def dense(self) -> NDArray[np.float64]:
        """Returns [K]: p(o) of every object."""
        p = np.full(self.K, self.default)
        p[self.object] = self.probability
        return p

    def total(self) -> float:
        """Returns the sum over all K objects, which is 1 but for rounding."""
        return float(self.probability.sum() + self.default * (self.K - len(self.object)))

    def mode(self) -> int:
        """Returns the most probable object, the lowest id among equals."""
        return int(self.top(1)[0][0])

    def top(self, count: int) -> tuple[Ids, NDArray[np.float64]]:
        """Returns the `count` most probable objects and their probabilities, falling; equals by rising id."""
        unnamed = _lowest_absent_ids(self.object, min(count, self.K - len(self.object)))
        objects = np.concatenate([self.object, unnamed])
        probabilities = np.concatenate([self.probability, np.full(len(unnamed), self.default)])
        order = np.lexsort((objects, -probabilities))[:count]
        return objects[order], probabilities[order]

    def entropy(self) -> float:
        """Returns -sum p log2 p over all K objects, in bits."""
        positive = self.probability[self.probability > 0]
        unnamed = self.K - len(self.object)
        default = unnamed * self.default * np.log2(self.default) if unnamed and self.default > 0 else 0.0
        return float(-(positive * np.log2(positive)).sum() - default)


def _lowest_absent_ids(present: Ids, count: int) -> Ids:
    """Returns the `count` lowest ids that are not in the sorted `present`."""
    candidates = np.arange(len(present) + count, dtype=np.int32)
    return candidates[~np.isin(candidates, present)][:count]
