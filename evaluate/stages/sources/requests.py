"""Requests of every source, and a method's edits by them: RUN/sources/cases and RUN/sources/edits/METHOD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from worldgen.bayes.trust.minds import MixedMind
from worldgen.bayes.trust.reports import Report
from worldgen.evaluate.asking.measurements import ChunkedFiles
from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.sources.cases import load_cases, save_cases, source_cases
from worldgen.evaluate.sources.trials import trials_of
from worldgen.evaluate.stages.language_model import LM
from worldgen.evaluate.stages.sources.heard import mind_of
from worldgen.evaluate.stages.testbed import EDIT_FILES, NEEDED
from worldgen.evaluate.stages.world import AGENT, TOKENS, WORLD
from worldgen.lm.editions import Request

CASES_FILE: Final = "cases.parquet"


def _make_cases(run: Run, folder: Path) -> Mapping[str, Any]:
    """Draws the requests, and asks the rational mind what to believe after each."""
    world, mind = mind_of(run.folder, run.config)
    cases = source_cases(world, mind, run.config.trust, run.config.seed)
    save_cases(folder / CASES_FILE, cases)
    return {"cases": len(cases)}


CASES = Stage("sources/cases", _make_cases, (CASES_FILE,), settings=("seed", "agent", "trust"), reads=(WORLD, AGENT))


def edits(method: Method, run: Run, training: Stage | None = None) -> Stage:
    """Returns the stage in which a method makes every request, and the model is asked before and after.

    `training` is the stage in which a learned optimizer was trained.
    """
    needed = tuple(NEEDED[need] for need in method.needs(getattr(run.config, method.section)))
    return Stage(
        f"sources/edits/{method.name}",
        partial(_edit, method=method),
        EDIT_FILES,
        settings=("model_seed", *method.settings),
        reads=(WORLD, TOKENS, CASES, LM, *needed, *((training,) if training else ())),
        also=lambda _: {"method": method.name},
        resumes=True,
    )


def _judge(run: Run) -> Callable[[Request], MixedMind]:
    """Returns what a rational mind makes of a request of a source."""
    world, mind = mind_of(run.folder, run.config)

    def heard(request: Request) -> MixedMind:
        assert request.fact is not None
        assert request.source is not None
        fact = world.fact_of(request.fact.subject, request.fact.relation)
        return mind.after(fact, [Report(fact, request.source, request.fact.object, request.weight)])

    return heard


def _edit(run: Run, folder: Path, method: Method) -> Mapping[str, Any]:
    """Makes every request in a model of its own, and asks the case's questions before and after."""
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.evaluate.asking.measure import measure
    from worldgen.evaluate.stages.workbench import workbench_of

    edit = run.config.edit.model_copy(update={"mode": "single", "requests": 1, "keep_adapters": False})
    its_run = replace(run, config=run.config.model_copy(update={"edit": edit}))
    bench = replace(workbench_of(its_run, method, folder, None), heard=_judge(run))
    cases = load_cases(run.folder / CASES.name / CASES_FILE)
    trials = trials_of(bench.world, cases, run.config.trust.weight, bench.seed)
    reader = AnswerReader(bench.tokenizer, bench.world.objects)
    measure(bench.model, method.make(bench), reader, trials, ChunkedFiles(folder, edit.chunk_cases), run.quiet)
    return {"cases": len(cases)}
