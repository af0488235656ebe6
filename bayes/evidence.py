"""From sentences to weighted counts: what each sentence says of the one or two facts in it.

`+w` on o is weight w on object o; `-w` on o is weight w spread evenly over the other K-1 objects. Both are kept
apart, in whole thirds (every weight of the table below is a multiple of 1/3), so that sums are exact whatever
the order, and corpus shards merge to the same numbers as one corpus.

    s r o                            +1
    "s r o" is true / false          +1 / -1
    "not s r o" is true / false      -1 / +1
    "A and B" is true                +1 on each
    "A and B" is false               each +1/3 and -2/3    P(A | not (A and B)) = 1/3 under fair priors
    "A or B" is true                 each +2/3 and -1/3    P(A | A or B) = 2/3 under fair priors
    "A or B" is false                -1 on each

Source: paper, section 6.3 and appendix A.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.storage.files import read_columns, write_table
from worldgen.worlds.world import World

THIRD = 1 / 3
_WHOLE = 3  # thirds in one observation

Thirds = NDArray[np.int64]
# What sentences say of a fact: (weight for the object, weight against it), in thirds, given "it is true".
Row = Callable[[NDArray[np.bool_]], tuple[Thirds, Thirds]]


def said(truth: NDArray[np.bool_]) -> tuple[Thirds, Thirds]:
    """An atom, bare or said to be true or false."""
    return _WHOLE * truth, _WHOLE * ~truth


def negated(truth: NDArray[np.bool_]) -> tuple[Thirds, Thirds]:
    """The atom in a "not": false speaks for it, true against it."""
    return _WHOLE * ~truth, _WHOLE * truth


def conjoined(truth: NDArray[np.bool_]) -> tuple[Thirds, Thirds]:
    """Either atom of an "and": surely true, or true with probability 1/3."""
    return np.where(truth, _WHOLE, 1), np.where(truth, 0, 2)


def disjoined(truth: NDArray[np.bool_]) -> tuple[Thirds, Thirds]:
    """Either atom of an "or": true with probability 2/3, or surely false."""
    return np.where(truth, 2, 0), np.where(truth, 1, _WHOLE)


EVIDENCE_TABLE: dict[Kind, Row] = {
    Kind.ATOM: said,
    Kind.STATED: said,
    Kind.NOT: negated,
    Kind.AND: conjoined,
    Kind.OR: disjoined,
}


@dataclass(frozen=True)
class Evidence:
    """Sparse weights, one line for each (subject, relation, object) that any sentence names, sorted so.

    `positive` and `spread` are in thirds of an observation; `atomic` counts the bare atoms alone, in
    observations (what frequencies are made of). Shape of every column: [E].
    """

    subject: Ids
    relation: Ids
    object: Ids
    positive: Thirds
    spread: Thirds
    atomic: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.subject)

    def save(self, path: Path) -> None:
        """Write one Parquet file."""
        write_table(path, dict(vars(self)))

    @staticmethod
    def load(path: Path) -> Evidence:
        """Read what `save` wrote."""
        return Evidence(**read_columns(path))


def evidence_from_lines(
    subject: NDArray, relation: NDArray, object_: NDArray, positive: NDArray, spread: NDArray, atomic: NDArray
) -> Evidence:
    """Evidence of loose lines: equal (subject, relation, object) are added up. All [N]."""
    key = np.stack([subject, relation, object_])
    order = np.lexsort(key[::-1])
    key = key[:, order]
    first = np.flatnonzero(np.any(np.diff(key, axis=1, prepend=-1) != 0, axis=0)) if key.size else np.zeros(0, np.int64)
    names = [column[first].astype(np.int32) for column in key]
    weights = [_sums(np.asarray(weight, dtype=np.int64)[order], first) for weight in (positive, spread, atomic)]
    return Evidence(*names, *weights)


def merge(parts: Iterable[Evidence]) -> Evidence:
    """The evidence of several corpora together."""
    columns = [np.concatenate(column) for column in zip(*(vars(part).values() for part in parts), strict=True)]
    return evidence_from_lines(*columns)


def evidence_of(world: World, sentences: Sentences, multiplicity: int = 1) -> Evidence:
    """What the sentences say, each counted `multiplicity` times (a corpus read in several orders)."""
    fact, object_, positive, spread, atomic = [], [], [], [], []
    for kind, row in EVIDENCE_TABLE.items():
        of_kind = sentences.where(sentences.kind == kind)
        for_it, against_it = row(of_kind.truth)
        sides = [(of_kind.fact, of_kind.object)]
        if kind in (Kind.AND, Kind.OR):
            sides.append((of_kind.second_fact, of_kind.second_object))
        for side_fact, side_object in sides:
            fact.append(side_fact)
            object_.append(side_object)
            positive.append(for_it * multiplicity)
            spread.append(against_it * multiplicity)
            atomic.append(np.full(len(side_fact), multiplicity * (kind == Kind.ATOM)))
    facts = np.concatenate(fact)
    return evidence_from_lines(
        world.subject[facts],
        world.relation[facts],
        np.concatenate(object_),
        np.concatenate(positive),
        np.concatenate(spread),
        np.concatenate(atomic),
    )


def _sums(values: Thirds, first: NDArray[np.integer]) -> Thirds:
    return np.add.reduceat(values, first) if len(first) else values[:0]
