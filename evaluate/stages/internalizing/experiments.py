"""All experiments by name."""

from __future__ import annotations

from typing import Final

from worldgen.evaluate.stages.internalizing import alpha, batch_size, new_tag, order, set_inclusion, single_stage

EXPERIMENTS: Final = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (set_inclusion, single_stage, new_tag, alpha, order, batch_size)
}
