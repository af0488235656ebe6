"""The recipe of a corpus: all that decides it, and its shards, which are made anywhere and in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from worldgen.corpus.draws import make_shard, shard_bounds
from worldgen.corpus.sentences import Kind, Shard
from worldgen.settings import CorpusConfig
from worldgen.storage.engines import Engine
from worldgen.storage.shards import ShardFiles, write_shards
from worldgen.storage.stores import Store
from worldgen.worlds.world import World


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


def corpus_files(recipe: Recipe, number: int) -> ShardFiles:
    """The files of a shard of the corpus."""
    shard = recipe.shard(number)
    return ShardFiles(shard.files(number), count(shard))


def count(shard: Shard) -> dict[str, int]:
    """How many documents, and sentences of each kind, a shard has."""
    kinds = np.bincount(shard.sentences.kind, minlength=len(Kind))
    named = {kind.name.lower(): int(kinds[kind]) for kind in Kind}
    return {"documents": len(shard.documents), "sentences": len(shard.sentences), **named}


def corpus_rows(of_shards: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """What `count` gave of every shard, together."""
    counted = list(of_shards)
    return {"shards": len(counted), **{name: sum(rows[name] for rows in counted) for name in counted[0]}}
