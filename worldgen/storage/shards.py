"""Writing what is made shard by shard: the bytes depend neither on the engine nor on the number of workers."""

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
    """A shard's files by name, in the order in which they are to be written, and what is to be known of them."""

    files: Mapping[str, bytes]
    rows: dict[str, Any]


def write_shards(
    engine: Engine, make: Callable[[S, I], ShardFiles], shared: S, items: Iterable[I], store: Store
) -> Iterator[dict[str, Any]]:
    """Have the workers make each item's files and write them; yields their rows, in order.

    Files go through this process only where the store is out of the workers' reach.
    """
    if store.reach >= engine.distance:
        yield from engine.map(partial(_make_and_write, make, store), shared, items)
    else:
        yield from (_write(store, made) for made in engine.map(make, shared, items))


def _make_and_write(make: Callable[[S, I], ShardFiles], store: Store, shared: S, item: I) -> dict[str, Any]:
    return _write(store, make(shared, item))


def _write(store: Store, made: ShardFiles) -> dict[str, Any]:
    for name, content in made.files.items():
        store.write(name, content)
    return made.rows
