"""The interface of every source of facts: it gives a table of triples, and the names of their ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids


@dataclass(frozen=True)
class Rows:
    """Triples in the source's order, as codes: row i is the triple (head[i], relation[i], tail[i])."""

    head: Ids
    relation: Ids
    tail: Ids

    def __len__(self) -> int:
        return len(self.head)

    def where(self, keep: NDArray) -> Rows:
        """Returns the rows that a mask, or an array of row numbers, chooses."""
        return Rows(self.head[keep], self.relation[keep], self.tail[keep])

    def of_connected_subjects(self) -> Rows:
        """Returns the rows of the subjects that have at least two rows."""
        return self.where(np.bincount(self.head, minlength=1)[self.head] >= 2)


@dataclass(frozen=True)
class TripleTable:
    """A source's triples as codes, and the ids that the codes stand for."""

    rows: Rows

    entity_ids: Sequence[str]
    """`entity_ids[code]` is the source's own id of a head or tail (Q42)."""

    relation_ids: Sequence[str]
    """`relation_ids[code]` is the source's own id of a relation (P69)."""

    lines: int
    """The number of lines read: triples and malformed lines."""

    malformed: int = 0
    """The number of malformed lines, which are left out."""

    first_malformed: str = ""
    """The place of the first malformed line, and its fault."""


# The names of each entity or relation, by its id in the source: the label first, then the aliases.
Names = Mapping[str, tuple[str, ...]]


class Source(Protocol):
    """A knowledge graph that can be read from its start, as often as needed."""

    def paths(self) -> list[Path]:
        """Returns the files that the graph is read from; empty for a graph that is drawn."""

    def triples(self, limit: int, strict: bool) -> TripleTable:
        """Returns the first `limit` triples.

        A malformed line is left out and counted; with `strict` it raises a UserError.
        """

    def entity_names(self, ids: Collection[str]) -> Names:
        """Returns the names of entities; an id without names is left out."""

    def relation_names(self, ids: Collection[str]) -> Names:
        """Returns the names of relations; an id without names is left out."""
