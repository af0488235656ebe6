"""Exports a corpus as text for other programs: a file for each shard, and a dataset card.

A row is a document: id (its place in the corpus), subject, shuffle (the number of the shuffle it was cut from), text,
and its sentences with labels instead of ids. The same corpus gives the same files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.corpus.sentences import Kind, Sentences, Shard, read_shards
from worldgen.corpus.wording import Wording
from worldgen.errors import UserError
from worldgen.export.card import card
from worldgen.export.export_folder import export_into
from worldgen.export.schema import document_schema
from worldgen.storage.files import write_atomically, write_text
from worldgen.storage.manifests import Manifest, read_manifest
from worldgen.worlds.world import NONE, World

Format = Literal["parquet", "jsonl", "txt"]

# The number of documents that are in memory as text at a time: some megabytes.
_DOCUMENTS_AT_A_TIME: Final = 8192


def export_corpus(run_folder: Path, format_: Format, out: Path, say: Callable[[str], None]) -> Manifest:
    """Writes `out`/data/train-*.FORMAT, README.md and, last, manifest.json. Returns the manifest.

    The same call completes an export that was killed, and leaves a finished one as it is. Raises UserError if there is
    no corpus, and for a folder that holds anything else.
    """
    corpus, its_world = (read_manifest(run_folder / stage) for stage in ("corpus", "world"))
    if corpus is None or its_world is None:
        raise UserError(f"{run_folder} has no finished corpus: run `worldgen build {run_folder}` first")

    def write() -> dict[str, int]:
        world = World.load(run_folder / "world")
        documents = _write_shards(run_folder, world, format_, out / "data", say)
        write_text(out / "README.md", card(corpus, world, format_))
        return {"shards": corpus.rows["shards"], "documents": documents}

    inputs = {"format": format_, "corpus": corpus.inputs_hash, **corpus.inputs}
    return export_into(out, inputs, write, say)


def _write_shards(run_folder: Path, world: World, format_: Format, data: Path, say: Callable[[str], None]) -> int:
    """Writes the file of every shard. Returns the number of documents."""
    wording, first = Wording(world), 0
    shards = len(list((run_folder / "corpus").glob("sentences-*.parquet")))
    for number, shard in enumerate(read_shards(run_folder / "corpus")):
        path = data / f"train-{number:05d}-of-{shards:05d}.{format_}"
        write_atomically(path, partial(_WRITERS[format_], ShardText(wording, shard, first)))
        first += len(shard.documents)
        say(f"export: {number + 1} of {shards} shards, {first:,} documents")
    return first


@dataclass(frozen=True)
class ShardText:
    """A shard as text."""

    wording: Wording
    shard: Shard
    first: int
    """The id of the shard's first document."""

    @cached_property
    def texts(self) -> list[str]:
        """The text of every sentence, in the order of the shard."""
        return self.wording.texts(self.shard.sentences)

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of a document."""
        return document_schema(self.wording.world)

    @cached_property
    def sentences(self) -> pa.StructArray:
        """Every sentence as a struct. The columns of an atom, a source or a variable are null if there is none."""
        world, s = self.wording.world, self.shard.sentences
        kinds = pa.array([kind.name.lower() for kind in Kind]).take(pa.array(s.kind))
        columns = [pa.array(self.texts, pa.string()), kinds, pa.array(s.truth)]
        columns += _atoms(world, s.fact, s.object) + _atoms(world, s.second_fact, s.second_object)
        if s.source is not None or s.variable is not None:
            columns += _sources(world, s)
        if s.variable is not None:
            variables = pa.array(world.definitions.variables.labels, pa.string())
            columns.append(variables.take(pa.array(s.variable, mask=s.variable == NONE)))
        return pa.StructArray.from_arrays(columns, fields=list(self.schema.field("sentences").type.value_type))

    def slices(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Yields some thousands of documents at a time as (documents, sentences, start).

        `sentences` are the documents' sentences, back to back, as places in the shard; start[d] is where document d
        starts in them.
        """
        documents = self.shard.documents
        for begins in range(0, len(documents), _DOCUMENTS_AT_A_TIME):
            rows = np.arange(begins, min(begins + _DOCUMENTS_AT_A_TIME, len(documents)))
            start = documents.start[rows[0] : rows[-1] + 2]
            places = documents.sentence[start[0] : start[-1]] - self.shard.first_sentence
            yield rows, places, start - start[0]

    def subject(self, rows: NDArray[np.int64]) -> list[str]:
        """Returns the labels of the documents' subjects."""
        return [self.wording.world.subjects[i] for i in self.shard.documents.subject[rows].tolist()]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the documents as tables of `schema`, some thousands of rows at a time."""
        for rows, places, start in self.slices():
            sentences = self.sentences.take(pa.array(places))
            columns = [
                pa.array(rows + self.first),
                pa.array(self.subject(rows), pa.string()),
                pa.array(self.shard.documents.shuffle[rows], pa.int32()),
                pa.array(_joined(self.texts, places, start, " "), pa.string()),
                pa.ListArray.from_arrays(pa.array(start, pa.int32()), sentences),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _atoms(world: World, fact: Ids, object_: Ids) -> list[pa.Array]:
    """Returns the atoms' subjects, relations and objects as columns of labels, null where there is no fact."""
    no_fact = fact == NONE
    names = (world.subjects, world.subject[fact]), (world.relations, world.relation[fact]), (world.objects, object_)
    return [pa.array(vocabulary.labels, pa.string()).take(pa.array(ids, mask=no_fact)) for vocabulary, ids in names]


