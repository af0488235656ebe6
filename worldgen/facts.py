"""Facts and the names in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    (Q42, P69); `aliases` are the other names a person may type.
    """

    kind: str
    labels: tuple[str, ...]
    source_ids: tuple[str, ...] = ()
    aliases: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, id_: int) -> str:
        return self.labels[id_]

    @cached_property
    def _ids(self) -> dict[str, int]:
        # A label wins over a source id, a source id over an alias, the earlier over the later.
        by_name: dict[str, int] = {}
        for names in (self.labels, self.source_ids):
            for id_, name in enumerate(names):
                by_name.setdefault(name, id_)
        for id_, aliases in enumerate(self.aliases):
            for alias in aliases:
                by_name.setdefault(alias, id_)
        return by_name

    def id_of(self, name: str) -> int:
        """The id of a label, source id or alias. Raises UnknownNameError, which offers near labels."""
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
        )
