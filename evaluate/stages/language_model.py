"""The stages of the language model: trained and examined, compared with the agent, traced."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from worldgen.arrays import Ids
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, make_stage
from worldgen.evaluate.stages.world import AGENT, TOKENS, WORLD
from worldgen.randomness import generator
from worldgen.storage.files import read_columns, write_table
from worldgen.storage.manifests import read_manifest

if TYPE_CHECKING:
    from worldgen.lm.training.trainer import Execution
    from worldgen.worlds.world import World

TRUTHS = "truths.parquet"


def _train(run: Run, folder: Path, execution: Execution | None = None, tensorboard: bool = False) -> Mapping[str, Any]:
    """Trains the model, examined on the way; a half-trained one goes on from its last checkpoint.

    Returns its size and its marks over all facts of the world. RUN/lm/truths.parquet is p("truth." | "s r") of each.
    """
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.evaluate.stages.scalars import Scalars
    from worldgen.evaluate.testbed.examination import examination_about, examine
    from worldgen.lm.model import count_parameters, load_model
    from worldgen.lm.tokenizer import load_tokenizer
    from worldgen.lm.training.pretrain import Observers, TokenizedCorpus, pretrain
    from worldgen.lm.training.trainer import Execution

    config = run.config
    world, tokenizer = load_world(run.folder), load_tokenizer(run.folder / TOKENS.name / "tokenizer")
    reader = AnswerReader(tokenizer, world.objects)
    asked = examination_about(world, examined_facts(run, world), config.seed)

    def marks_of(model: Any) -> dict[str, Any]:
        examined = examine(model, reader, asked)
        return examined.marks | {"truth_probabilities": examined.truth_probabilities.tolist()}

    scalars = Scalars(run.folder / "logs" / "tensorboard") if tensorboard else None
    with closing(scalars) if scalars else nullcontext():
        pretrain(
            config.pretrain, config.training_seed, TokenizedCorpus(run.folder / TOKENS.name, tokenizer), folder,
            replace(execution or Execution(), device=run.torch_device),
            Observers(marks_of, scalars.add if scalars else None, run.quiet),
        )  # fmt: skip
    if is_helper():
        return {}
    model = load_model(folder / "final", run.torch_device)
    examined = examine(model, reader, examination_about(world, _all_facts(world), config.seed))
    write_table(folder / TRUTHS, {"probability": examined.truth_probabilities})
    return {"parameters": count_parameters(model)} | examined.marks


LM = Stage(
    "lm", _train, ("checkpoint-*", "final/*", "training.parquet", TRUTHS),
    settings=("seed", "model_seed", "pretrain"), reads=(WORLD, TOKENS), resumes=True,
)  # fmt: skip


def trained_by(execution: Execution, tensorboard: bool) -> Stage:
    """The stage of the model, carried out in a given way, which decides no result."""
    return replace(LM, make=partial(_train, execution=execution, tensorboard=tensorboard))


def is_helper() -> bool:
    """Returns whether this is one of torchrun's processes, but not the first, which keeps the run folder."""
    return os.environ.get("RANK", "0") != "0"


def help_training(run: Run, execution: Execution) -> None:
    """Trains with the first process, which carries out the stage; does nothing where the model is there."""
    if read_manifest(run.folder / LM.name) is None:
        _train(replace(run, quiet=True), run.folder / LM.name, execution)


def examined_facts(run: Run, world: World) -> Ids:
    """Returns the facts that the model is asked about while it is trained: `pretrain.evaluation_facts` of them."""
    order = generator(run.config.seed, "recall").permutation(len(world))
    return order[: run.config.pretrain.evaluation_facts].astype(np.int32)


def _all_facts(world: World) -> Ids:
    return np.arange(len(world), dtype=np.int32)


def _compare_with_agent(run: Run, folder: Path) -> Mapping[str, Any]:
    """Compares the model's p("truth." | "s r") with the agent's credence, while it was trained and at the end.

    Writes coherence.parquet: the mean absolute error at every evaluation of the training.
    """
    from worldgen.evaluate.testbed.examination import coherence_error, credences_in_truths

    world = load_world(run.folder)
    agent = load_agent(run.folder, world, run.config.agent)
    history = pd.read_parquet(run.folder / LM.name / "training.parquet")
    evaluated = history.dropna(subset=["truth_probabilities"]) if "truth_probabilities" in history else history[:0]
    some = credences_in_truths(world, agent, examined_facts(run, world))
    errors = [coherence_error(np.asarray(said), some) for said in evaluated.get("truth_probabilities", ())]
    columns = {name: evaluated[name].to_numpy() for name in ("step", "tokens") if name in evaluated}
    write_table(folder / "coherence.parquet", columns | {"coherence_error": np.array(errors, dtype=np.float64)})
    at_the_end = read_columns(run.folder / LM.name / TRUTHS)["probability"]
    everything = credences_in_truths(world, agent, _all_facts(world))
    return {"coherence_error": coherence_error(at_the_end, everything)}


EXAM = Stage(
    "exam", _compare_with_agent, ("coherence.parquet",), settings=("agent",), reads=(WORLD, AGENT, LM), cheap=True
)


def pretrain(run: Run, execution: Execution, tensorboard: bool) -> None:
    """Trains the model on the corpus that was built, and compares it with the agent."""
    if is_helper():
        help_training(run, execution)
        return
    make_stage(run, trained_by(execution, tensorboard))
    make_stage(run, EXAM)


def _trace(run: Run, folder: Path) -> Mapping[str, Any]:
    """Finds where the model's knowledge of facts is read out."""
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.evaluate.methods.tracing import save_effects, strongest_mlp, trace_facts
    from worldgen.lm.model import load_model
    from worldgen.lm.tokenizer import load_tokenizer

    world = load_world(run.folder)
    reader = AnswerReader(load_tokenizer(run.folder / TOKENS.name / "tokenizer"), world.objects)
    model = load_model(run.folder / LM.name / "final", run.torch_device)
    effects = trace_facts(model, reader, world, run.config.trace, run.config.seed, run.quiet)
    save_effects(folder, effects)
    strongest = strongest_mlp(effects)
    return {"facts": effects["fact"].nunique(), "token": strongest.token, "layer": strongest.layer}


TRACE = Stage("trace", _trace, ("effects.parquet",), settings=("seed", "trace"), reads=(WORLD, TOKENS, LM))


def make_with_trace(run: Run, stage: Stage) -> None:
    """Makes a stage of edits; traces the model before, where the method goes where tracing sends it."""
    if TRACE in stage.reads:
        make_stage(run, TRACE)
    make_stage(run, stage)
