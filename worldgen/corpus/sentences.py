"""What a corpus is made of: sentences and documents as arrays of ids, in shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.storage.files import read_columns, table_bytes, write_bytes
from worldgen.worlds.world import NONE


class Kind(IntEnum):
    """What a sentence is; the names are the language's."""

    ATOM = 0
    STATED = 1
    NOT = 2
    AND = 3
    OR = 4


NAME_COLUMNS = (
    "subject_name", "relation_name", "object_name", "second_subject_name", "second_relation_name", "second_object_name",
)  # fmt: skip


@dataclass(frozen=True)
class Sentences:
    """Sentences as ids, grouped by the subject they are about. Facts are numbered as in the world.

    `truth` is what the sentence says of its formula (an atom says it of itself). The second fact and object
    of all but AND and OR are NONE. `names` tells which names are used, in the order of NAME_COLUMNS, 0 being the
    label and what is not there; None where all are labels.
    """

    subject: Ids  # [N]
    kind: NDArray[np.int8]  # [N]
    truth: NDArray[np.bool_]  # [N]
    fact: Ids  # [N]
    object: Ids  # [N]
    second_fact: Ids  # [N]
    second_object: Ids  # [N]
    names: NDArray[np.int8] | None = None  # [6, N]

    def __len__(self) -> int:
        return len(self.subject)

    def where(self, rows: NDArray) -> Sentences:
        """Some of the sentences, chosen by a mask or by numbers."""
        return Sentences.from_columns({name: column[rows] for name, column in self.columns().items()})

    def columns(self) -> dict[str, NDArray]:
        """The columns by name, those of NAME_COLUMNS only where there are names."""
        columns = dict(vars(self))
        names = columns.pop("names")
        return columns if names is None else columns | dict(zip(NAME_COLUMNS, names, strict=True))

    @staticmethod
    def of_one_fact(kind: Kind, subject: Ids, truth: NDArray[np.bool_], fact: Ids, object_: Ids) -> Sentences:
        """Sentences of one kind that name one fact each."""
        none = np.full(len(fact), NONE, dtype=np.int32)
        return Sentences(subject, np.full(len(fact), kind, dtype=np.int8), truth, fact, object_, none, none)

    def names_of(self, operand: Literal["first", "second"]) -> NDArray[np.int8]:
        """[3, N]: which names of the subject, relation and object an operand uses."""
        if self.names is None:
            return np.zeros((3, len(self)), np.int8)
        return self.names[:3] if operand == "first" else self.names[3:]

    @staticmethod
    def from_columns(columns: Mapping[str, NDArray]) -> Sentences:
        """What `columns` gave."""
        others = {name: column for name, column in columns.items() if name not in NAME_COLUMNS}
        names = np.stack([columns[name] for name in NAME_COLUMNS]) if len(others) < len(columns) else None
        return Sentences(**others, names=names)

    @staticmethod
    def together(parts: list[Sentences]) -> Sentences:
        """Several blocks as one, in order: all of them with names, or none."""
        columns = [part.columns() for part in parts]
        return Sentences.from_columns({name: np.concatenate([c[name] for c in columns]) for name in columns[0]})


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

    def files(self, number: int) -> dict[str, bytes]:
        """sentences-*.parquet and documents-*.parquet: their bytes by name."""
        lists = pa.LargeListArray.from_arrays(self.documents.start, self.documents.sentence)
        columns = {"subject": self.documents.subject, "shuffle": self.documents.shuffle, "sentences": lists}
        tables = {"sentences": self.sentences.columns(), "documents": columns}
        return {f"{name}-{number:05d}.parquet": table_bytes(table) for name, table in tables.items()}

    def save(self, folder: Path, number: int) -> None:
        """Write these files."""
        for name, content in self.files(number).items():
            write_bytes(folder / name, content)

    @staticmethod
    def load(folder: Path, number: int) -> Shard:
        """Read what `save` wrote."""
        table = pq.read_table(folder / f"documents-{number:05d}.parquet").combine_chunks()
        lists = table["sentences"].combine_chunks()
        lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
        start, sentence = lists.offsets.to_numpy(), lists.values.to_numpy()
        documents = Documents(table["subject"].to_numpy(), table["shuffle"].to_numpy(), start, sentence)
        first = int(sentence.min()) if len(sentence) else 0
        sentences = Sentences.from_columns(read_columns(folder / f"sentences-{number:05d}.parquet"))
        return Shard(sentences, documents, first)


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
            parts.append(Sentences.from_columns(read_columns(path)).where(rows))
    return Sentences.together(parts)
