"""Training of `rational` on requests about training subjects: RUN/optimizers/rational.

No case is about a training subject: neither a case of the benchmark nor a held-out one, on which it is validated, nor
a request of a source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from worldgen.evaluate.asking.measurements import ChunkedFiles
from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.methods.tune import parts_of, selection_score
from worldgen.evaluate.methods.workbench import Workbench
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.sources.cases import load_cases as load_source_cases
from worldgen.evaluate.sources.rational import nobody
from worldgen.evaluate.sources.trials import tagged_prompt
from worldgen.evaluate.stages.language_model import LM
from worldgen.evaluate.stages.sources.requests import CASES as REQUESTS
from worldgen.evaluate.stages.sources.requests import CASES_FILE, judge
from worldgen.evaluate.stages.testbed import CASES, benchmark_of, score_folder
from worldgen.evaluate.stages.tuning import HELD_OUT
from worldgen.evaluate.stages.world import AGENT, TOKENS, WORLD
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.evaluate.testbed.probes import load_questions
from worldgen.lm.editors.learned.settings import RationalConfig
from worldgen.worlds.world import World

if TYPE_CHECKING:
    from worldgen.evaluate.teaching.lessons import Askers
    from worldgen.lm.editors.learned.network import LearnedOptimizer

ITS_OWN: Final = (CASES, HELD_OUT, REQUESTS)
"""The stages that a training may need and that not every system's runs have."""
OPTIMIZER_FILES: Final = ("checkpoint-*", "best/*", "final/*", "training.parquet")
GROUPS: Final = ("all", "downstream_changes")
"""The cases whose scores the selection score is the mean of, as in tuning."""


def rational_training(run: Run, method: Method) -> Stage:
    """Returns the stage in which the optimizer is trained; a half-trained one goes on."""
    of_sources = run.config.sources.reliabilities
    return Stage(
        f"optimizers/{method.name}",
        partial(_train, method=method),
        OPTIMIZER_FILES,
        settings=("seed", "model_seed", *method.settings, *(("trust.prior", "trust.weight") if of_sources else ())),
        reads=(WORLD, AGENT, TOKENS, CASES, HELD_OUT, LM, *((REQUESTS,) if of_sources else ())),
        resumes=True,
    )


def _train(run: Run, folder: Path, method: Method) -> Mapping[str, Any]:
    """Trains on drawn requests; the optimizer that scores best on held-out cases is the result."""
    from worldgen.evaluate.stages.workbench import workbench_of
    from worldgen.evaluate.teaching.lessons import Lessons, training_subjects
    from worldgen.lm.editors.learned.taught.marking import taught_side_by_side
    from worldgen.lm.editors.learned.training import Course, Observers, train

    bench = workbench_of(run, method, folder, run.folder / HELD_OUT.name)
    config = bench.settings
    assert isinstance(config, RationalConfig)
    benchmark = load_cases(run.folder / CASES.name / "cases.parquet")
    subjects = training_subjects(bench.world, [*benchmark, *bench.cases], _asked_about_by_sources(run, bench.world))
    lessons = Lessons(
        bench.world, bench.agent(), bench.model, bench.tokenizer, subjects, run.config.cases, config, bench.seed,
        _askers(run, bench.world),
    )  # fmt: skip
    course = Course(lessons.of_step, lambda network: taught_side_by_side(bench.model, bench.tokenizer, network, config))
    observers = Observers(_Validation(run, bench, method.name).marks, run.quiet)
    train(bench.model, course, config, bench.seed, folder, observers)
    return {"training_subjects": len(subjects), "updates": config.updates, "validated on": len(bench.cases)}


def _askers(run: Run, world: World) -> Askers | None:
    """Returns those who make the requests of lessons; None in a world without sources."""
    from worldgen.evaluate.teaching.lessons import Askers

    if not len(world.sources):
        return None
    return Askers(nobody(world) + 1, judge(run), partial(tagged_prompt, world), float(run.config.trust.weight))


def _asked_about_by_sources(run: Run, world: World) -> frozenset[int]:
    """Returns the subjects that a model is asked about after the requests of sources."""
    if not len(world.sources):
        return frozenset()
    cases = load_source_cases(run.folder / REQUESTS.name / CASES_FILE)
    facts = np.array([fact for case in cases for fact in (case.fact, case.other_fact)], dtype=np.int64)
    return frozenset(world.subject[facts].tolist())


@dataclass(frozen=True)
class _Validation:
    """Edits for the held-out cases, one at a time, by an optimizer that is being trained."""

    run: Run
    bench: Workbench
    method: str

    def marks(self, network: LearnedOptimizer) -> dict[str, float]:
        """Returns the selection score of tuning, and its parts."""
        from worldgen.evaluate.asking.answers import AnswerReader
        from worldgen.evaluate.asking.measure import measure
        from worldgen.evaluate.testbed.case_trials import make_trials
        from worldgen.lm.editors.learned.learned_editor import LearnedEditor

        bench, cases = self.bench, self.run.folder / HELD_OUT.name
        assert isinstance(bench.settings, RationalConfig)
        editor = LearnedEditor(bench.settings, "single", bench.tokenizer, network, self.method)
        reader = AnswerReader(bench.tokenizer, bench.world.objects)
        trials = make_trials(bench.world, bench.cases, load_questions(cases / "probes.parquet"), 1, bench.seed)
        with TemporaryDirectory() as folder:
            files = ChunkedFiles(Path(folder), bench.edit.chunk_cases)
            measure(bench.model, editor, reader, trials, files, quiet=True)
            scores = score_folder(self.run, self.method, benchmark_of(self.run, cases), Path(folder))
        parts = {group: parts_of(scores.groups[group].post) for group in GROUPS}
        marks = {f"{group}/{name}": _number(value) for group, own in parts.items() for name, value in own.items()}
        return {"score": _number(selection_score(parts.values()))} | marks


def _number(value: float | None) -> float:
    """Returns a score, or no number where there is none."""
    return float("nan") if value is None else value
