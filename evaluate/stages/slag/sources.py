"""Where SLAG's points come from and which model is asked about them: by default both are the run's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from worldgen.evaluate.asking.measurements import ChunkedFiles
from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.slag.updating.blocks import Block, PointUpdate
from worldgen.evaluate.slag.updating.measured_blocks import trials_of
from worldgen.evaluate.stages.language_model import LM
from worldgen.evaluate.stages.slag.points import BASE, POINTS
from worldgen.evaluate.stages.world import AGENT, TOKENS, WORLD
from worldgen.storage.manifests import Inputs

Measure = Callable[[Run, Method, Sequence[Block], ChunkedFiles], None]


def _measure_own(run: Run, method: Method, blocks: Sequence[Block], files: ChunkedFiles) -> None:
    """Makes every block's updates in the run's model, which says objects by any of their names."""
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.evaluate.asking.measure import measure
    from worldgen.evaluate.stages.workbench import workbench_of

    bench = workbench_of(run, method, files.folder, None)
    reader = AnswerReader(bench.tokenizer, bench.world.objects)
    trials = trials_of(blocks, bench.world, bench.seed)
    measure(bench.model, method.make(bench), reader, trials, files, run.quiet)


@dataclass(frozen=True)
class Sources:
    """The points and the model of a measurement."""

    points: Stage
    base: Stage
    """The stage in which the model is asked before any update."""
    reads: tuple[Stage, ...]
    """The stages that updates read."""
    measure: Measure
    """Makes blocks of updates, and keeps what the model says before and after."""
    identity: Inputs = field(default_factory=dict)
    """Further inputs that decide a result: the hashes of points and model that are not the run's."""
    check: Callable[[Sequence[PointUpdate]], None] = lambda _: None
    """Raises UserError for updates that the model cannot be asked for."""


OWN = Sources(POINTS, BASE, (WORLD, AGENT, TOKENS, POINTS, BASE, LM), _measure_own)
