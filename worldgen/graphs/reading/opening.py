"""Opening a graph by its path: a folder of Wikidata5m, a dump of Wikidata's, or a TSV file of triples."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from worldgen.errors import UserError
from worldgen.graphs.reading.dumps import Dump
from worldgen.graphs.reading.file_graph import FileGraph
from worldgen.graphs.reading.json_dump import JsonDump
from worldgen.graphs.reading.line_file import LineFile
from worldgen.graphs.reading.ntriples import NTriples
from worldgen.graphs.wikidata5m import ALIAS_ARCHIVE, TRIPLE_ARCHIVE


def open_graph(path: Path, language: str = "en", properties: Collection[str] = ()) -> FileGraph | Dump:
    """Returns the graph in a folder (Wikidata5m's files), in a dump of Wikidata's, or in a TSV file of triples.

    `language` and `properties` are for a dump (`.json` or `.nt`, also with `.gz` or `.bz2`): the language of the names,
    and the properties whose facts are read (all of them if empty). A TSV file `NAME.tsv` may have labels and aliases
    beside it, in `NAME.entities.tsv` and `NAME.relations.tsv`; without these files the ids are the labels. Raises
    UserError that says which file is missing.
    """
    if path.is_dir():
        return FileGraph(*_wikidata5m_files(path))
    if not path.is_file():  # a pipe or a device may never end
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
    """Returns the files of triples, entity names and relation names; an unpacked file is preferred to an archive."""
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
