"""A whole run: everything that can be made without a model, and everything."""

from __future__ import annotations

from contextlib import closing

from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import carry_out, make_stage
from worldgen.evaluate.stages.language_model import EXAM
from worldgen.evaluate.stages.page import REPORT
from worldgen.evaluate.stages.testbed import CASES, edits, score_methods
from worldgen.evaluate.stages.world import TOKENS

BUILT = (TOKENS, CASES)


def build(run: Run) -> None:
    """Makes graph, world, corpus, tokens, agent and cases: what needs no language model."""
    with closing(run.engine):
        carry_out(run, *BUILT)


def run_everything(run: Run, method: Method) -> None:
    """Makes every stage, from the graph to the page."""
    build(run)
    carry_out(run, EXAM, edits(method, run), after=BUILT)
    score_methods(run)
    make_stage(run, REPORT)
