"""An experiment: where its sentences and its model come from, and how its variants change the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from transformers import PreTrainedModel

from worldgen.evaluate.internalizing.dataset import Dataset
from worldgen.evaluate.internalizing.settings import InternalizeConfig
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage


@dataclass(frozen=True)
class Source:
    """Where the sentences and the model of an experiment come from."""

    name: str
    fractions: Mapping[str, float]
    """The fraction of the variables that each subset has, before `internalize.fractions` and alpha."""
    data: Callable[[Run, Mapping[str, float], int], Dataset]
    """Makes the data of a seed."""
    model: Callable[[Run, Dataset, int], PreTrainedModel]
    """Makes, or loads, the model that a seed trains."""
    check: Callable[[Run, Mapping[str, float]], None]
    """Raises UserError where settings are impossible, before anything is written."""
    settings: tuple[str, ...]
    """The settings of its own."""
    reads: tuple[Stage, ...] = ()
    """The stages that `data` and `model` read."""


def as_set(config: InternalizeConfig) -> dict[str, InternalizeConfig]:
    """Returns the settings of the run as the only variant."""
    return {"as set": config}


@dataclass(frozen=True)
class Experiment:
    """One experiment. Its variants differ in settings; a variant that changes nothing is shared by all experiments."""

    name: str
    summary: str
    """One sentence, for help texts."""
    source: Source
    variants: Callable[[InternalizeConfig], dict[str, InternalizeConfig]] = as_set
    """The settings of each variant, by its name."""
