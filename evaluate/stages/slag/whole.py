"""A whole run of SLAG: world, model, points, beliefs, updates, tables."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import carry_out, make_stage
from worldgen.evaluate.stages.language_model import EXAM, make_with_trace
from worldgen.evaluate.stages.slag.optimizers import with_optimizer
from worldgen.evaluate.stages.slag.points import BASE, POINTS
from worldgen.evaluate.stages.slag.scores import SCORES
from worldgen.evaluate.stages.slag.tuning import tuned
from worldgen.evaluate.stages.slag.updates import updates
from worldgen.evaluate.stages.world import TOKENS

WORLD_STAGES = (TOKENS, POINTS)


def detect(run: Run) -> None:
    """Makes the points, asks the model about them, and scores its beliefs before any update."""
    for stage in (POINTS, BASE, SCORES):
        make_stage(run, stage)


def update(run: Run, method: Method) -> None:
    """Tunes a method on dev points, updates test points for every number r of `slag.r`, and scores them."""
    for stage in (POINTS, BASE):
        make_stage(run, stage)
    its_run = tuned(run, method)
    for r in run.config.slag.r:
        make_with_trace(its_run, with_optimizer(its_run, updates(method, its_run, r), method))
    make_stage(run, SCORES)


def run_everything(run: Run, methods: Sequence[Method]) -> None:
    """Makes every stage of SLAG, from the graph to the tables."""
    with closing(run.engine):
        carry_out(run, *WORLD_STAGES)
    carry_out(run, EXAM, BASE, after=WORLD_STAGES)
    for method in methods:
        update(run, method)
