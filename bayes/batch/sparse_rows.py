"""Many distributions in sparse form.

Shapes: Q rows, one distribution each; L named objects of all rows together; K objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers, entries_of_row, largest_in_rows, look_up


@dataclass(frozen=True)
class SparseRows:
    """Q distributions: p_q(o) = value[i] where key[i] = q K + o, and default[q] for an object without a key."""

    K: int
    key: Integers
    """[L], sorted."""
    value: Floats
    """[L]."""
    default: Floats
    """[Q]."""

    @cached_property
    def modes(self) -> Integers:
        """[Q]: the most probable object of each row, the lowest id among equals."""
        best, mode = largest_in_rows(self.key, self.K, self.value, len(self.default))
        for q in np.flatnonzero(best <= self.default):
            mode[q] = self.distribution(int(q)).mode()
        return mode

    def distribution(self, q: int) -> Distribution:
        """Returns the distribution of row q."""
        entries = entries_of_row(self.key, self.K, q)
        named = (self.key[entries] % self.K).astype(np.int32)
        return Distribution(self.K, named, self.value[entries], float(self.default[q]))

    def at(self, q: Integers, objects: Integers) -> Floats:
        """Returns p_q(o) for each pair (q, o). Shapes: the arguments broadcast to the shape of the result."""
        named, value = look_up(self.key, self.value, q * self.K + objects)
        return np.where(named, value, self.default[q])
