"""The batch size, in one stage until convergence (paper, section 3.3, figure 4c)."""

from __future__ import annotations

from typing import Final

from worldgen.evaluate.internalizing.settings import InternalizeConfig
from worldgen.evaluate.stages.internalizing.experiment import Experiment
from worldgen.evaluate.stages.internalizing.set_inclusion import SET_INCLUSION
from worldgen.evaluate.stages.internalizing.single_stage import in_one_stage

EPOCHS_BY_FACTOR: Final = {0.25: 1, 1: 1, 4: 2, 16: 3}
"""How many times the epochs a batch gets that is so many times as large; the paper's table from 256 on, rounded."""


def _variants(config: InternalizeConfig) -> dict[str, InternalizeConfig]:
    found = {}
    for factor, times in EPOCHS_BY_FACTOR.items():
        batch = max(1, round(factor * config.batch))
        changes = {"batch": batch, "epochs": times * config.epochs}
        found[f"batch {batch}"] = in_one_stage(config).model_copy(update=changes)
    return found


EXPERIMENT = Experiment("batch-size", "The batch size, in one stage until convergence.", SET_INCLUSION, _variants)
