"""X1 and X2 together, in one stage (paper, appendix C.5)."""

from __future__ import annotations

from worldgen.evaluate.internalizing.settings import InternalizeConfig
from worldgen.evaluate.stages.internalizing.experiment import Experiment
from worldgen.evaluate.stages.internalizing.set_inclusion import SET_INCLUSION


def in_one_stage(config: InternalizeConfig) -> InternalizeConfig:
    """Returns the settings with both stages together, for the epochs and at the rate of the first."""
    return config.model_copy(update={"stages": "one"})


EXPERIMENT = Experiment(
    "single-stage",
    "Both stages together, from scratch.",
    SET_INCLUSION,
    lambda config: {"one stage": in_one_stage(config)},
)
