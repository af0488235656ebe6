"""Definitions by a tag that only stage 2 has (the paper's D8), beside D5 and D6."""

from __future__ import annotations

from worldgen.evaluate.internalizing.settings import InternalizeConfig
from worldgen.evaluate.stages.internalizing.experiment import Experiment
from worldgen.evaluate.stages.internalizing.set_inclusion import SET_INCLUSION


def _variants(config: InternalizeConfig) -> dict[str, InternalizeConfig]:
    changes = ("d1=.35", "d2=.35", "d5=.1", "d6=.1", "d8=.1")
    return {"new tag": config.model_copy(update={"fractions": changes})}


EXPERIMENT = Experiment("new-tag", "Definitions by a tag that only stage 2 has.", SET_INCLUSION, _variants)
