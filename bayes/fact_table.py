"""The observations of all facts of a corpus in one table.

Shapes: F facts with evidence, E lines of evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from worldgen.arrays import Ids, row_of_entry
from worldgen.bayes.counts import Observations
from worldgen.bayes.evidence import THIRD, Evidence
from worldgen.bayes.sparse import Floats, Integers


@dataclass(frozen=True)
class FactTable:
    """The observations of all facts: fact f = (s, r) has the key s R + r and the lines start[f] .. start[f+1]-1."""

    R: int
    """The number of relations."""
    key: Integers
    """[F], sorted."""
    start: Integers
    """[F+1]."""
    object: Ids
    """[E], sorted within each fact."""
    positive: Floats
    """[E]: the weight for the object, in observations."""
    spread: Floats
    """[E]: the weight against the object, in observations."""
    atomic: Integers
    """[E]: the number of bare atoms that name the object."""

    @staticmethod
    def of(evidence: Evidence, R: int) -> FactTable:
        """Returns the table of some evidence over R relations."""
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
        """Returns the lines of one fact, or None if it was never observed. Raises ValueError for impossible ids."""
        if subject < 0 or not 0 <= relation < self.R:
            raise ValueError(
                f"no world has a fact of subject {subject} and relation {relation}: there are {self.R} relations"
            )
        key = subject * self.R + relation
        fact = int(np.searchsorted(self.key, key))
        if fact == len(self.key) or self.key[fact] != key:
            return None
        return slice(int(self.start[fact]), int(self.start[fact + 1]))

    def observations(self, subject: int, relation: int) -> Observations | None:
        """Returns the observations of one fact, or None if there are none. Raises ValueError for impossible ids."""
        lines = self.lines(subject, relation)
        return None if lines is None else Observations(self.object[lines], self.positive[lines], self.spread[lines])

    def fact_numbers(self, subject: Integers, relation: Integers) -> Integers:
        """Returns the number f of each fact (subject, relation), or -1 for a fact that was never observed.

        Shapes: all [Q]. A relation of -1 means no relation.
        """
        if not len(self.key):
            return np.full(len(subject), -1)
        key = np.asarray(subject, np.int64) * self.R + relation
        fact = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return np.where((self.key[fact] == key) & (relation >= 0), fact, -1)

    @cached_property
    def fact_of_line(self) -> Integers:
        """[E]: the number f of each line's fact."""
        return row_of_entry(self.start)

    def sum_by_fact(self, weights: Floats) -> Floats:
        """Returns [F]: the sum of a column of lines [E] over each fact."""
        return np.add.reduceat(weights, self.start[:-1]) if len(self.key) else np.zeros(0)
