"""A whole run of SLAG: world, model, points, beliefs, updates, tables."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import carry_out, make_stage
from worldgen.evaluate.slag.points import Split
from worldgen.evaluate.slag.updating.blocks import PointUpdate
from worldgen.evaluate.stages.language_model import EXAM, make_with_trace
from worldgen.evaluate.stages.slag.points import BASE, POINTS
from worldgen.evaluate.stages.slag.scores import scores
from worldgen.evaluate.stages.slag.sources import OWN, Sources
from worldgen.evaluate.stages.slag.tuning import grid_points, tuned
from worldgen.evaluate.stages.slag.updates import blocks_of_task, nothing_to_tune_on, tasks_of, too_few_points, updates
from worldgen.evaluate.stages.world import TOKENS

WORLD_STAGES = (TOKENS, POINTS)


def detect(run: Run, sources: Sources = OWN) -> None:
    """Makes the points, asks the model about them, and scores its beliefs before any update."""
    for stage in (sources.points, sources.base, scores(sources)):
        make_stage(run, stage)


def update(run: Run, method: Method, sources: Sources = OWN) -> None:
    """Tunes a method on dev points, updates test points for every number r of `slag.r`, and scores them.

    Raises UserError, before anything is updated, where there are too few points for an r, or none to tune on.
    """
    for stage in (sources.points, sources.base):
        make_stage(run, stage)
    _check_updates(run, method, sources)
    its_run = tuned(run, method, sources)
    for r in run.config.slag.r:
        make_with_trace(its_run, updates(method, its_run, r, sources=sources))
    make_stage(run, scores(sources))


def _check_updates(run: Run, method: Method, sources: Sources) -> None:
    def asked(r: int, split: Split) -> list[PointUpdate]:
        blocks = [block for task in tasks_of(run, method) for block in blocks_of_task(run, task, r, split)]
        return [update for block in blocks for update in block.updates]

    for r in run.config.slag.r:
        if not (its := asked(r, "test")):
            raise too_few_points(run, r)
        sources.check(its)
    if grid_points(run, method):
        if not (its := asked(1, "dev")):
            raise nothing_to_tune_on(method)
        sources.check(its)


def run_everything(run: Run, methods: Sequence[Method]) -> None:
    """Makes every stage of SLAG, from the graph to the tables."""
    with closing(run.engine):
        carry_out(run, *WORLD_STAGES)
    carry_out(run, EXAM, BASE, after=WORLD_STAGES)
    for method in methods:
        update(run, method)
