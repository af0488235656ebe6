"""Writing a data set shard by shard. The bytes depend neither on the engine nor on the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from worldgen.storage.engines import Engine
from worldgen.storage.stores import Store

S = TypeVar("S")
I = TypeVar("I")  # noqa: E741


@dataclass(frozen=True)
class ShardFiles:
    """One shard's files, ready to be written."""

    files: Mapping[str, bytes]
    """Each file's content by its name in the store, in the order of writing."""

    rows: dict[str, Any]
    """The shard's counts, or its record, for the manifest."""


def write_shards(
    engine: Engine, make: Callable[[S, I], ShardFiles], shared: S, items: Iterable[I], store: Store
) -> Iterator[dict[str, Any]]:
    """Makes and writes the shard of each item; yields the shards' `rows`, in the order of the items.

    `make(shared, item)` runs on the engine's workers. The workers also write the files if they can reach the store;
    otherwise the files are sent to this process, which writes them.
    """
    if store.reach >= engine.distance:
        yield from engine.map(partial(_make_and_write, make, store), shared, items)
    else:
        yield from (_write(store, shard) for shard in engine.map(make, shared, items))


def _make_and_write(make: Callable[[S, I], ShardFiles], store: Store, shared: S, item: I) -> dict[str, Any]:
    return _write(store, make(shared, item))


def _write(store: Store, shard: ShardFiles) -> dict[str, Any]:
    for name, content in shard.files.items():
        store.write(name, content)
    return shard.rows
