"""Files of Wikidata5m's size and shape, drawn from a seed: triples, names of entities, names of relations.

    python benchmarks/wikidata5m_shaped.py FOLDER                      # 21 million triples, 0.4 + 0.4 GB of text
    python benchmarks/wikidata5m_shaped.py FOLDER --packed             # as the two archives that are downloaded
    python benchmarks/wikidata5m_shaped.py FOLDER --triples 2000000    # a tenth: fewer entities too

As in Wikidata5m (transductive split): 4.6 million entities and 822 relations in 20.6 million triples, in no order;
4.8 million lines of names; some entities and relations far commoner than others. An entity is of a kind, a kind has
its own relations, a relation its own objects, so relations share subjects as they do in Wikidata. Names are made up.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from worldgen.graphs.wikidata5m import ALIAS_ARCHIVE, TRIPLE_ARCHIVE

TRIPLES, ENTITIES, NAMED = 20_614_279, 4_594_485, 4_813_490
RELATIONS = 822
KINDS, RELATIONS_OF_A_KIND = 40, 60
WORDS = 1_000_000
NAMES_MEAN = 3.9  # names of an entity, its label included: gives the 90 bytes a line that fill the real archive
CHUNK = 500_000  # lines held as text at once

Numbers = NDArray[np.int64]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--triples", default=TRIPLES, show_default=True, type=click.IntRange(1000), help="Lines of triples.")
@click.option("--packed", is_flag=True, help="Leave the two archives, as downloaded, not the three text files.")
@click.option("--seed", default=0, show_default=True, type=int)
def main(folder: Path, triples: int, packed: bool, seed: int) -> None:
    """Write the files to FOLDER and say how large they are."""
    for path in make(folder, triples, packed, seed):
        click.echo(f"{path}\t{path.stat().st_size / 1e6:.1f} MB")


def make(folder: Path, triples: int, packed: bool, seed: int) -> list[Path]:
    """Write the files; all counts but that of the relations scale with `triples`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    entities, named = (round(number * triples / TRIPLES) for number in (ENTITIES, NAMED))
    numbers = rng.permutation(np.cumsum(rng.integers(1, 13, named)))  # Q ids of up to eight digits, not in order
    entity_ids = _texts(numbers, "Q")
    relation_ids = _texts(np.sort(rng.choice(9000, RELATIONS, replace=False) + 1), "P")
    texts = {
        "transductive_train": _triple_lines(entity_ids[:entities], relation_ids, triples, rng),
        "entity": _name_lines(entity_ids.take(pa.array(rng.permutation(named))), rng),
        "relation": _name_lines(relation_ids, rng),
    }
    paths = [_write(folder / f"wikidata5m_{name}.txt", text) for name, text in texts.items()]
    return _pack(folder, paths) if packed else paths


def _texts(numbers: Numbers, prefix: str) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def _triple_lines(entity_ids: pa.Array, relation_ids: pa.Array, triples: int, rng: np.random.Generator) -> Iterator:
    """Buffers of lines "Q1 <tab> P1 <tab> Q2"."""
    kinds = _Kinds.draw(len(entity_ids), rng)
    # Every entity is once a subject; further facts go to the first more often, with a density like rank^(-1/3).
    further = len(entity_ids) * rng.random(triples - len(entity_ids), np.float32) ** 1.5
    heads = rng.permutation(np.concatenate([np.arange(len(entity_ids), dtype=np.int32), further.astype(np.int32)]))
    for begin in range(0, triples, CHUNK):
        head = heads[begin : begin + CHUNK]
        relation, tail = kinds.facts(head, rng)
        ids = (entity_ids.take(pa.array(head)), relation_ids.take(pa.array(relation)), entity_ids.take(pa.array(tail)))
        yield _lines(pc.binary_join_element_wise(*ids, "\t"))


