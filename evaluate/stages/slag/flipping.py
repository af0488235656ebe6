"""Sharing the flips of a belief graph out among an engine's workers, which all see the run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import ChunkedFiles
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.slag.graphs.flips import flip_blocks
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.evaluate.stages.slag.others import sources_for
from worldgen.evaluate.stages.slag.points import world_of
from worldgen.evaluate.stages.slag.sources import Sources
from worldgen.storage.engines import Local
from worldgen.storage.stores import Reach

_FLIPS_AT_ONCE: Final = 50
"""Flips that are made and kept together, by one worker. No number of workers changes it, so none changes a result."""
_QUESTIONS_AT_ONCE: Final = 100_000  # questions asked after such flips: so many replies are held at once


@dataclass(frozen=True)
class FlipWork:
    """All that a worker needs to open the model and to flip beliefs in it."""

    run: Run
    """The run, with the settings that the method flips by."""
    method: str
    points: Path | None
    model: str | None

    def without_engine(self) -> FlipWork:
        """Returns the same with full paths for another process, in which nothing is said and no engine started."""
        run = replace(self.run, folder=self.run.folder.resolve(), engine=Local(), quiet=True)
        is_folder = self.model is not None and Path(self.model).exists()
        model = str(Path(self.model).resolve()) if self.model and is_folder else self.model
        return replace(self, run=run, points=self.points and self.points.resolve(), model=model)


class _Part(NamedTuple):
    """Flips of neighbouring nodes, and the folder of their measurements."""

    first: int
    last: int
    folder: Path


def flip_all(run: Run, sources: Sources, work: FlipWork, nodes: Sequence[Node], folder: Path) -> None:
    """Flips every node, some at a time, each part in a folder of its own. A part that is there is not made again."""
    at_once = max(1, min(_FLIPS_AT_ONCE, _QUESTIONS_AT_ONCE // len(nodes)))
    parts = [
        _Part(first, min(first + at_once, len(nodes)), folder.resolve() / f"{first:07d}")
        for first in range(0, len(nodes), at_once)
    ]
    if run.engine.distance is Reach.PROCESS:
        for part in parts:
            _flip_part(run, sources, work.method, nodes, part)
        return
    shared = (work.without_engine(), tuple(nodes))
    for part, _ in zip(parts, run.engine.map(_flip_in_worker, shared, parts), strict=True):
        run.say(f"flipped {part.last:,} of {len(nodes):,} beliefs")


def _flip_in_worker(shared: tuple[FlipWork, tuple[Node, ...]], part: _Part) -> None:
    """Opens the run in a worker's process, and flips some of the nodes."""
    work, nodes = shared
    if not part.folder.parent.exists():
        raise UserError(f"a worker cannot see {part.folder.parent}: put the run on a disk that all machines share")
    its_run, sources = sources_for(work.run, work.points, work.model, METHODS[work.method], lambda _: None)
    _flip_part(its_run, sources, work.method, nodes, part)


def _flip_part(run: Run, sources: Sources, method: str, nodes: Sequence[Node], part: _Part) -> None:
    world = world_of(run)
    blocks = flip_blocks(nodes, world.objects if world else None, part.first, part.last)
    edit = run.config.edit.model_copy(update={"mode": "single", "requests": 1, "keep_adapters": False})
    its_run = replace(run, config=run.config.model_copy(update={"edit": edit}))
    sources.measure(its_run, METHODS[method], blocks, ChunkedFiles(part.folder, part.last - part.first))
