"""Corpus and tokens written to any store, by the workers that make them.

The files are those that `build` writes into corpus/ and tokens/, to the byte. shards/NUMBER.json is the last file of a
shard: where it stands, the shard is complete. It holds the shard's hashes, which the manifests repeat at the very end.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldgen.corpus.recipe import Recipe, rows_of_corpus
from worldgen.errors import UserError
from worldgen.evaluate.runs.load import finished, load_world
from worldgen.evaluate.runs.resources import tokenizer_for
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import carry_out
from worldgen.evaluate.stages.shard_files import Order, make_files, record_name
from worldgen.evaluate.stages.world import CORPUS, TOKENS, WORLD
from worldgen.lm.encode import Encoder, token_rows
from worldgen.lm.tokenizer import save_tokenizer
from worldgen.storage.manifests import INPUTS, MANIFEST, Inputs, differing, inputs_text, manifest_text
from worldgen.storage.shards import write_shards
from worldgen.storage.stores import Store

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

STAGES = (CORPUS.name, TOKENS.name)


def generate(run: Run, store: Store) -> dict[str, Any]:
    """Writes corpus and tokens to a store, going on where a killed process stopped; returns the counts.

    Raises UserError if another corpus is there.
    """
    carry_out(run, WORLD)
    inputs, started = {stage.name: stage.inputs(run) for stage in (CORPUS, TOKENS)}, time.monotonic()
    mark = _mark(run, inputs)
    _refuse_another(store, inputs, mark)
    done = [_read_json(store, f"{stage}/{MANIFEST}") for stage in STAGES]
    if all(done):
        run.say("generate: done already")
        return {name: rows for manifest in done if manifest for name, rows in manifest["rows"].items()}
    world = load_world(run.folder)
    tokenizer = tokenizer_for(run.config, world)
    order = Order(Recipe(world, run.config.corpus, run.config.seed), Encoder.of(world, tokenizer), mark)
    for stage in STAGES:
        store.write(f"{stage}/{INPUTS}", inputs_text(inputs[stage]).encode())
    files = _write_tokenizer(tokenizer, store)
    records = _all_shards(run, order, store)
    rows = {
        "corpus": rows_of_corpus(record["corpus"] for record in records),
        "tokens": token_rows(order.encoder, (record["tokens"] for record in records)),
    }
    for record in records:
        files |= record["files"]
    for stage in STAGES:
        of_stage = {name.removeprefix(f"{stage}/"): files[name] for name in sorted(files) if name.startswith(stage)}
        store.write(f"{stage}/{MANIFEST}", manifest_text(stage, inputs[stage], rows[stage], of_stage, started).encode())
    return rows["corpus"] | rows["tokens"]


def _all_shards(run: Run, order: Order, store: Store) -> list[dict[str, Any]]:
    """Makes the shards that are missing; returns the record of every shard."""
    numbers = range(order.recipe.shards())
    there = {number: _record(store, number, order.mark) for number in numbers}
    records = {number: record for number, record in there.items() if record}
    missing = [number for number in numbers if number not in records]
    if records and missing:
        run.say(f"generate: {len(records)} of {len(numbers)} shards are there already")
    with closing(run.engine):
        for number, made in zip(missing, write_shards(run.engine, make_files, order, missing, store), strict=True):
            records[number] = made
            run.say(f"generate: {len(records)} of {len(numbers)} shards")
    return [records[number] for number in numbers]


def _record(store: Store, number: int, mark: str) -> dict[str, Any] | None:
    """Returns the record of a complete shard. Raises UserError for a shard of another world."""
    record = _read_json(store, record_name(number))
    if record and record["mark"] != mark:
        raise UserError("a corpus of another world is there already: write to another URL")
    return record


def _refuse_another(store: Store, inputs: Mapping[str, Inputs], mark: str) -> None:
    for stage in STAGES:
        others = differing(_read_json(store, f"{stage}/{INPUTS}") or inputs[stage], inputs[stage])
        if others:
            raise UserError(f"another {stage} is there already ({'; '.join(others[:3])}): write to another URL")
    _record(store, 0, mark)


def _read_json(store: Store, name: str) -> dict[str, Any] | None:
    """Returns a JSON object; None where there is none, or half of one, as a killed upload leaves on some servers."""
    try:
        return json.loads(store.read(name) or b"null")
    except ValueError:
        return None


def _mark(run: Run, inputs: Mapping[str, Inputs]) -> str:
    """Returns a hash of the config and of the world's files. A path in the config does not tell what the file holds."""
    world = json.loads((finished(run.folder / "world") / MANIFEST).read_text())["files"]
    return hashlib.sha256(json.dumps([inputs, world]).encode()).hexdigest()


def _write_tokenizer(tokenizer: PreTrainedTokenizerFast, store: Store) -> dict[str, str]:
    """Writes the tokenizer; returns the hashes of its files."""
    with tempfile.TemporaryDirectory() as folder:
        save_tokenizer(tokenizer, Path(folder))
        files = {f"tokens/tokenizer/{path.name}": path.read_bytes() for path in sorted(Path(folder).iterdir())}
    for name, content in files.items():
        store.write(name, content)
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