@dataclass(frozen=True)
class _Kinds:
    """What kind an entity is of [E], a kind's relations, commonest first [K, J], a relation's objects [R]."""

    kind: NDArray[np.int8]
    relations: Numbers
    first_object: Numbers
    objects: Numbers

    @staticmethod
    def draw(E: int, rng: np.random.Generator) -> _Kinds:
        popularity = 1 / np.arange(1, RELATIONS + 1) ** 1.5  # of its relations, half the facts have the ten commonest
        popularity /= popularity.sum()
        kinds = [rng.choice(RELATIONS, RELATIONS_OF_A_KIND, replace=False, p=popularity) for _ in range(KINDS)]
        return _Kinds(
            kind=_heavy(np.full(E, KINDS), rng).astype(np.int8),
            relations=np.array(kinds),
            first_object=rng.integers(0, E, RELATIONS),
            objects=np.maximum(2, (E * rng.random(RELATIONS) ** 6).astype(np.int64)),
        )

    def facts(self, head: NDArray[np.int32], rng: np.random.Generator) -> tuple[Numbers, Numbers]:
        """A relation of each head's kind, and one of the relation's objects."""
        which = _heavy(np.full(len(head), RELATIONS_OF_A_KIND), rng)
        relation = self.relations[self.kind[head], which]
        tail = self.first_object[relation] + _heavy(self.objects[relation], rng)
        return relation, tail % len(self.kind)


def _heavy(n: Numbers, rng: np.random.Generator) -> Numbers:
    """Draws from 0..n-1, i with probability log((i + 2) / (i + 1)) / log(n + 1): nearly 1 / (i + 1)."""
    return np.minimum((n + 1.0) ** rng.random(len(n)) - 1, n - 1).astype(np.int64)


def _name_lines(ids: pa.Array, rng: np.random.Generator) -> Iterator:
    """Buffers of lines "Q1 <tab> label <tab> alias <tab> ..."."""
    words = _words(rng)
    for begin in range(0, len(ids), CHUNK):
        chunk = ids[begin : begin + CHUNK]
        names = rng.geometric(1 / NAMES_MEAN, len(chunk))
        parts = rng.choice([1, 2, 3, 4], int(names.sum()), p=[0.1, 0.6, 0.2, 0.1])
        # Word i is used with a density like i^(-1/2): common ones, and some namesakes, but no word everywhere.
        used = words.take(pa.array((WORDS * rng.random(int(parts.sum())) ** 2).astype(np.int64)))
        columns = _joined(_joined(used, parts, " "), names, "\t")
        yield _lines(pc.binary_join_element_wise(chunk, columns, "\t"))


def _words(rng: np.random.Generator) -> pa.Array:
    """Made-up words of one to four syllables, [W]; one letter in a dozen is not ASCII."""
    vowels = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "é", "ö"]
    syllables = pa.array([c + v + end for c in "bcdfghklmnprstvz" for v in vowels for end in ("", "n", "r", "s", "l")])
    lengths = rng.integers(1, 5, WORDS)
    drawn = syllables.take(pa.array(rng.integers(0, len(syllables), int(lengths.sum()))))
    return pc.utf8_capitalize(_joined(drawn, lengths, ""))


def _joined(texts: pa.Array, lengths: Numbers, separator: str) -> pa.Array:
    """The first lengths[0] texts as one, the next lengths[1] as one, ..."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pc.binary_join(pa.ListArray.from_arrays(offsets, texts), separator)


def _lines(texts: pa.Array) -> memoryview:
    """The texts, a line each, as one buffer."""
    ended = pc.binary_join_element_wise(texts, "\n", "")
    return memoryview(ended.buffers()[2])[: np.frombuffer(ended.buffers()[1], np.int32)[len(ended)]]


def _write(path: Path, buffers: Iterator) -> Path:
    with path.open("wb") as file:
        for buffer in buffers:
            file.write(buffer)
    return path


def _pack(folder: Path, paths: list[Path]) -> list[Path]:
    """The text files as the two archives; the text files go."""
    archives = {TRIPLE_ARCHIVE: paths[:1], ALIAS_ARCHIVE: paths[1:]}
    for name, members in archives.items():
        with tarfile.open(folder / name, "w:gz", compresslevel=6) as archive:
            for path in members:
                archive.add(path, path.name)
                path.unlink()
    return [folder / name for name in archives]


if __name__ == "__main__":
    main()
