"""What every source of facts gives: a table of triples, and the names of what is in them."""

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
    """Triples in the source's order, as codes: row i says head[i] relation[i] tail[i]."""

    head: Ids
    relation: Ids
    tail: Ids

    def __len__(self) -> int:
        return len(self.head)

    def where(self, keep: NDArray) -> Rows:
        """Some of the rows, chosen by a mask or by row numbers."""
        return Rows(self.head[keep], self.relation[keep], self.tail[keep])

    def of_connected_subjects(self) -> Rows:
        """The rows of subjects that have at least two."""
        return self.where(np.bincount(self.head, minlength=1)[self.head] >= 2)


@dataclass(frozen=True)
class TripleTable:
    """A source's triples and the ids that their codes stand for.

    `entity_ids[code]` and `relation_ids[code]` are the source's own ids (Q42, P69). `lines` counts the lines
    read, `malformed` those left out, `first_malformed` says where the first of them is and what is wrong.
    """

    rows: Rows
    entity_ids: Sequence[str]
    relation_ids: Sequence[str]
    lines: int
    malformed: int = 0
    first_malformed: str = ""


# The names of an entity or relation by its id: the label first, then the aliases.
Names = Mapping[str, tuple[str, ...]]


class Source(Protocol):
    """A knowledge graph that can be read from the start, as often as needed."""

    def paths(self) -> list[Path]:
        """The files that the graph is read from, if any."""

    def triples(self, limit: int, strict: bool) -> TripleTable:
        """The first `limit` triples; `strict` refuses a malformed line (UserError) that is else counted."""

    def entity_names(self, ids: Collection[str]) -> Names:
        """The names of those of `ids` that have any."""

    def relation_names(self, ids: Collection[str]) -> Names:
        """The names of those of `ids` that have any."""
