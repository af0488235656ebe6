"""The shards of a small world, written by any engine to any store."""

from __future__ import annotations

import hashlib
from pathlib import Path

import worlds

from worldgen.corpus.recipe import Recipe
from worldgen.evaluate.stages.shard_files import Order, make_files
from worldgen.lm.encode import Encoder
from worldgen.lm.tokenizer import load_mistral_tokenizer
from worldgen.settings import CorpusConfig
from worldgen.storage.engines import Engine, Local
from worldgen.storage.shards import write_shards
from worldgen.storage.stores import LocalFolder, Store

SHARD_SUBJECTS = (32, 80)  # of 155: five shards and two


def order(shard_subjects: int) -> Order:
    """Returns what workers are told, for shards of so many subjects."""
    world = worlds.world()
    recipe = Recipe(world, CorpusConfig(draws=4, min_truths=2, shuffles=2, shard_subjects=shard_subjects), seed=1)
    return Order(recipe, Encoder.of(world, load_mistral_tokenizer()), "mark")


def contents(folder: Path) -> dict[str, str]:
    """Returns the hash of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write_all(order: Order, engine: Engine, store: Store) -> None:
    """Writes every shard."""
    list(write_shards(engine, make_files, order, range(order.recipe.shards()), store))


def write_with_one_process(folder: Path) -> dict[int, Path]:
    """Writes the shards of each size into a folder of their own; returns the folders by size."""
    folders = {size: folder / str(size) for size in SHARD_SUBJECTS}
    for size, into in folders.items():
        write_all(order(size), Local(), LocalFolder(into))
    return folders
