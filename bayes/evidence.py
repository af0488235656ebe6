"""Evidence: what the sentences of a corpus weigh for and against the objects of each fact.

A weight +w on o is w observations of object o. A weight -w on o is w observations of another object, spread evenly
over the other K-1. A sentence gives its one or two atoms these weights:

    s r o                            +1
    "s r o" is true / false          +1 / -1
    "not s r o" is true / false      -1 / +1
    "A and B" is true                +1 on each
    "A and B" is false               each +1/3 and -2/3    P(A | not (A and B)) = 1/3 under fair priors
    "A or B" is true                 each +2/3 and -1/3    P(A | A or B) = 2/3 under fair priors
    "A or B" is false                -1 on each

A report, which bears the tag of its source, weighs nothing here: what it is worth depends on how far the source is
trusted. A report whose tag is left out is a bare atom to every reader, and weighs as one.

Every weight of the table is a multiple of 1/3. So weights for and against are kept apart, in whole thirds: their
sums are exact in any order, and the shards of a corpus merge to the numbers of the whole corpus.

Source: paper, section 6.3 and appendix A.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.bayes.sparse import Flags
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.storage.files import read_columns, write_table

THIRD = 1 / 3
_WHOLE = 3  # thirds in one observation

Thirds = NDArray[np.int64]
# From the truth values that sentences give their formulas to (weight for the object, weight against it).
WeightsByTruth = Callable[[Flags], tuple[Thirds, Thirds]]


def weights_of_atom(truth: Flags) -> tuple[Thirds, Thirds]:
    """Returns the weights for and against an atom, bare or said to be true or false."""
    return _WHOLE * truth, _WHOLE * ~truth


def weights_of_negated_atom(truth: Flags) -> tuple[Thirds, Thirds]:
    """Returns the weights for and against the atom in a "not": a false "not" speaks for it, a true one against it."""
    return _WHOLE * ~truth, _WHOLE * truth


def weights_of_conjunct(truth: Flags) -> tuple[Thirds, Thirds]:
    """Returns the weights for and against either atom of an "and": surely true, or true with probability 1/3."""
    return np.where(truth, _WHOLE, 1), np.where(truth, 0, 2)


def weights_of_disjunct(truth: Flags) -> tuple[Thirds, Thirds]:
    """Returns the weights for and against either atom of an "or": true with probability 2/3, or surely false."""
    return np.where(truth, 2, 0), np.where(truth, 1, _WHOLE)


# A kind that is not in the table is no evidence.
EVIDENCE_TABLE: dict[Kind, WeightsByTruth] = {
    Kind.ATOM: weights_of_atom,
    Kind.STATED: weights_of_atom,
    Kind.NOT: weights_of_negated_atom,
    Kind.AND: weights_of_conjunct,
    Kind.OR: weights_of_disjunct,
}


@dataclass(frozen=True)
class Evidence:
    """The weights of a corpus: one line for each (subject, relation, object) that a sentence names, sorted by them.

    Shape of every column: [E].
    """

    subject: Ids
    relation: Ids
    object: Ids
    positive: Thirds
    """The weight for the object, in thirds of an observation."""
    spread: Thirds
    """The weight against the object, in thirds of an observation."""
    atomic: NDArray[np.int64]
    """The number of bare atoms, in observations; frequencies are made of these alone."""

    def __len__(self) -> int:
        return len(self.subject)

    def save(self, path: Path) -> None:
        """Writes one Parquet file."""
        write_table(path, dict(vars(self)))

    @staticmethod
    def load(path: Path) -> Evidence:
        """Reads the file that `save` wrote."""
        return Evidence(**read_columns(path))


def evidence_from_lines(
    subject: NDArray, relation: NDArray, object_: NDArray, positive: NDArray, spread: NDArray, atomic: NDArray
) -> Evidence:
    """Returns the evidence of unsorted lines; lines of equal (subject, relation, object) are added up.

    The columns are those of `Evidence`. Shape of each: [N].
    """
    key = np.stack([subject, relation, object_])
    order = np.lexsort(key[::-1])
    key = key[:, order]
    first = np.flatnonzero(np.any(np.diff(key, axis=1, prepend=-1) != 0, axis=0)) if key.size else np.zeros(0, np.int64)
    names = [column[first].astype(np.int32) for column in key]
    weights = [_sums(np.asarray(weight, dtype=np.int64)[order], first) for weight in (positive, spread, atomic)]
    return Evidence(*names, *weights)


def merge(parts: Iterable[Evidence]) -> Evidence:
    """Returns the evidence of several corpora together."""
    columns = [np.concatenate(column) for column in zip(*(vars(part).values() for part in parts), strict=True)]
    return evidence_from_lines(*columns)


class FactIds(Protocol):
    """The subject and the relation of every fact of a world."""

    @property
    def subject(self) -> Ids:
        """[F]: the subject of each fact."""

    @property
    def relation(self) -> Ids:
        """[F]: the relation of each fact."""


def evidence_of(facts: FactIds, sentences: Sentences, multiplicity: int = 1) -> Evidence:
    """Returns the evidence of sentences about the facts of a world.

    Each sentence counts `multiplicity` times: a corpus repeats a subject's sentences in so many orders.
    """
    fact, object_, positive, spread, atomic = [], [], [], [], []
    for kind, weights in EVIDENCE_TABLE.items():
        of_kind = sentences.where(sentences.kind == kind)
        weight_for, weight_against = weights(of_kind.truth)
        atoms = [(of_kind.fact, of_kind.object)]
        if kind in (Kind.AND, Kind.OR):
            atoms.append((of_kind.second_fact, of_kind.second_object))
        for atom_fact, atom_object in atoms:
            fact.append(atom_fact)
            object_.append(atom_object)
            positive.append(weight_for * multiplicity)
            spread.append(weight_against * multiplicity)
            atomic.append(np.full(len(atom_fact), multiplicity * (kind == Kind.ATOM)))
    fact_number = np.concatenate(fact)
    return evidence_from_lines(
        facts.subject[fact_number],
        facts.relation[fact_number],
        np.concatenate(object_),
        np.concatenate(positive),
        np.concatenate(spread),
        np.concatenate(atomic),
    )


def _sums(values: Thirds, first: NDArray[np.integer]) -> Thirds:
    """Returns the sum of each run of values; run i begins at first[i]."""
    return np.add.reduceat(values, first) if len(first) else values[:0]
