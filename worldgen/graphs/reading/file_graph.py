"""A graph in text files: Wikidata5m's, packed or unpacked, or a TSV file of triples."""

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
    """A source in text files: one of triples, and perhaps one of entity names and one of relation names.

    If a names file is None, each id is its own label.
    """

    triple_file: LineFile
    entity_file: LineFile | None
    relation_file: LineFile | None

    def triples(self, limit: int, strict: bool) -> TripleTable:
        """Returns the first `limit` triples. A malformed line is left out and counted; `strict` raises a UserError."""
        return read_triples(self.triple_file, limit, strict)

    def paths(self) -> list[Path]:
        """Returns the files on disk that the graph is read from."""
        files = (self.triple_file, self.entity_file, self.relation_file)
        return sorted({file.path for file in files if file is not None and file.path.exists()})

    def entity_names(self, ids: Collection[str]) -> Names:
        """Returns the names of entities; an id without names is left out."""
        return _names(self.entity_file, ids)

    def relation_names(self, ids: Collection[str]) -> Names:
        """Returns the names of relations; an id without names is left out."""
        return _names(self.relation_file, ids)


def _names(file: LineFile | None, ids: Collection[str]) -> Names:
    return {id_: (id_,) for id_ in ids} if file is None else read_names(file, ids)
