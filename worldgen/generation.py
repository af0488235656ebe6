"""Writing the corpus, shard by shard, on one process or several: the bytes do not depend on how many."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from worldgen.corpus import make_shard, shard_bounds
from worldgen.sections import CorpusConfig
from worldgen.sentences import Kind
from worldgen.world import World


def write_corpus(world_folder: Path, config: CorpusConfig, seed: int, out: Path, workers: int) -> dict[str, Any]:
    """Write every shard into `out`; returns how many sentences of each kind, and documents, there are."""
    shards = len(shard_bounds(World.load(world_folder), config))
    write = partial(_write_shard, world_folder, config, seed, out)
    with _mapper(min(workers, shards)) as each:
        counts = list(each(write, range(shards)))
    kinds, documents = sum(kinds for kinds, _ in counts), sum(documents for _, documents in counts)
    named = {kind.name.lower(): int(kinds[kind]) for kind in Kind}
    return {"shards": shards, "documents": documents, "sentences": int(np.sum(kinds)), **named}


def _write_shard(world_folder: Path, config: CorpusConfig, seed: int, out: Path, number: int) -> tuple[Any, int]:
    world = World.load(world_folder)
    shard = make_shard(world, config, seed, *shard_bounds(world, config)[number])
    shard.save(out, number)
    return np.bincount(shard.sentences.kind, minlength=len(Kind)), len(shard.documents)


@contextmanager
def _mapper(workers: int) -> Iterator[Any]:
    """A map over shards, in order, on this process or on `workers` of its own."""
    if workers <= 1:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield pool.map
