"""A whole run of SLAG: world, model, points, beliefs, updates, tables."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain

from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import carry_out, make_stage
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.stages.language_model import EXAM, make_with_trace
from worldgen.evaluate.stages.page import make_page
from worldgen.evaluate.stages.slag.optimizers import trained_for
from worldgen.evaluate.stages.slag.points import BASE, BEAM, POINTS
from worldgen.evaluate.stages.slag.scores import SCORES, scores
from worldgen.evaluate.stages.slag.sources import OWN, Sources
from worldgen.evaluate.stages.slag.tuning import grid_points, tuned
from worldgen.evaluate.stages.slag.updates import asked_of_tasks, check_enough, nothing_to_tune_on, updates
from worldgen.evaluate.stages.world import TOKENS

WORLD_STAGES = (TOKENS, POINTS)


def detect(run: Run, sources: Sources = OWN) -> None:
    """Makes the points, asks the model about them, and scores its beliefs before any update."""
    for stage in (sources.points, sources.base, scores(sources)):
        make_stage(run, stage)


def update(run: Run, method: Method, sources: Sources = OWN) -> None:
    """Tunes a method on dev points, updates test points for every number r of `slag.r`, and scores them.

    Says which task is left out at which r. Raises UserError, before any update, for an r that is too great for all, and
    where there is nothing to tune on.
    """
    for stage in (sources.points, sources.base, *((BEAM,) if run.config.slag.protocol == "beam" else ())):
        make_stage(run, stage)
    asked, tables = _checked(run, method, sources), scores(sources)
    if training := trained_for(run, method):
        sources = replace(sources, reads=(*sources.reads, training))
    its_run = tuned(run, method, sources)
    for r in run.config.slag.r:
        for task in (task for task, number in asked.items() if number < r):
            run.say(f"r = {r}: {task.value} is left out, it has {asked[task]} points to update")
        make_with_trace(its_run, updates(method, its_run, r, sources=sources))
    make_stage(run, tables)


def _checked(run: Run, method: Method, sources: Sources) -> dict[Task, int]:
    """Returns how many test points of each task a method can update."""
    test = asked_of_tasks(run, method, "test")
    asked = {task: len(its) for task, its in test.items()}
    check_enough(run, asked, run.config.slag.r)
    sources.check(list(chain(*test.values())))
    if grid_points(run, method):
        dev = list(chain(*asked_of_tasks(run, method, "dev").values()))
        if not dev:
            raise nothing_to_tune_on(method)
        sources.check(dev)
    return asked


def run_everything(run: Run, methods: Sequence[Method]) -> None:
    """Makes every stage of SLAG, from the graph to the page."""
    with closing(run.engine):
        carry_out(run, *WORLD_STAGES)
    carry_out(run, EXAM, BASE, after=WORLD_STAGES)
    for method in methods:
        update(run, method)
    make_page(run, SCORES)
