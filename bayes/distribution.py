"""A distribution over K objects in sparse form: explicit entries and one default probability for all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids


@dataclass(frozen=True)
class Distribution:
    """p(o) = probability[i] where object[i] == o, else `default`. `object` is sorted; shapes [k]."""

    K: int
    object: Ids
    probability: NDArray[np.floating]
    default: float

    def __getitem__(self, object_: int) -> float:
        return float(self.at(np.array([object_]))[0])

    def at(self, objects: NDArray[np.integer]) -> NDArray[np.float64]:
        """[N]: the probability of each object. Raises IndexError for one that is not in 0 .. K-1."""
        objects = np.asarray(objects)
        if len(objects) and (objects.min() < 0 or objects.max() >= self.K):
            raise IndexError(f"objects are numbered 0 .. {self.K - 1}")
        if not len(self.object):
            return np.full(len(objects), self.default)
        place = np.minimum(np.searchsorted(self.object, objects), len(self.object) - 1)
        return np.where(self.object[place] == objects, self.probability[place], self.default)

    def dense(self) -> NDArray[np.float64]:
        """[K]: every probability."""
        everything = np.full(self.K, self.default)
        everything[self.object] = self.probability
        return everything

    def total(self) -> float:
        """The sum over all K objects."""
        return float(self.probability.sum() + self.default * (self.K - len(self.object)))

    def mode(self) -> int:
        """The most probable object, the lowest id where several are."""
        return int(self.top(1)[0][0])

    def top(self, most: int) -> tuple[Ids, NDArray[np.float64]]:
        """The `most` most probable objects and their probabilities, falling; equal ones by id."""
        unnamed = _first_absent(self.object, min(most, self.K - len(self.object)))
        objects = np.concatenate([self.object, unnamed])
        probabilities = np.concatenate([self.probability, np.full(len(unnamed), self.default)])
        order = np.lexsort((objects, -probabilities))[:most]
        return objects[order], probabilities[order]

    def entropy(self) -> float:
        """-sum p log2 p, in bits."""
        explicit = self.probability[self.probability > 0]
        rest = self.K - len(self.object)
        default = rest * self.default * np.log2(self.default) if rest and self.default > 0 else 0.0
        return float(-(explicit * np.log2(explicit)).sum() - default)


def _first_absent(present: Ids, wanted: int) -> Ids:
    """The lowest `wanted` ids that a sorted list lacks."""
    candidates = np.arange(len(present) + wanted, dtype=np.int32)
    return candidates[~np.isin(candidates, present)][:wanted]
