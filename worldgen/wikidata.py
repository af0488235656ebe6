"""Graphs that come from files: Wikidata5m's own format, packed or unpacked, and plain TSV.

A triple is a line of three tab-separated ids; a name is a line of an id, its label and its aliases. Lines are
streamed: an archive is never unpacked to disk.
"""

from __future__ import annotations

import codecs
import io
import tarfile
import zlib
from array import array
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from worldgen.dumps import Dump
from worldgen.errors import UserError
from worldgen.json_dump import JsonDump
from worldgen.ntriples import NTriples
from worldgen.sources import Names, Rows, TripleTable

TRIPLE_ARCHIVE = "wikidata5m_transductive.tar.gz"
ALIAS_ARCHIVE = "wikidata5m_alias.tar.gz"


@dataclass(frozen=True)
class _LineFile:
    """A text file on disk, or a member (by its ending) of a tar archive."""

    path: Path
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path.name}:{self.member}" if self.member else self.path.name

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The bytes, as a stream. Raises UserError for an archive that is broken or lacks the member."""
        try:
            if not self.member:
                with self.path.open("rb") as file:
                    yield file
                return
            with tarfile.open(self.path, "r|gz") as archive:
                for entry in archive:
                    content = archive.extractfile(entry) if entry.name.endswith(self.member) else None
                    if content is not None:
                        yield content  # type: ignore[misc]
                        return
            raise UserError(f"{self.path} holds no file that ends in {self.member}: fetch the archive again")
        except (tarfile.TarError, zlib.error, EOFError) as error:
            raise UserError(f"{self.path} is damaged or cut short ({error}): fetch it again") from None
        except FileNotFoundError:
            raise UserError(f"{self.path} does not exist: check --kg") from None
        except OSError as error:
            raise UserError(f"{self.path} cannot be read ({error}): check the file and fetch it again") from None


@dataclass(frozen=True)
class FileGraph:
    """A source in files: triples, and names of entities and relations where there are any.

    Where a names file is None, every id is its own label.
    """

    triple_file: _LineFile
    entity_file: _LineFile | None
    relation_file: _LineFile | None

    def triples(self, limit: int, strict: bool) -> TripleTable:
        """The first `limit` triples. A line of another shape is counted and left out; `strict` refuses it."""
        entities: dict[str, int] = {}
        relations: dict[str, int] = {}
        codes = array("i")  # head, relation, tail, head, ...
        bad = _BadLines(str(self.triple_file), strict)
        lines = 0
        for number, line in _lines(self.triple_file):
            columns = _decoded(line, self.triple_file, number).split("\t")
            if len(columns) == 3:
                head, relation, tail = columns
                codes.append(entities.setdefault(head, len(entities)))
                codes.append(relations.setdefault(relation, len(relations)))
                codes.append(entities.setdefault(tail, len(entities)))
                lines += 1
            elif line:
                bad.count_in(number, len(columns))
            if lines == limit:
                break
        if not lines:
            raise UserError(f"{self.triple_file} holds no line of three tab-separated columns{bad.example()}")
        rows = Rows(*np.array(codes, dtype=np.int32).reshape(-1, 3).T.copy())
        return TripleTable(rows, tuple(entities), tuple(relations), lines + bad.count, bad.count, bad.first)

    def paths(self) -> list[Path]:
        """The files on disk that the graph is read from."""
        files = (self.triple_file, self.entity_file, self.relation_file)
        return sorted({file.path for file in files if file is not None and file.path.exists()})

    def entity_names(self, ids: Collection[str]) -> Names:
        """The names of those of `ids` that have any."""
        return _names(self.entity_file, ids)

    def relation_names(self, ids: Collection[str]) -> Names:
        """The names of those of `ids` that have any."""
        return _names(self.relation_file, ids)


def open_graph(path: Path, language: str = "en", properties: Collection[str] = ()) -> FileGraph | Dump:
    """The graph in a folder (Wikidata5m's files), in a dump of Wikidata's or in a TSV file of triples.

    Of a dump (`.json` or `.nt`, also `.gz` or `.bz2`) only the facts of `properties` are read, of all where there are
    none, and the names in `language`. Beside `NAME.tsv` the files `NAME.entities.tsv` and `NAME.relations.tsv` may
    give labels and aliases; without them ids are labels. Raises UserError that says what is missing.
    """
    if path.is_dir():
        return FileGraph(*_wikidata5m_files(path))
    if not path.exists():
        raise UserError(
            f"--kg {path}: no such folder or file: give `builtin`, a Wikidata5m folder, a .tsv of triples or a dump of "
            "Wikidata's (.json.gz, .nt.bz2)"
        )
    name, language = path.name.removesuffix(".gz").removesuffix(".bz2"), language.lower()
    if name.endswith(".json"):
        return Dump(path, JsonDump(language, frozenset(properties)), language)
    if name.endswith(".nt"):
        return Dump(path, NTriples(language, frozenset(properties)), language)
    entity_file, relation_file = path.with_suffix(".entities.tsv"), path.with_suffix(".relations.tsv")
    return FileGraph(
        _LineFile(path),
        _LineFile(entity_file) if entity_file.exists() else None,
        _LineFile(relation_file) if relation_file.exists() else None,
    )


def _wikidata5m_files(folder: Path) -> tuple[_LineFile, _LineFile, _LineFile]:
    unpacked = sorted(folder.glob("*_train.txt"))
    if unpacked:
        triple_file = _LineFile(unpacked[0])
    elif (folder / TRIPLE_ARCHIVE).exists():
        triple_file = _LineFile(folder / TRIPLE_ARCHIVE, "_train.txt")
    else:
        raise UserError(f"{folder} holds neither {TRIPLE_ARCHIVE} nor a *_train.txt: see `worldgen fetch wikidata5m`")
    return triple_file, _names_file(folder, "entity.txt"), _names_file(folder, "relation.txt")


def _names_file(folder: Path, ending: str) -> _LineFile:
    unpacked = sorted(folder.glob(f"*_{ending}"))
    if unpacked:
        return _LineFile(unpacked[0])
    if (folder / ALIAS_ARCHIVE).exists():
        return _LineFile(folder / ALIAS_ARCHIVE, ending)
    raise UserError(f"{folder} holds neither {ALIAS_ARCHIVE} nor a *_{ending}: without labels nothing can be said")


@dataclass
class _BadLines:
    """The lines of another shape, counted as they pass."""

    file: str
    strict: bool
    count: int = 0
    first: str = ""

    def count_in(self, number: int, columns: int) -> None:
        where = f"{self.file} line {number}: {columns} column{'s' * (columns != 1)}, 3 expected"
        if self.strict:
            raise UserError(f"{where} (--strict): mend the line or leave --strict out")
        self.first = self.first or where
        self.count += 1

    def example(self) -> str:
        return f" ({self.first})" if self.first else ""


def _lines(file: _LineFile) -> Iterator[tuple[int, bytes]]:
    """The lines without their ends, numbered from 1; a byte order mark is no part of the first."""
    with file.open() as stream:
        for number, line in enumerate(io.BufferedReader(stream, 1 << 20), start=1):  # type: ignore[type-var]
            yield number, line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").rstrip(b"\r\n")


def _decoded(line: bytes, file: _LineFile, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{file} line {number} is not UTF-8 ({error.reason}): save it as UTF-8") from None


def _names(file: _LineFile | None, ids: Collection[str]) -> Names:
    if file is None:
        return {id_: (id_,) for id_ in ids}
    wanted = {id_.encode(): id_ for id_ in ids}
    names: Names = {}
    for number, line in _lines(file):
        id_ = wanted.get(line.split(b"\t", 1)[0].strip())
        if id_ is None:
            continue
        columns = _decoded(line, file, number).split("\t")[1:]
        known = tuple(dict.fromkeys(name for name in columns if name))
        if known:
            names[id_] = known
    return names
