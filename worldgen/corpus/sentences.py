"""Sentences, documents and shards: the parts of a corpus, as arrays of ids, and their files."""

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

from worldgen.arrays import Ids, row_starts
from worldgen.storage.files import read_columns, table_bytes, write_bytes
from worldgen.worlds.world import NONE


class Kind(IntEnum):
    """The kind of a sentence."""

    ATOM = 0
    """A bare statement."""
    STATED = 1
    """A statement said to be true or false."""
    NOT = 2
    AND = 3
    OR = 4
    REPORT = 5
    """A bare statement with the tag of the source that says it. It is no evidence of the fact by itself."""
    DEFINITION = 6
    """The claim that a variable stands for an entity. It names no fact."""
    QUESTION = 7
    """A bare statement with a variable in the subject's place: a question about the variable, with its answer."""


NAME_COLUMNS = (
    "subject_name", "relation_name", "object_name", "second_subject_name", "second_relation_name", "second_object_name",
)  # fmt: skip


@dataclass(frozen=True)
class Sentences:
    """N sentences as columns of ids. Facts are numbered as in the world."""

    subject: Ids  # [N]
    """The subject that the sentence was made for. It is one of a fact, or what the variable stands for."""
    kind: NDArray[np.int8]  # [N]
    truth: NDArray[np.bool_]  # [N]
    """Whether the sentence says that its formula is true. Every sentence but those of "true" and "false" says so."""
    fact: Ids  # [N]
    """The fact of the first atom; NONE for a DEFINITION."""
    object: Ids  # [N]
    second_fact: Ids  # [N]
    """The fact of the second atom of an AND or OR; NONE for other kinds."""
    second_object: Ids  # [N]
    """The object of the second atom of an AND or OR; NONE for other kinds."""
    names: NDArray[np.int8] | None = None  # [6, N]
    """The number of the name used for each mention, in the order of NAME_COLUMNS. 0 stands for the label and for a
    mention that is not there. None if all names are labels."""
    source: Ids | None = None  # [N]
    """The source of each report, also of one whose tag is left out: such a sentence is an ATOM. NONE for all other
    sentences. None in a world without sources."""
    variable: Ids | None = None  # [N]
    """The variable of each DEFINITION and QUESTION, NONE for all others. None in a world without definitions."""

    def __len__(self) -> int:
        return len(self.subject)

    def where(self, rows: NDArray) -> Sentences:
        """Returns some of the sentences, chosen by a mask or by their places."""
        return Sentences.from_columns({name: column[rows] for name, column in self.columns().items()})

    def possible_kinds(self) -> list[Kind]:
        """Returns the kinds of sentences that this world can have: reports only with sources, for example."""
        needed = {Kind.REPORT: self.source, Kind.DEFINITION: self.variable, Kind.QUESTION: self.variable}
        return [kind for kind in Kind if kind not in needed or needed[kind] is not None]

    def columns(self) -> dict[str, NDArray]:
        """Returns the columns by name; those of NAME_COLUMNS, `source` and `variable` only if they are not None."""
        columns = {name: column for name, column in vars(self).items() if column is not None}
        names = columns.pop("names", None)
        return columns if names is None else columns | dict(zip(NAME_COLUMNS, names, strict=True))

    @staticmethod
    def of_one_fact(kind: Kind, subject: Ids, truth: NDArray[np.bool_], fact: Ids, object_: Ids) -> Sentences:
        """Makes sentences of one kind that have a single atom each."""
        none = np.full(len(fact), NONE, dtype=np.int32)
        return Sentences(subject, np.full(len(fact), kind, dtype=np.int8), truth, fact, object_, none, none)

    def names_of(self, operand: Literal["first", "second"]) -> NDArray[np.int8]:
        """Returns the numbers of the names that one operand uses for subject, relation and object: [3, N]."""
        if self.names is None:
            return np.zeros((3, len(self)), np.int8)
        return self.names[:3] if operand == "first" else self.names[3:]

    @staticmethod
    def from_columns(columns: Mapping[str, NDArray]) -> Sentences:
        """Returns the sentences whose `columns` these are."""
        others = {name: column for name, column in columns.items() if name not in NAME_COLUMNS}
        names = np.stack([columns[name] for name in NAME_COLUMNS]) if len(others) < len(columns) else None
        return Sentences(**others, names=names)

    @staticmethod
    def together(parts: list[Sentences]) -> Sentences:
        """Joins several blocks of sentences, in order. All of them have the same columns."""
        columns = [part.columns() for part in parts]
        return Sentences.from_columns({name: np.concatenate([c[name] for c in columns]) for name in columns[0]})


