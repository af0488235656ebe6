"""Who said what about which fact: reports of sources, counted.

    c_fk(o) = the number of reports of source k that fact f has object o
    n_fk    = sum over o of c_fk(o)

Counts are whole numbers, and every float is made from them anew: to take a report back restores each bit.
Shapes: K sources, C cells, which are the distinct (fact, source, object).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worldgen.arrays import ragged_arange
from worldgen.bayes.sparse import Floats, Integers

Reading = Literal["assertion", "independent"]
"""How equal reports of one source are read: as one assertion however often it is made, or as independent reports."""


class Report(NamedTuple):
    """A source says that a fact has an object."""

    fact: int
    source: int
    object: int
    weight: float = 1.0
    """As an assertion: how many observations it is worth if it is genuine. As independent: the number of reports."""


@dataclass(frozen=True)
class Reports:
    """Counted reports: one cell for each distinct (fact, source, object), sorted by them."""

    K: int
    """The number of sources, those without a report included."""
    fact: Integers
    """[C]."""
    source: Integers
    """[C]."""
    object: Integers
    """[C]."""
    count: Integers
    """[C]: c_fk(o), at least 1."""
    strength: Floats
    """[C]: how many observations one report of the cell is worth if it is genuine; 1 for what a corpus says."""

    @staticmethod
    def of(K: int, fact: ArrayLike, source: ArrayLike, object_: ArrayLike) -> Reports:
        """Returns the counts of single reports by K sources; equal reports are added up.

        Shapes: all three columns [N]. Raises ValueError for a source outside 0 .. K-1, and for ids below zero.
        """
        columns = [np.asarray(column, dtype=np.int64).reshape(-1) for column in (fact, source, object_)]
        N = len(columns[0])
        return _counted(K, np.stack(columns), np.ones(N, np.int64), np.ones(N))

    def plus(self, other: Reports) -> Reports:
        """Returns the reports of both; of two strengths of one cell the greater."""
        return self._with(other, other.count)

    def minus(self, other: Reports) -> Reports:
        """Returns these reports without those of `other`. Raises ValueError for one that is not there."""
        return self._with(other, -other.count)

    def of_facts(self, facts: Sequence[int]) -> Reports:
        """Returns the cells of some facts."""
        return self.where(self._cells_of(np.unique(np.array(facts, dtype=np.int64)))[0])

    def renumbered(self, facts: Integers) -> Reports:
        """Returns the cells of each of these facts, which may repeat and are then numbered 0, 1, ... in this order."""
        cells, lengths = self._cells_of(facts)
        return replace(self.where(cells), fact=np.repeat(np.arange(len(facts)), lengths))

    def _cells_of(self, facts: Integers) -> tuple[Integers, Integers]:
        """Returns the cells of these facts, fact by fact, and how many each has."""
        first, last = np.searchsorted(self.fact, facts), np.searchsorted(self.fact, facts, side="right")
        return np.repeat(first, last - first) + ragged_arange(last - first), last - first

    def where(self, chosen: NDArray) -> Reports:
        """Returns the chosen cells: a mask [C], or cell numbers."""
        ids = (self.fact[chosen], self.source[chosen], self.object[chosen])
        return Reports(self.K, *ids, self.count[chosen], self.strength[chosen])

    def as_read(self, reading: Reading, edits: Sequence[Report] = ()) -> Reports:
        """Returns these reports and then the edits, duplicates counted as the reading says.

        Raises ValueError for ids below zero, an unknown source, a weight that is not above zero and finite, and a
        number of independent reports that is not whole.
        """
        weight = np.array([edit.weight for edit in edits], dtype=np.float64)
        if not (weight > 0).all() or not (weight < np.inf).all() or (reading == "independent" and (weight % 1).any()):
            raise ValueError("the weight of an edit is above zero and finite, that of independent reports also whole")
        if not edits:
            return self if reading == "independent" else replace(self, count=np.ones_like(self.count))
        ids, ones = np.array([edit[:3] for edit in edits], dtype=np.int64).reshape(-1, 3).T, np.ones(len(edits))
        if reading == "independent":
            return self.plus(_counted(self.K, ids, weight.astype(np.int64), ones))
        heard = self.plus(_counted(self.K, ids, ones.astype(np.int64), weight))
        return replace(heard, count=np.ones_like(heard.count))

    def __len__(self) -> int:
        return len(self.fact)

    def _with(self, other: Reports, count: Integers) -> Reports:
        if other.K != self.K:
            raise ValueError(f"reports of {self.K} sources and of {other.K}")
        mine, theirs = ((reports.fact, reports.source, reports.object) for reports in (self, other))
        strength = np.append(self.strength, other.strength)
        return _counted(self.K, np.hstack([np.stack(mine), np.stack(theirs)]), np.append(self.count, count), strength)


def _counted(K: int, ids: Integers, count: Integers, strength: Floats) -> Reports:
    """Returns the cells of unsorted columns: counts of equal cells are added up, the greatest strength stays.

    Shapes: ids [3, N]; count and strength [N].
    """
    if ids.size and (ids.min() < 0 or ids[1].max() >= K):
        raise ValueError(f"a report names an id below zero, or a source outside 0 .. {K - 1}")
    order = np.lexsort(ids[::-1])
    ids, count, strength = ids[:, order], count[order], strength[order]
    first = np.flatnonzero(np.any(np.diff(ids, axis=1, prepend=-1) != 0, axis=0)) if ids.size else np.zeros(0, np.int64)
    if len(first):
        count, strength = np.add.reduceat(count, first), np.maximum.reduceat(strength, first)
    if (count < 0).any():
        raise ValueError("no report can be taken back that was not made")
    stays = count > 0
    fact, source, object_ = ids[:, first[stays]]
    return Reports(K, fact, source, object_, count[stays], strength[stays])
