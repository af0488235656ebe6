"""One seed of one variant: data, training in stages, an examination after every epoch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from worldgen.evaluate.internalizing.settings import InternalizeConfig
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.stages.internalizing.experiment import Source
from worldgen.randomness import generator
from worldgen.storage.files import write_table

if TYPE_CHECKING:
    from worldgen.lm.staged.training import Plan

CURVES: Final = "curves.parquet"
ANSWERS: Final = "answers-*.parquet"


def seed_stage(source: Source, variant: str, seed: int) -> Stage:
    """Returns the stage; the settings of the variant are those of the run that it is made in."""
    return Stage(
        f"internalize/{source.name}/{variant.replace(' ', '-')}/seed-{seed}",
        partial(_train, source=source, seed=seed),
        (CURVES, ANSWERS, "checkpoint-*"),
        settings=("internalize", *source.settings),
        reads=source.reads,
        also=lambda _: {"internalize/seed": seed},
        resumes=True,
    )


def _train(run: Run, folder: Path, source: Source, seed: int) -> Mapping[str, Any]:
    import torch

    from worldgen.evaluate.internalizing.examination import Examination
    from worldgen.lm.staged.training import train

    config = run.config.internalize
    data = source.data(run, source.fractions, seed)
    model = source.model(run, data, seed)
    model.to(torch.device(run.torch_device))  # type: ignore[arg-type]  # transformers wraps the method
    examination = Examination.of(data, config.asked, folder, generator(seed, "internalize/asked"))
    sequences = [stage.sequences for stage in data.stages]
    rows = train(model, sequences, plan_of(config, len(sequences), seed), folder, examination.observe, run.quiet)
    write_table(folder / CURVES, examination.as_columns(rows))
    return {"parameters": sum(p.numel() for p in model.parameters()), "sequences": [len(each) for each in sequences]}


def plan_of(config: InternalizeConfig, stages: int, seed: int) -> Plan:
    """Returns the plan of a training in one or two stages."""
    from worldgen.lm.staged.training import Plan, StagePlan

    both = (
        StagePlan(config.epochs, config.learning_rate),
        StagePlan(config.second_epochs, config.second_learning_rate),
    )
    return Plan(
        both[:stages], config.batch, config.optimizer, config.weight_decay, config.gradient_clip, config.decay, seed,
        config.checkpoint_epochs,
    )  # fmt: skip
