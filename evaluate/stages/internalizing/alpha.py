"""How well a tag tells whether a definition is consistent (paper, section 3.3, figure 4a)."""

from __future__ import annotations

from typing import Final

from worldgen.evaluate.internalizing.settings import InternalizeConfig
from worldgen.evaluate.stages.internalizing.experiment import Experiment
from worldgen.evaluate.stages.internalizing.set_inclusion import SET_INCLUSION

ALPHAS: Final = (0.5, 0.75, 0.9, 1.0)


def _variants(config: InternalizeConfig) -> dict[str, InternalizeConfig]:
    return {f"alpha {alpha:g}": config.model_copy(update={"alpha": alpha}) for alpha in ALPHAS}


EXPERIMENT = Experiment("alpha", "How well a tag tells whether a definition is consistent.", SET_INCLUSION, _variants)