@dataclass(frozen=True)
class Documents:
    """Documents as a ragged array of sentence ids: document d holds sentence[start[d]] .. sentence[start[d+1]-1]."""

    subject: Ids  # [documents]
    shuffle: Ids  # [documents]
    """The number of the shuffle of the subject's sentences that the document was cut from."""
    start: NDArray[np.int64]  # [documents+1]
    sentence: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.subject)

    @staticmethod
    def together(parts: list[Documents]) -> Documents:
        """Joins several blocks of documents, in order."""
        columns = [[getattr(part, name) for part in parts] for name in ("subject", "shuffle", "sentence")]
        subject, shuffle, sentence = (np.concatenate(column) for column in columns)
        return Documents(subject, shuffle, row_starts(np.concatenate([np.diff(p.start) for p in parts])), sentence)


@dataclass(frozen=True)
class Shard:
    """The part of a corpus about a run of neighbouring subjects."""

    sentences: Sentences
    """The sentences, grouped by subject; definitions and questions follow, grouped likewise."""
    documents: Documents
    first_sentence: int
    """The id of the first sentence; ids count the sentences of the whole corpus."""

    def files(self, number: int) -> dict[str, bytes]:
        """Returns the bytes of sentences-NUMBER.parquet and documents-NUMBER.parquet, by file name."""
        lists = pa.LargeListArray.from_arrays(self.documents.start, self.documents.sentence)
        columns = {"subject": self.documents.subject, "shuffle": self.documents.shuffle, "sentences": lists}
        tables = {"sentences": self.sentences.columns(), "documents": columns}
        return {f"{name}-{number:05d}.parquet": table_bytes(table) for name, table in tables.items()}

    def save(self, folder: Path, number: int) -> None:
        """Writes the shard's two files."""
        for name, content in self.files(number).items():
            write_bytes(folder / name, content)

    @staticmethod
    def load(folder: Path, number: int) -> Shard:
        """Reads the files that `save` wrote."""
        table = pq.read_table(folder / f"documents-{number:05d}.parquet").combine_chunks()
        lists = table["sentences"].combine_chunks()
        lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
        start, sentence = lists.offsets.to_numpy(), lists.values.to_numpy()
        documents = Documents(table["subject"].to_numpy(), table["shuffle"].to_numpy(), start, sentence)
        first = int(sentence.min()) if len(sentence) else 0
        sentences = Sentences.from_columns(read_columns(folder / f"sentences-{number:05d}.parquet"))
        return Shard(sentences, documents, first)


def read_shards(folder: Path) -> Iterator[Shard]:
    """Yields the shards of a corpus folder in order."""
    for number in range(len(list(folder.glob("sentences-*.parquet")))):
        yield Shard.load(folder, number)


def sentences_naming(folder: Path, facts: Sequence[int]) -> Sentences:
    """Returns the sentences of a corpus folder that name one of the facts, as either operand, in the corpus's order.

    Reads two columns of every shard, and the others only of shards with such a sentence.
    """
    parts: list[Sentences] = []
    for path in sorted(folder.glob("sentences-*.parquet")):
        first, second = read_columns(path, ("fact", "second_fact")).values()
        rows = np.flatnonzero(np.isin(first, facts) | np.isin(second, facts))
        if len(rows) or not parts:
            parts.append(Sentences.from_columns(read_columns(path)).where(rows))
    return Sentences.together(parts)
