"""A whole run of sources: world, model, what it made of reports, requests of every source, tables, page."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, carry_out, make_stage
from worldgen.evaluate.stages.language_model import EXAM, make_with_trace
from worldgen.evaluate.stages.page import make_page
from worldgen.evaluate.stages.sources.heard import HEARD
from worldgen.evaluate.stages.sources.requests import CASES, edits
from worldgen.evaluate.stages.sources.scores import SCORES
from worldgen.evaluate.stages.world import TOKENS

_BUILT = (TOKENS, CASES)


def trust(run: Run, method: Method, training: Stage | None = None) -> None:
    """Has a method make the requests of every source, and scores whom it trusts; `training` as in `edits`."""
    for stage in (HEARD, CASES):
        make_stage(run, stage)
    make_with_trace(run, edits(method, run, training))
    make_stage(run, SCORES)


def run_everything(run: Run, methods: Sequence[Method]) -> None:
    """Makes every stage of sources, from the graph to the tables and the page."""
    with closing(run.engine):
        carry_out(run, *_BUILT)
    carry_out(run, EXAM, HEARD, after=_BUILT)
    for method in methods:
        trust(run, method)
    make_page(run, SCORES)
