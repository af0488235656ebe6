"""Carries an experiment out, seed by seed and variant by variant, and puts its results together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, carry_out, make_stage
from worldgen.evaluate.stages.internalizing.experiment import Experiment
from worldgen.evaluate.stages.internalizing.seed_stage import CURVES, seed_stage
from worldgen.storage.files import write_table, write_text
from worldgen.storage.manifests import Inputs, read_manifest

RESULTS: Final = ("curves.parquet", "effects.csv", "effects.txt", "*.svg")


@dataclass(frozen=True)
class Trained:
    """A seed of a variant, and the run in whose settings it is made."""

    variant: str
    seed: int
    run: Run
    stage: Stage

    @property
    def folder(self) -> Path:
        """The folder of its stage."""
        return self.run.folder / self.stage.name


def internalize(run: Run, experiment: Experiment) -> Path:
    """Makes the first seed of every variant, then the next ones, then the results; returns the results' folder."""
    its = list(trainings(run, experiment))
    for each in its[: len(experiment.variants(run.config.internalize))]:  # one seed of every variant
        experiment.source.check(each.run, experiment.source.fractions)
    for each in its:
        carry_out(each.run, each.stage)
    results = results_stage(experiment)
    make_stage(run, results)
    return run.folder / results.name


def trainings(run: Run, experiment: Experiment) -> Iterator[Trained]:
    """Yields what an experiment trains. A variant that changes nothing has the folder "as-set" in every experiment."""
    base = run.config.internalize
    for seed in base.seeds:
        for name, config in experiment.variants(base).items():
            its = replace(run, config=run.config.model_copy(update={"internalize": config}))
            folder = "as-set" if config == base else name
            yield Trained(name, seed, its, seed_stage(experiment.source, folder, seed))


def results_stage(experiment: Experiment) -> Stage:
    """Returns the stage that puts the seeds that this run's settings name into tables and figures."""
    return Stage(
        f"internalize/results/{experiment.name}",
        partial(_put_together, experiment=experiment),
        RESULTS,
        settings=("seed", "score"),
        also=partial(_what_is_shown, experiment=experiment),
        cheap=True,
    )


def _what_is_shown(run: Run, experiment: Experiment) -> Inputs:
    """The hash of what each training was made of."""
    manifests = {trained.stage.name: read_manifest(trained.folder) for trained in trainings(run, experiment)}
    return {name: manifest.inputs_hash for name, manifest in manifests.items() if manifest}


def _put_together(run: Run, folder: Path, experiment: Experiment) -> Mapping[str, Any]:
    from worldgen.evaluate.internalizing.effects import Answers, effect_scores
    from worldgen.evaluate.internalizing.results import curves_with_rational, effects_table, effects_text
    from worldgen.evaluate.report.figures.internalization import draw_curves, draw_variants
    from worldgen.evaluate.report.figures.svg import svg_of
    from worldgen.evaluate.statistics.block_bootstrap import Resampling
    from worldgen.randomness import generator

    score = run.config.score
    resampling = Resampling(score.bootstrap_samples, score.confidence, "both")
    scores, curves = {}, []
    its = list(trainings(run, experiment))
    for variant in dict.fromkeys(trained.variant for trained in its):
        seeds = [trained for trained in its if trained.variant == variant]
        answers = [Answers.read(trained.folder) for trained in seeds]
        draw = generator(run.config.seed, f"internalize/{experiment.name}/{variant}")
        scores[variant] = effect_scores(answers, resampling, draw)
        for trained, each in zip(seeds, answers, strict=True):
            table = curves_with_rational(pd.read_parquet(trained.folder / CURVES), each)
            curves.append(table.assign(variant=variant, seed=trained.seed))
    whole = pd.concat(curves, ignore_index=True)
    write_table(folder / "curves.parquet", {name: whole[name].to_numpy() for name in whole})
    write_text(folder / "effects.csv", effects_table(scores).to_csv(index=False))
    write_text(folder / "effects.txt", effects_text(scores, score.confidence) + "\n")
    for variant in scores:
        name = f"curves-{variant.replace(' ', '-')}"
        some = whole[whole["variant"] == variant]
        write_text(folder / f"{name}.svg", svg_of(name, (9, 6), partial(draw_curves, curves=some)))
    if len(scores) > 1:
        write_text(
            folder / "variants.svg", svg_of("variants", (9, 3.5), partial(draw_variants, effects=effects_table(scores)))
        )
    return {"seeds": len(run.config.internalize.seeds), "variants": len(scores)}
