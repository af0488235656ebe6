"""What a corpus is made of: sentences and documents as arrays of ids, in shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from worldgen.files import read_columns, write_table
from worldgen.sources import Ids


class Kind(IntEnum):
    """What a sentence is; the names are the language's."""

    ATOM = 0
    STATED = 1
    NOT = 2
    AND = 3
    OR = 4


@dataclass(frozen=True)
class Sentences:
    """Sentences as ids, grouped by the subject they are about. Facts are numbered as in the world.

    `truth` is what the sentence says of its formula (an atom says it of itself). The second fact and object
    of all but AND and OR are NONE.
    """

    subject: Ids  # [N]
    kind: NDArray[np.int8]  # [N]
    truth: NDArray[np.bool_]  # [N]
    fact: Ids  # [N]
    object: Ids  # [N]
    second_fact: Ids  # [N]
    second_object: Ids  # [N]

    def __len__(self) -> int:
        return len(self.subject)

    def where(self, rows: NDArray) -> Sentences:
        """Some of the sentences, chosen by a mask or by numbers."""
        return Sentences(*(column[rows] for column in self.columns().values()))

    def columns(self) -> dict[str, NDArray]:
        """The columns by name."""
        return dict(vars(self))

    @staticmethod
    def together(parts: list[Sentences]) -> Sentences:
        """Several blocks as one, in order."""
        columns = [np.concatenate(column) for column in zip(*(p.columns().values() for p in parts), strict=True)]
        return Sentences(*columns)


@dataclass(frozen=True)
class Documents:
    """Documents as sentence ids: document d holds sentence[start[d]] .. sentence[start[d+1]-1]."""

    subject: Ids  # [documents]
    shuffle: Ids  # [documents]
    start: NDArray[np.int64]  # [documents+1]
    sentence: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.subject)


@dataclass(frozen=True)
class Shard:
    """The corpus of the subjects first .. last-1; its sentences are numbered from `first_sentence`."""

    sentences: Sentences
    documents: Documents
    first_sentence: int

    def save(self, folder: Path, number: int) -> None:
        """Write sentences-*.parquet and documents-*.parquet."""
        write_table(folder / f"sentences-{number:05d}.parquet", self.sentences.columns())
        lists = pa.LargeListArray.from_arrays(self.documents.start, self.documents.sentence)
        columns = {"subject": self.documents.subject, "shuffle": self.documents.shuffle, "sentences": lists}
        write_table(folder / f"documents-{number:05d}.parquet", columns)

    @staticmethod
    def load(folder: Path, number: int) -> Shard:
        """Read what `save` wrote."""
        table = pq.read_table(folder / f"documents-{number:05d}.parquet").combine_chunks()
        lists = table["sentences"].combine_chunks()
        lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
        start, sentence = lists.offsets.to_numpy(), lists.values.to_numpy()
        documents = Documents(table["subject"].to_numpy(), table["shuffle"].to_numpy(), start, sentence)
        first = int(sentence.min()) if len(sentence) else 0
        return Shard(Sentences(**read_columns(folder / f"sentences-{number:05d}.parquet")), documents, first)


def read_shards(folder: Path) -> Iterator[Shard]:
    """The shards of a corpus folder, one after another."""
    for number in range(len(list(folder.glob("sentences-*.parquet")))):
        yield Shard.load(folder, number)


def sentences_naming(folder: Path, facts: Sequence[int]) -> Sentences:
    """The sentences of a corpus folder that name one of the facts, as either operand, in the corpus's order.

    Two columns are read of every shard, the others only where they tell of something.
    """
    parts: list[Sentences] = []
    for path in sorted(folder.glob("sentences-*.parquet")):
        first, second = read_columns(path, ("fact", "second_fact")).values()
        rows = np.flatnonzero(np.isin(first, facts) | np.isin(second, facts))
        if len(rows) or not parts:
            parts.append(Sentences(**read_columns(path)).where(rows))
    return Sentences.together(parts)
