"""Facts as ids, and vocabularies: the names that stand for the ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import row_starts
from worldgen.errors import UnknownNameError


class Fact(NamedTuple):
    """A statement "subject relation object", as ids into the world's vocabularies."""

    subject: int
    relation: int
    object: int


@dataclass(frozen=True)
class Vocabulary:
    """The things that one role (subject, relation or object) can name. A thing's id is its position."""

    kind: str
    """The role: "subject", "relation" or "object"."""
    labels: tuple[str, ...]
    """One label for each id. Labels are distinct; sentences use them."""
    source_ids: tuple[str, ...] = ()
    """The knowledge graph's own id for each id (Q42, P69), or empty."""
    aliases: Sequence[tuple[str, ...]] = field(default=(), repr=False)
    """For each id the further names that a person may type, or empty."""
    spoken: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    """For each id the further names that sentences use (see `worldgen.worlds.aliases`). Empty in a world without
    aliases. Name 0 of an id is its label; its spoken names follow as 1, 2, ..."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, id_: int) -> str:
        return self.labels[id_]

    def names(self, id_: int) -> tuple[str, ...]:
        """Returns all names that sentences use for an id: its label, then its spoken names."""
        return (self.labels[id_], *self.spoken[id_]) if self.spoken else (self.labels[id_],)

    @cached_property
    def every_name(self) -> tuple[str, ...]:
        """The spoken names of all ids, back to back: name n of id i is every_name[first_name[i] + n]."""
        return tuple(name for id_ in range(len(self)) for name in self.names(id_)) if self.spoken else self.labels

    @cached_property
    def first_name(self) -> NDArray[np.int64]:
        """[ids+1]: the place in `every_name` where each id's names start, and last its length."""
        further = np.array([len(names) for names in self.spoken]) if self.spoken else np.zeros(len(self), np.int64)
        return row_starts(1 + further)

    @property
    def name_counts(self) -> NDArray[np.int64]:
        """[ids]: how many names sentences use for each id, the label included."""
        return np.diff(self.first_name)

    @cached_property
    def _ids(self) -> dict[str, int]:
        # A string may name several ids. A label wins over a spoken name, a spoken name over a source id, a source id
        # over an alias; within one kind of name the lower id wins.
        one_each = [(label,) for label in self.labels], [(id_,) for id_ in self.source_ids]
        by_name: dict[str, int] = {}
        for names_of in (one_each[0], self.spoken, one_each[1], self.aliases):
            for id_, names in enumerate(names_of):
                for name in names:
                    by_name.setdefault(name, id_)
        return by_name

    def id_of(self, name: str) -> int:
        """Returns the id of a label, spoken name, source id or alias.

        Raises UnknownNameError, which offers similar labels, for a name of no id.
        """
        if name not in self._ids:
            raise UnknownNameError(self.kind, name, self.labels)
        return self._ids[name]

    def take(self, ids: Sequence[int] | NDArray[np.integer]) -> Vocabulary:
        """Returns the vocabulary of these ids only, in this order. Its ids are the positions in `ids`."""
        return Vocabulary(
            self.kind,
            tuple(self.labels[i] for i in ids),
            tuple(self.source_ids[i] for i in ids) if self.source_ids else (),
            tuple(self.aliases[i] for i in ids) if self.aliases else (),
            tuple(self.spoken[i] for i in ids) if self.spoken else (),
        )
