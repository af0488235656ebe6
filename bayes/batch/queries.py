"""Many questions at once, each under edits of its own, and what was observed of the facts they ask about.

Shapes: Q questions, L lines of observations, K objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import gather_rows
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.counts import FactTable
from worldgen.bayes.dirichlet import predictive
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Flags, Floats, Integers


@dataclass(frozen=True)
class Queries:
    """[Q] times: what is believed of (subject, relation), once the question's edits are seen."""

    subject: Integers
    relation: Integers
    edits: EditSets

    def __len__(self) -> int:
        return len(self.subject)

    def where(self, chosen: NDArray) -> Queries:
        """Some of the questions, by a mask or by numbers."""
        return Queries(self.subject[chosen], self.relation[chosen], self.edits.where(chosen))

    def edited(self, subject: Integers, relation: Integers) -> Flags:
        """[Q]: whether any of a question's edits is an observation of this fact."""
        edited = np.zeros(len(self), dtype=bool)
        edited[self.edits.question[self.edits.falls_on(subject, relation)]] = True
        return edited


@dataclass(frozen=True)
class Lines:
    """Observations of Q facts, sorted by (question, object), no two lines alike."""

    K: int
    question: Integers  # [L]
    object: Integers  # [L]
    positive: Floats  # [L]
    spread: Floats  # [L]
    Q: int

    def per_question(self, weights: Floats) -> Floats:
        """[Q]: a column of lines, summed."""
        return np.bincount(self.question, weights=weights, minlength=self.Q).astype(np.float64)

    @cached_property
    def against(self) -> Floats:
        """[Q]: all spread weight."""
        return self.per_question(self.spread)

    @cached_property
    def total(self) -> Floats:
        """[Q]: N of each question's counts."""
        return self.per_question(self.positive) + self.against

    @cached_property
    def each(self) -> Floats:
        """[Q]: what weight against other objects leaves to an object that no line names."""
        return self.against / (self.K - 1)

    @cached_property
    def above_each(self) -> Floats:
        """[L]: what the object of each line has more than `each`."""
        return self.positive - self.spread / (self.K - 1)

    def predictive(self, a: float) -> SparseRows:
        """The root predictive of every question."""
        count = self.above_each + self.each[self.question]
        value = np.asarray(predictive(count, self.total[self.question], a, self.K))
        default = np.asarray(predictive(self.each, self.total, a, self.K))
        return SparseRows(self.K, self.question * self.K + self.object, value, default)

    def followed_by(self, other: Lines) -> Lines:
        """These questions' lines, then another's, whose questions are numbered from Q on."""
        return Lines(
            self.K,
            np.append(self.question, self.Q + other.question),
            np.append(self.object, other.object),
            np.append(self.positive, other.positive),
            np.append(self.spread, other.spread),
            self.Q + other.Q,
        )

    def responsibilities(self) -> tuple[Integers, Integers, Floats]:
        """(question, object, rho) of every line with positive evidence."""
        named = self.positive > 0
        rho = self.positive[named] / self.per_question(self.positive)[self.question[named]]
        return self.question[named], self.object[named], rho


@dataclass(frozen=True)
class SparseRows:
    """Q distributions: value[i] at key[i] = question K + object (sorted), else the question's default."""

    K: int
    key: Integers
    value: Floats
    default: Floats  # [Q]

    @cached_property
    def modes(self) -> Integers:
        """[Q]: the most probable objects, the lowest where several are."""
        best, mode = largest(self.K, self.key, self.value, len(self.default))
        for q in np.flatnonzero(best <= self.default):
            mode[q] = self.distribution(int(q)).mode()
        return mode

    def distribution(self, q: int) -> Distribution:
        """The whole of one distribution."""
        entries = slice(*np.searchsorted(self.key, [q * self.K, (q + 1) * self.K]))
        named = (self.key[entries] % self.K).astype(np.int32)
        return Distribution(self.K, named, self.value[entries], float(self.default[q]))

    def at(self, question: Integers, objects: Integers) -> Floats:
        """The probability at each (question, object), of the arguments' common shape."""
        there, value = looked_up(self.key, self.value, question * self.K + objects)
        return np.where(there, value, self.default[question])


def observe(facts: FactTable, K: int, subject: Integers, relation: Integers, edits: EditSets) -> Lines:
    """The lines of each (subject, relation), with the questions' edits that fall on it."""
    fact = fact_numbers(facts, subject, relation)
    found = np.flatnonzero(fact >= 0)
    line, lengths = gather_rows(facts.start, fact[found])
    question, object_ = np.repeat(found, lengths), facts.object[line].astype(np.int64)
    positive, spread = facts.positive[line], facts.spread[line]
    if (new := np.flatnonzero(edits.falls_on(subject, relation))).size:
        question, object_ = np.append(question, edits.question[new]), np.append(object_, edits.object[new])
        positive, spread = np.append(positive, edits.weight[new]), np.append(spread, np.zeros(len(new)))
    key, (positive, spread) = added_up(question * K + object_, positive, spread)
    return Lines(K, key // K, key % K, positive, spread, len(subject))


def fact_numbers(facts: FactTable, subject: Integers, relation: Integers) -> Integers:
    """[Q]: the fact of each (subject, relation), or -1 where nothing was observed."""
    if not len(facts.key):
        return np.full(len(subject), -1)
    key = np.asarray(subject, np.int64) * facts.R + relation
    place = np.minimum(np.searchsorted(facts.key, key), len(facts.key) - 1)
    return np.where((facts.key[place] == key) & (relation >= 0), place, -1)


def added_up(key: Integers, *columns: Floats) -> tuple[Integers, list[Floats]]:
    """Sorted distinct keys, and the columns' sums over equal ones."""
    keys, place = np.unique(key, return_inverse=True)
    return keys, [np.bincount(place, weights=c, minlength=len(keys)).astype(np.float64) for c in columns]


def looked_up(keys: NDArray[np.integer], values: Floats, wanted: NDArray[np.integer]) -> tuple[Flags, Floats]:
    """(is it there, its value) of each wanted key among sorted ones."""
    if not len(keys):
        return np.zeros(wanted.shape, dtype=bool), np.zeros(wanted.shape)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return keys[place] == wanted, values[place]


def largest(K: int, key: Integers, value: Floats, Q: int) -> tuple[Floats, Integers]:
    """[Q], [Q]: each question's largest value and the lowest object that has it; -inf and 0 without a line."""
    best, mode = np.full(Q, -np.inf), np.zeros(Q, dtype=np.int64)
    question, object_ = key // K, key % K
    if len(question):
        first = np.flatnonzero(np.diff(question, prepend=-1))
        best[question[first]] = np.maximum.reduceat(value, first)
        is_best = value == best[question]
        # Assigned from the last to the first, so that the lowest object stays.
        mode[question[is_best][::-1]] = object_[is_best][::-1]
    return best, mode
