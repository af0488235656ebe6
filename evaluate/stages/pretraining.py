"""The pretraining of a run's model: the loop of `pretrain`, examined on the world by the agent's side."""

from __future__ import annotations

import os
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.stages.scalars import Scalars
from worldgen.evaluate.testbed.examination import examination_about, examine
from worldgen.lm.model import count_parameters, load_model
from worldgen.lm.tokenizer import load_tokenizer
from worldgen.lm.training.pretrain import Observers, TokenizedCorpus, pretrain
from worldgen.lm.training.trainer import Execution
from worldgen.randomness import generator
from worldgen.storage.manifests import read_manifest


def train(
    run_folder: Path, config: RunConfig, device: str, quiet: bool, execution: Execution | None, tensorboard: bool
) -> dict[str, Any]:
    """Train RUN/lm/final, examined on the way; returns its size and its marks over all facts of the world."""
    world, tokenizer = load_world(run_folder), load_tokenizer(run_folder / "tokens" / "tokenizer")
    agent, reader = load_agent(run_folder, world, config.agent), AnswerReader(tokenizer, world.objects)
    some = generator(config.seed, "recall").permutation(len(world))[: config.pretrain.evaluation_facts].astype(np.int32)
    asked = examination_about(world, agent, some, config.seed)
    scalars = Scalars(run_folder / "logs" / "tensorboard") if tensorboard else None
    with closing(scalars) if scalars else nullcontext():
        pretrain(
            config.pretrain, config.seed, TokenizedCorpus(run_folder / "tokens", tokenizer), run_folder / "lm",
            replace(execution or Execution(), device=device),
            Observers(lambda model: examine(model, reader, asked), scalars.add if scalars else None, quiet),
        )  # fmt: skip
    if is_helper():
        return {}
    model = load_model(run_folder / "lm" / "final", device)
    everything = examination_about(world, agent, np.arange(len(world), dtype=np.int32), config.seed)
    return {"parameters": count_parameters(model)} | examine(model, reader, everything)


def is_helper() -> bool:
    """Whether this is one of torchrun's processes, but not the first, which keeps the run folder."""
    return os.environ.get("RANK", "0") != "0"


def help_training(run_folder: Path, config: RunConfig, device: str, execution: Execution | None) -> None:
    """What a helper does while the first process carries out the stage: the same training, unless it is done."""
    if read_manifest(run_folder / "lm") is None:
        train(run_folder, config, device, True, execution, tensorboard=False)
