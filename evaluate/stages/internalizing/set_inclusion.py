"""Set inclusion from scratch, in two stages (paper, appendix D)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from transformers import PreTrainedModel

from worldgen.evaluate.internalizing.dataset import Dataset
from worldgen.evaluate.internalizing.subsets import TABLE_3
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.stages.internalizing.experiment import Experiment, Source


def _data(run: Run, fractions: Mapping[str, float], seed: int) -> Dataset:
    from worldgen.evaluate.internalizing.inclusion_data import inclusion_data

    return inclusion_data(run.config.internalize, run.config.set_inclusion, fractions, seed)


def _model(run: Run, data: Dataset, seed: int) -> PreTrainedModel:
    from worldgen.lm.staged.models import Shape, new_neox

    sizes = run.config.set_inclusion
    shape = Shape(sizes.hidden, sizes.intermediate, sizes.layers, sizes.heads)
    return new_neox(shape, len(data.vocabulary), sizes.list_length + 4, seed)


def _check(run: Run, fractions: Mapping[str, float]) -> None:
    from worldgen.evaluate.internalizing.inclusion_data import task_of

    task_of(run.config.internalize, run.config.set_inclusion, fractions, np.random.default_rng(0))


SET_INCLUSION = Source("set-inclusion", TABLE_3, _data, _model, _check, settings=("set_inclusion",))
EXPERIMENT = Experiment("set-inclusion", "Two stages from scratch: is x in the set?", SET_INCLUSION)
