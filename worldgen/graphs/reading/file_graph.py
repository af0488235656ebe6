"""Graphs that come from files: Wikidata5m's own format, packed or unpacked, and plain TSV."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from worldgen.errors import UserError
from worldgen.graphs.reading.dumps import Dump
from worldgen.graphs.reading.json_dump import JsonDump
from worldgen.graphs.reading.line_file import LineFile
from worldgen.graphs.reading.name_file import read_names
from worldgen.graphs.reading.ntriples import NTriples
from worldgen.graphs.reading.triple_file import read_triples
from worldgen.graphs.sources import Names, TripleTable

TRIPLE_ARCHIVE = "wikidata5m_transductive.tar.gz"
ALIAS_ARCHIVE = "wikidata5m_alias.tar.gz"


@dataclass(frozen=True)
class FileGraph:
    """A source in files: triples, and names of entities and relations where there are any.

    Where a names file is None, every id is its own label.
    """

    triple_file: LineFile
    entity_file: LineFile | None
    relation_file: LineFile | None

    def triples(self, limit: int, strict: bool) -> TripleTable:
        """The first `limit` triples. A line of another shape is counted and left out; `strict` refuses it."""
        return read_triples(self.triple_file, limit, strict)

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
        LineFile(path),
        LineFile(entity_file) if entity_file.exists() else None,
        LineFile(relation_file) if relation_file.exists() else None,
    )


def _wikidata5m_files(folder: Path) -> tuple[LineFile, LineFile, LineFile]:
    unpacked = sorted(folder.glob("*_train.txt"))
    if unpacked:
        triple_file = LineFile(unpacked[0])
    elif (folder / TRIPLE_ARCHIVE).exists():
        triple_file = LineFile(folder / TRIPLE_ARCHIVE, "_train.txt")
    else:
        raise UserError(f"{folder} holds neither {TRIPLE_ARCHIVE} nor a *_train.txt: see `worldgen fetch wikidata5m`")
    return triple_file, _names_file(folder, "entity.txt"), _names_file(folder, "relation.txt")


def _names_file(folder: Path, ending: str) -> LineFile:
    unpacked = sorted(folder.glob(f"*_{ending}"))
    if unpacked:
        return LineFile(unpacked[0])
    if (folder / ALIAS_ARCHIVE).exists():
        return LineFile(folder / ALIAS_ARCHIVE, ending)
    raise UserError(f"{folder} holds neither {ALIAS_ARCHIVE} nor a *_{ending}: without labels nothing can be said")


def _names(file: LineFile | None, ids: Collection[str]) -> Names:
    return {id_: (id_,) for id_ in ids} if file is None else read_names(file, ids)
