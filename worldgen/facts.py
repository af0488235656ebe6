"""Facts and the names in them."""

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
    """One statement "subject relation object", as ids into the world's vocabularies."""

    subject: int
    relation: int
    object: int


@dataclass(frozen=True)
class Vocabulary:
    """The names that one role (subject, relation or object) can take; a name's id is its position.

    `labels` are distinct strings, what the language says; `source_ids` are the ids of the knowledge graph
    (Q42, P69); `aliases` are the other names a person may type. `spoken` are the further names that sentences use
    in a world with aliases (see `worldgen.worlds.aliases`), none where it is empty; name 0 of an id is its label.
    """

    kind: str
    labels: tuple[str, ...]
    source_ids: tuple[str, ...] = ()
    aliases: Sequence[tuple[str, ...]] = field(default=(), repr=False)
    spoken: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, id_: int) -> str:
        return self.labels[id_]

    def names(self, id_: int) -> tuple[str, ...]:
        """All names that sentences use for an id: its label, then its spoken aliases."""
        return (self.labels[id_], *self.spoken[id_]) if self.spoken else (self.labels[id_],)

    @cached_property
    def every_name(self) -> tuple[str, ...]:
        """The names of all ids back to back: name n of id i is every_name[first_name[i] + n]."""
        return tuple(name for id_ in range(len(self)) for name in self.names(id_)) if self.spoken else self.labels

    @cached_property
    def first_name(self) -> NDArray[np.int64]:
        """[ids+1]: where each id's names begin in `every_name`."""
        further = np.array([len(names) for names in self.spoken]) if self.spoken else np.zeros(len(self), np.int64)
        return row_starts(1 + further)

    @cached_property
    def _ids(self) -> dict[str, int]:
        # A label wins over a spoken name, that over a source id, that over an alias, the earlier over the later.
        one_each = [(label,) for label in self.labels], [(id_,) for id_ in self.source_ids]
        by_name: dict[str, int] = {}
        for names_of in (one_each[0], self.spoken, one_each[1], self.aliases):
            for id_, names in enumerate(names_of):
                for name in names:
                    by_name.setdefault(name, id_)
        return by_name

    def id_of(self, name: str) -> int:
        """The id of a label, spoken name, source id or alias. Raises UnknownNameError, which offers near labels."""
        if name not in self._ids:
            raise UnknownNameError(self.kind, name, self.labels)
        return self._ids[name]

    def take(self, ids: Sequence[int] | NDArray[np.integer]) -> Vocabulary:
        """The vocabulary of these ids, in this order; ids are numbered anew."""
        return Vocabulary(
            self.kind,
            tuple(self.labels[i] for i in ids),
            tuple(self.source_ids[i] for i in ids) if self.source_ids else (),
            tuple(self.aliases[i] for i in ids) if self.aliases else (),
            tuple(self.spoken[i] for i in ids) if self.spoken else (),
        )
