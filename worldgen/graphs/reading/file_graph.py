"""Graphs that come from files: Wikidata5m's own format, packed or unpacked, and plain TSV."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from worldgen.graphs.reading.line_file import LineFile
from worldgen.graphs.reading.name_file import read_names
from worldgen.graphs.reading.triple_file import read_triples
from worldgen.graphs.sources import Names, TripleTable


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


def _names(file: LineFile | None, ids: Collection[str]) -> Names:
    return {id_: (id_,) for id_ in ids} if file is None else read_names(file, ids)
