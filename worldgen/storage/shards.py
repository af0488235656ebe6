"""Writing what is made shard by shard: the bytes depend neither on the engine nor on the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from worldgen.corpus.draws import make_shard, shard_bounds
from worldgen.corpus.sentences import Kind, Shard
from worldgen.settings import CorpusConfig
from worldgen.storage.engines import Engine
from worldgen.storage.stores import Store
from worldgen.worlds.world import World

S = TypeVar("S")
I = TypeVar("I")  # noqa: E741


@dataclass(frozen=True)
class Made:
    """A shard's files by name, in the order in which they are to be written, and what is to be known of them."""

    files: Mapping[str, bytes]
    rows: dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """All that decides a corpus."""

    world: World
    config: CorpusConfig
    seed: int

    def shards(self) -> int:
        """How many shards there are."""
        return len(shard_bounds(self.world, self.config))

    def shard(self, number: int) -> Shard:
        """One of them."""
        return make_shard(self.world, self.config, self.seed, *shard_bounds(self.world, self.config)[number])


def write_corpus(recipe: Recipe, store: Store, engine: Engine) -> dict[str, Any]:
    """Write every shard; returns how many sentences of each kind, and documents, there are."""
    return corpus_rows(write_shards(engine, corpus_files, recipe, range(recipe.shards()), store))


def write_shards(
    engine: Engine, make: Callable[[S, I], Made], shared: S, items: Iterable[I], store: Store
) -> Iterator[dict[str, Any]]:
    """Have the workers make each item's files and write them; yields their rows, in order.

    Files go through this process only where the store is out of the workers' reach.
    """
    if store.reach >= engine.distance:
        yield from engine.map(partial(_make_and_write, make, store), shared, items)
    else:
        yield from (_write(store, made) for made in engine.map(make, shared, items))


def corpus_files(recipe: Recipe, number: int) -> Made:
    """The files of a shard of the corpus."""
    shard = recipe.shard(number)
    return Made(shard.files(number), count(shard))


def count(shard: Shard) -> dict[str, int]:
    """How many documents, and sentences of each kind, a shard has."""
    kinds = np.bincount(shard.sentences.kind, minlength=len(Kind))
    named = {kind.name.lower(): int(kinds[kind]) for kind in Kind}
    return {"documents": len(shard.documents), "sentences": len(shard.sentences), **named}


def corpus_rows(of_shards: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """What `count` gave of every shard, together."""
    counted = list(of_shards)
    return {"shards": len(counted), **{name: sum(rows[name] for rows in counted) for name in counted[0]}}


def _make_and_write(make: Callable[[S, I], Made], store: Store, shared: S, item: I) -> dict[str, Any]:
    return _write(store, make(shared, item))


def _write(store: Store, made: Made) -> dict[str, Any]:
    for name, content in made.files.items():
        store.write(name, content)
    return made.rows
