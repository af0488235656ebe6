"""Beliefs about every fact before any source has spoken of it.

Shapes: F facts, E named objects of all facts, M[f] objects of fact f.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from worldgen.arrays import gather_rows, row_of_entry, row_starts
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers, look_up, sum_by_place


@dataclass(frozen=True)
class Priors:
    """A distribution over the objects of each fact, sparse as `Distribution`.

    pi_f(o) = probability[i] for a named object o = object[i] with start[f] <= i < start[f+1], else default[f].
    """

    M: Integers
    """[F]."""
    start: Integers
    """[F+1]."""
    object: Integers
    """[E], sorted within each fact."""
    probability: Floats
    """[E]."""
    default: Floats
    """[F]."""

    @staticmethod
    def uniform(F: int, M: int) -> Priors:
        """Returns the uniform distribution over M objects for F facts. Raises ValueError for M < 2."""
        return Priors.known(np.full(F, -1), M)

    @staticmethod
    def known(truth: ArrayLike, M: int) -> Priors:
        """Returns certainty for each fact whose true object is known, and 1 / M for one whose `truth` is -1.

        Shapes: truth [F]. Raises ValueError for M < 2 and for a truth outside -1 .. M-1.
        """
        true = np.asarray(truth, dtype=np.int64)
        if M < 2 or (true.size and not -1 <= true.min() <= true.max() < M):
            raise ValueError(f"a fact needs two objects or more, numbered 0 .. {M - 1}")
        labelled = true >= 0
        start, certain = row_starts(labelled.astype(np.int64)), np.ones(labelled.sum())
        return Priors(np.full(len(true), M), start, true[labelled], certain, np.where(labelled, 0.0, 1 / M))

    @staticmethod
    def of(distributions: Sequence[Distribution]) -> Priors:
        """Returns these distributions, one a fact."""
        lengths = np.array([len(each.object) for each in distributions], dtype=np.int64)
        return Priors(
            np.array([each.K for each in distributions], dtype=np.int64),
            row_starts(lengths),
            np.concatenate([np.zeros(0, np.int64), *(each.object for each in distributions)]),
            np.concatenate([np.zeros(0), *(each.probability for each in distributions)]),
            np.array([each.default for each in distributions], dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.M)

    def where(self, facts: Integers) -> Priors:
        """Returns the priors of some facts, then numbered from 0 on. Raises ValueError for an unknown fact."""
        if len(facts) and not 0 <= facts.min() <= facts.max() < len(self):
            raise ValueError(f"facts are numbered 0 .. {len(self) - 1}")
        entries, lengths = gather_rows(self.start, facts)
        columns = (self.object[entries], self.probability[entries], self.default[facts])
        return Priors(self.M[facts], row_starts(lengths), *columns)

    def of_fact(self, fact: int) -> Distribution:
        """Returns pi_f."""
        entries = slice(int(self.start[fact]), int(self.start[fact + 1]))
        named = self.object[entries].astype(np.int32)
        return Distribution(int(self.M[fact]), named, self.probability[entries], float(self.default[fact]))

    def at(self, fact: Integers, object_: Integers) -> Floats:
        """Returns pi_f(o) of each (fact, object). Shapes: all one shape. Raises ValueError for an impossible id."""
        if (object_ >= self.M[fact]).any():
            raise ValueError("a report names an object that its fact cannot have")
        width = int(self.M.max(initial=1))
        key = row_of_entry(self.start) * width + self.object
        named, probability = look_up(key, self.probability, fact * width + object_)
        return np.where(named, probability, self.default[fact])

    def mass_without(self, fact: Integers, object_: Integers) -> Floats:
        """Returns [F]: the probability that a fact has none of the listed objects, as a sum of positive numbers.

        Shapes: fact and object_ [N], distinct pairs.
        """
        width = int(self.M.max(initial=1))
        row = row_of_entry(self.start)
        key, listed = row * width + self.object, fact * width + object_
        stays = ~np.isin(key, listed)
        unnamed = ~np.isin(listed, key)
        covered = np.diff(self.start) + sum_by_place(fact[unnamed], np.ones(unnamed.sum()), len(self))
        return sum_by_place(row[stays], self.probability[stays], len(self)) + self.default * (self.M - covered)
