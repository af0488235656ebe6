"""Ids and names of millions of entities in little memory: an item becomes a Python string only when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from worldgen.arrays import Ids
from worldgen.graphs.sources import Names

T = TypeVar("T")

_PART: Final = 1 << 16  # the number of items that are Python strings at the same time


@dataclass(frozen=True, eq=False)
class PackedTexts(Sequence[str]):
    """Texts in an Arrow array, which takes a tenth of the memory of Python strings."""

    array: pa.LargeStringArray

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Any) -> Any:
        found = self.array[index]
        return found.to_pylist() if isinstance(index, slice) else found.as_py()

    def __iter__(self) -> Iterator[str]:
        return (text for part in _parts(self) for text in part)


def texts_by_code(texts: Sequence[str], codes: Ids) -> dict[int, str]:
    """Returns `texts[code]` of each of these codes, by code."""
    if isinstance(texts, PackedTexts):
        return dict(zip(codes.tolist(), texts.array.take(pa.array(codes)).to_pylist(), strict=True))
    return {code: texts[code] for code in codes.tolist()}


@dataclass(frozen=True, eq=False)
class PackedNames(Names):
    """Names as bytes: for each id its names in UTF-8 with tabs between them, at least one, none empty, all distinct."""

    lines: dict[str, bytes]

    def __getitem__(self, id_: str) -> tuple[str, ...]:
        return tuple(self.lines[id_].decode().split("\t"))

    def __contains__(self, id_: object) -> bool:
        return id_ in self.lines

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def lists(self, ids: Sequence[str]) -> pa.ListArray:
        """Returns the names of each of these ids, as one Arrow array of lists."""
        lines = pa.array([self.lines[id_] for id_ in ids], pa.binary())
        return pc.split_pattern(lines.cast(pa.string()), "\t")


def labels_of(names: Names, ids: Sequence[str]) -> list[str]:
    """Returns the first name of each of these ids."""
    if isinstance(names, PackedNames):
        return [label for part in _parts(ids) for label in pc.list_element(names.lists(part), 0).to_pylist()]
    return [names[id_][0] for id_ in ids]


@dataclass(frozen=True, eq=False)
class Aliases(Sequence[tuple[str, ...]]):
    """The aliases of each id: its names without the first."""

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


def name_lists(names: Sequence[Sequence[str]]) -> pa.ListArray:
    """Returns the names of each entity as an Arrow array of lists.

    Converts a part at a time: Python lists for millions of entities would take ten times the memory.
    """
    lists = pa.list_(pa.string())
    if isinstance(names, Aliases) and isinstance(names.names, PackedNames):
        parts = [pc.list_slice(names.names.lists(ids), 1) for ids in _parts(names.ids)]
    else:
        parts = [pa.array(part, lists) for part in _parts(names)]
    return pa.concat_arrays([pa.array([], lists), *parts])


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[begin : begin + _PART] for begin in range(0, len(items), _PART))
