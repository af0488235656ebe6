"""The order of tag, variable and entity in a definition (paper, section 3.3, figure 4b)."""

from __future__ import annotations

from typing import Final

from worldgen.evaluate.internalizing.settings import InternalizeConfig
from worldgen.evaluate.stages.internalizing.experiment import Experiment
from worldgen.evaluate.stages.internalizing.set_inclusion import SET_INCLUSION

ORDERS: Final = ("TAE", "ATE", "AET", "TEA", "ETA", "EAT")


def _variants(config: InternalizeConfig) -> dict[str, InternalizeConfig]:
    return {f"order {order}": config.model_copy(update={"order": order}) for order in ORDERS}


EXPERIMENT = Experiment("order", "The order of tag, variable and entity in a definition.", SET_INCLUSION, _variants)
