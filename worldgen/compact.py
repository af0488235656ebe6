"""Ids and names of millions of entities, held compactly: an item becomes a string, or strings, when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from worldgen.sources import Ids, Names


@dataclass(frozen=True, eq=False)
class Texts(Sequence[str]):
    """Texts in an Arrow array, which takes a tenth of the memory of as many strings."""

    values: pa.LargeStringArray

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Any:
        found = self.values[index]
        return found.to_pylist() if isinstance(index, slice) else found.as_py()

    def __iter__(self) -> Iterator[str]:
        step = 1 << 16
        return (text for begin in range(0, len(self), step) for text in self[begin : begin + step])


def some(texts: Sequence[str], codes: Ids) -> dict[int, str]:
    """The texts of some codes, by code."""
    if isinstance(texts, Texts):
        return dict(zip(codes.tolist(), texts.values.take(pa.array(codes)).to_pylist(), strict=True))
    return {code: texts[code] for code in codes.tolist()}


@dataclass(frozen=True, eq=False)
class PackedNames(Names):
    """Names kept as they stand in a file: UTF-8, with tabs between them; at least one is not empty."""

    lines: dict[str, bytes]

    def __getitem__(self, id_: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, self.lines[id_].decode().split("\t"))))

    def __contains__(self, id_: object) -> bool:
        return id_ in self.lines

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


def label_of(names: Names, id_: str) -> str:
    """The first name of an id."""
    if isinstance(names, PackedNames):
        return names.lines[id_].lstrip(b"\t").split(b"\t", 1)[0].decode()
    return names[id_][0]


@dataclass(frozen=True, eq=False)
class Aliases(Sequence[tuple[str, ...]]):
    """The names of each id but the first."""

    names: Names
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self.names[id_][1:] for id_ in self.ids[index])
        return self.names[self.ids[index]][1:]

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return (self.names[id_][1:] for id_ in self.ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]
