"""The stages of the testbed: cases, edits by every method, and scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from worldgen.evaluate.asking.measurements import ChunkedFiles, read_costs, read_measurements
from worldgen.evaluate.methods.methods import METHODS, TASK, Method, Need
from worldgen.evaluate.runs.load import load_agent, load_world, measured_methods
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, check_made_with, make_stage
from worldgen.evaluate.stages.language_model import LM, TRACE, make_with_trace
from worldgen.evaluate.stages.trajectory import allowed_steps, folder_name, shorter_edits, steps_of, with_steps
from worldgen.evaluate.stages.world import AGENT, CORPUS, TOKENS, WORLD
from worldgen.evaluate.statistics.intervals import INTERVAL_METHODS
from worldgen.evaluate.testbed.case_questions import make_probes
from worldgen.evaluate.testbed.cases import Case, load_cases, make_cases, save_cases
from worldgen.evaluate.testbed.editing_metrics import METRIC_NAMES
from worldgen.evaluate.testbed.probes import load_questions, save_probes
from worldgen.evaluate.testbed.scores import MethodScores, as_table
from worldgen.evaluate.testbed.scoring import Benchmark, score
from worldgen.storage.files import write_text
from worldgen.storage.manifests import Inputs, read_manifest

CASE_FILES = ("cases.parquet", "probes.parquet")
EDIT_FILES = ("measurements-*.parquet", "costs-*.parquet", "covariance-*.npy", "adapters/*")
NEEDED: dict[Need, Stage] = {"agent": AGENT, "corpus": CORPUS, "trace": TRACE}


def _make_cases(run: Run, folder: Path) -> Mapping[str, Any]:
    """Draws the cases and has the agent label every question."""
    return write_cases(run, folder, run.config.cases.cases)


def write_cases(run: Run, folder: Path, count: int, apart_from: Iterable[Case] = ()) -> Mapping[str, Any]:
    """Draws `count` cases, of other facts than some cases are about, and writes them with their labelled questions."""
    config = run.config.cases.model_copy(update={"cases": count})
    world = load_world(run.folder)
    agent = load_agent(run.folder, world, run.config.agent)
    cases = make_cases(world, agent, config, run.config.seed, tuple(apart_from))
    probes = make_probes(world, agent, cases, config.certain_weight, config.closing_stop)
    save_cases(folder / "cases.parquet", cases)
    save_probes(folder / "probes.parquet", probes)
    return {
        "cases": len(cases),
        "probes": len(probes),
        "downstream_changes": sum(case.downstream_changes for case in cases),
    }


CASES = Stage("cases", _make_cases, CASE_FILES, settings=("seed", "agent", "cases"), reads=(WORLD, AGENT))


def edits(
    method: Method, run: Run, cases: Stage = CASES, name: str | None = None, training: Stage | None = None
) -> Stage:
    """Returns the stage in which a method edits the model for every case, and the model is asked before and after.

    The method's own settings decide it, and those of what it needs; no other method's do. `cases` is the stage of the
    cases, `name` the stage's folder (by default RUN/edits/METHOD), `training` that in which a learned optimizer was
    trained.
    """
    needed = tuple(NEEDED[need] for need in method.needs(getattr(run.config, method.section)))
    adapters = ("edit.keep_adapters",) if method.keeps_adapters else ()
    return Stage(
        name or f"edits/{method.name}",
        _measuring(method, cases, training),
        EDIT_FILES,
        settings=("model_seed", *TASK, *adapters, *method.settings),
        reads=(WORLD, TOKENS, cases, LM, *needed, *((training,) if training else ())),
        also=lambda _: {"method": method.name},
        resumes=True,
    )


def _measuring(method: Method, cases: Stage, training: Stage | None) -> Callable[[Run, Path], Mapping[str, Any]]:
    """Edits the model for every case of a stage, and keeps what it says before and after."""

    def measure_edits(run: Run, folder: Path) -> Mapping[str, Any]:
        from worldgen.evaluate.asking.answers import AnswerReader
        from worldgen.evaluate.asking.measure import measure
        from worldgen.evaluate.stages.workbench import workbench_of
        from worldgen.evaluate.testbed.case_trials import make_trials

        bench = workbench_of(run, method, folder, run.folder / cases.name)
        if training:
            bench = replace(bench, optimizer=run.folder / training.name)
        questions = load_questions(run.folder / cases.name / "probes.parquet")
        trials = make_trials(bench.world, bench.cases, questions, bench.edit.requests, bench.seed)
        files = ChunkedFiles(folder, max(1, bench.edit.chunk_cases // bench.edit.requests))
        reader = AnswerReader(bench.tokenizer, bench.world.objects)
        measure(bench.model, method.make(bench), reader, trials, files, run.quiet)
        return {"probes": len(questions)}

    return measure_edits


def edit(run: Run, method: Method, training: Stage | None = None) -> None:
    """Edits the model for every case; `training` as in `edits`."""
    make_with_trace(run, edits(method, run, training=training))


def record_trajectory(run: Run, method: Method) -> None:
    """Edits the model for every case, and again with fewer steps, for each number of `trajectory.steps`."""
    most = steps_of(method, run.config)
    edit(run, method)
    for steps in sorted({steps for steps in run.config.trajectory.steps if steps < most}):
        shorter, config = with_steps(method, run.config, steps)
        run.say(f"after {steps} of {most} steps:")
        its_run = replace(run, config=config)
        make_stage(its_run, edits(shorter, its_run, name=folder_name(method, steps)))


def _make_scores(run: Run, folder: Path) -> Mapping[str, Any]:
    """Scores every method that has been measured, and what its shorter edits gave."""
    benchmark = benchmark_of(run, run.folder / CASES.name)

    def scored(method: str, measured: Path, steps: int | None) -> MethodScores:
        return replace(score_folder(run, method, benchmark, measured), steps=steps)

    methods = measured_methods(run.folder)
    for method in methods:
        shorter = shorter_edits(run.folder, method).items()
        scores = replace(
            scored(method, run.folder / "edits" / method, allowed_steps(run.folder, method)),
            trajectory=tuple(scored(method, measured, steps) for steps, measured in shorter),
            downstream=run.config.agent.reading.text,
            asks_the_agent=_asks_the_agent(run, method),
            **_at_a_time(run, method),
        )
        write_text(folder / f"{method}.json", json.dumps(scores.as_json(), indent=1) + "\n")
        write_text(folder / f"{method}.csv", as_table(scores).to_csv(index=False))
    return {"methods": len(methods)}


def benchmark_of(run: Run, cases: Path) -> Benchmark:
    """Returns the benchmark whose cases and questions lie in a folder."""
    return Benchmark(
        load_world(run.folder), load_cases(cases / "cases.parquet"), pd.read_parquet(cases / "probes.parquet")
    )


def score_folder(run: Run, method: str, benchmark: Benchmark, measured: Path) -> MethodScores:
    """Returns the scores of the measurements in a folder."""
    rows, costs = read_measurements(measured), read_costs(measured)
    return score(method, benchmark, rows, costs, run.config.score, run.config.seed)


def _what_is_scored(run: Run) -> Inputs:
    """The metrics and their intervals, how edits were made, and the hash of what measurements were made of."""
    methods = measured_methods(run.folder)
    folders = [run.folder / "edits" / method for method in methods]
    folders += [folder for method in methods for folder in shorter_edits(run.folder, method).values()]
    manifests = {str(folder.relative_to(run.folder)): read_manifest(folder) for folder in folders}
    made_of = {name: manifest.inputs_hash for name, manifest in manifests.items() if manifest}
    scored_by = {"metrics": METRIC_NAMES, "intervals": INTERVAL_METHODS}
    return scored_by | {"mode": run.config.edit.mode, "requests": run.config.edit.requests} | made_of


SCORES = Stage(
    "scores", _make_scores, ("*.json", "*.csv"), settings=("seed", "score"), reads=(WORLD, CASES),
    also=_what_is_scored, cheap=True,
)  # fmt: skip


def score_methods(run: Run) -> None:
    """Scores every method that has been measured.

    Raises UserError for one that was measured on other cases, another model or in another mode: one table compares.
    """
    for method in measured_methods(run.folder):
        check_made_with(run.folder / "edits" / method, _common_to_all(run, method))
    make_stage(run, SCORES)


def _common_to_all(run: Run, method: str) -> Inputs:
    """The inputs that methods in one table share; how another program got its replies is not known."""
    if method not in METHODS:
        return CASES.inputs(run)
    return CASES.inputs(run) | LM.inputs(run) | run.config.inputs(TASK)


def _asks_the_agent(run: Run, method: str) -> bool:
    """Returns whether a method asks the agent; another program's replies are taken not to."""
    return method in METHODS and METHODS[method].asks_the_agent(getattr(run.config, METHODS[method].section))


def _at_a_time(run: Run, method: str) -> dict[str, Any]:
    """Returns how many requests an edited model holds and how they are made; nothing for another program's replies."""
    return {"mode": run.config.edit.mode, "requests": run.config.edit.requests} if method in METHODS else {}
