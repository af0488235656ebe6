"""Reading Wikidata5m, or files of its shape, whole: seconds of reading, selecting and saving, and the peak memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from build_stages import in_own_process
from wikidata5m_shaped import TRIPLES, make

from worldgen.graphs.sources import Names, Source, TripleTable
from worldgen.storage.machine import peak_memory

R = TypeVar("R")


@dataclass(frozen=True)
class _Timed:
    """A source that notes how long it is read."""

    source: Source
    seconds: dict[str, float] = field(default_factory=dict)

    def paths(self) -> list[Path]:
        return self.source.paths()

    def triples(self, limit: int, strict: bool) -> TripleTable:
        return self.timed("read triples", lambda: self.source.triples(limit, strict))

    def entity_names(self, ids: Collection[str]) -> Names:
        return self.timed("read names of entities", lambda: self.source.entity_names(ids))

    def relation_names(self, ids: Collection[str]) -> Names:
        return self.timed("read names of relations", lambda: self.source.relation_names(ids))

    def timed(self, name: str, work: Callable[[], R]) -> R:
        begun = time.perf_counter()
        result = work()
        self.seconds[name] = round(time.perf_counter() - begun, 3)
        return result


def read_graph(folder: Path, settings: list[str]) -> dict[str, Any]:
    """Read every triple, select as the `paper` preset does, and save; files of full size are made where none are."""
    made_up = not folder.exists() or not any(folder.iterdir())
    if made_up:
        in_own_process(make, folder, TRIPLES, False, 0)
    from worldgen.evaluate.runs.config import override
    from worldgen.evaluate.runs.presets import paper
    from worldgen.evaluate.runs.resources import source_of, spelling_of
    from worldgen.graphs.selection import select

    config = override(paper(), ["graph.max_triples=100000000", *settings, f"graph.source={folder}"])
    source, imported = _Timed(source_of(config)), peak_memory()
    begun = time.perf_counter()
    graph, report = select(source, config.graph, spelling_of(config))
    source.seconds["select"] = round(time.perf_counter() - begun - sum(source.seconds.values()), 3)
    with TemporaryDirectory() as out:
        source.timed("save", lambda: graph.save(Path(out)))
        saved = sum(path.stat().st_size for path in Path(out).iterdir())
    return {
        "made_up": made_up,
        "read_bytes": sum(path.stat().st_size for path in source.paths()),
        "saved_bytes": saved,
        "seconds": source.seconds | {"all": round(time.perf_counter() - begun, 3)},
        "peak_bytes": peak_memory(),
        "imports_bytes": imported,
        "selection": report.as_dict() | {"labels": None},
    }