def _sources(world: World, s: Sentences) -> list[pa.Array]:
    """Returns the tag of each report and definition and whether it is wrong, null for other sentences."""
    tag, wrong = np.full(len(s), NONE), np.zeros(len(s), dtype=bool)
    if s.source is not None:
        tag, wrong = s.source, s.object != world.truth[s.fact]
    if s.variable is not None:
        defined, said = world.definitions, np.flatnonzero(s.kind == Kind.DEFINITION)
        row = defined.row_of_variable[s.variable[said]]
        tag, wrong = tag.astype(np.int64), wrong.copy()
        tag[said], wrong[said] = defined.tag[row] + len(world.sources), ~defined.right[row]
    tags = pa.array([*world.sources.tags.labels, *world.definitions.tags.labels], pa.string())
    return [tags.take(pa.array(tag, mask=tag == NONE)), pa.array(wrong, mask=tag == NONE)]


def _joined(texts: list[str], places: NDArray[np.int64], start: NDArray[np.int64], between: str) -> list[str]:
    """Returns each document's texts joined by `between`."""
    chosen, ends = [texts[i] for i in places.tolist()], start.tolist()
    return [between.join(chosen[begin:end]) for begin, end in pairwise(ends)]


def _write_parquet(text: ShardText, path: Path) -> None:
    with pq.ParquetWriter(path, text.schema, compression="zstd") as writer:
        for batch in text.batches():
            writer.write_batch(batch)


def _write_jsonl(text: ShardText, path: Path) -> None:
    # A sentence stands in several documents, so its JSON is made once.
    structs = [_json(row) for row in text.sentences.to_pylist()]
    escaped = [_json(sentence)[1:-1] for sentence in text.texts]

    def lines() -> Iterator[str]:
        for rows, places, start in text.slices():
            shuffles = text.shard.documents.shuffle[rows].tolist()
            texts, parts = _joined(escaped, places, start, " "), _joined(structs, places, start, ", ")
            described = zip((rows + text.first).tolist(), text.subject(rows), shuffles, texts, parts, strict=True)
            for id_, subject, shuffle, whole, sentences in described:
                head = f'{{"id": {id_}, "subject": {_json(subject)}, "shuffle": {shuffle}'
                yield f'{head}, "text": "{whole}", "sentences": [{sentences}]}}\n'

    _write_lines(path, lines())


def _write_txt(text: ShardText, path: Path) -> None:
    slices = (_joined(text.texts, places, start, " ") for _, places, start in text.slices())
    _write_lines(path, (f"{whole}\n" for texts in slices for whole in texts))


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_WRITERS: Final[dict[Format, Callable[[ShardText, Path], None]]] = {
    "parquet": _write_parquet,
    "jsonl": _write_jsonl,
    "txt": _write_txt,
}
