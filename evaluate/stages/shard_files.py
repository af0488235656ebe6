"""The files of a shard, as the workers of `generate` make them. They import this file: it imports nothing slow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from worldgen.corpus.recipe import Recipe, rows_of_shard
from worldgen.lm.encode import Encoder, token_files
from worldgen.storage.shards import ShardFiles


@dataclass(frozen=True)
class Order:
    """An order to the workers: corpus and encoder, and their hash `mark`, which every shard's record repeats."""

    recipe: Recipe
    encoder: Encoder
    mark: str


def make_files(order: Order, number: int) -> ShardFiles:
    """Returns a shard's files in corpus/ and in tokens/, and its record, which is written last."""
    shard = order.recipe.shard(number)
    tokens = token_files(order.encoder, (number, shard))
    files = {f"corpus/{name}": content for name, content in shard.files(number).items()}
    files |= {f"tokens/{name}": content for name, content in tokens.files.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    record = {"mark": order.mark, "files": hashes, "corpus": rows_of_shard(shard), "tokens": tokens.rows}
    return ShardFiles(files | {record_name(number): (json.dumps(record, indent=1) + "\n").encode()}, record)


def record_name(number: int) -> str:
    """Returns the name of a shard's record."""
    return f"shards/{number:05d}.json"
