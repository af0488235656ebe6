"""Training of a learned optimizer: AdamW on phi, a linearly falling learning rate (Hase et al., 2021, supplement B).

The result is a function of (model, points, config, seed, what `validate` returns). On a CPU an interrupted training
goes on to the bit. The model is in eval mode, and none of its weights moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import torch
from safetensors.torch import load_file
from torch import nn
from tqdm import tqdm
from transformers import MistralForCausalLM, PreTrainedModel

from worldgen.errors import UserError
from worldgen.lm.editors.learned.constrained import constraint_of
from worldgen.lm.editors.learned.learning import Learner
from worldgen.lm.editors.learned.network import LearnedOptimizer, new_network
from worldgen.lm.editors.learned.one_at_a_time import OneAtATime
from worldgen.lm.editors.learned.saved import WEIGHTS, save_optimizer
from worldgen.lm.editors.learned.settings import LearnedConfig, TrainingConfig
from worldgen.lm.editors.learned.side_by_side import side_by_side
from worldgen.lm.editors.learned.updates import DrawnUpdates, TrainingPoint, Update, check_points
from worldgen.lm.editors.restoring import restored
from worldgen.lm.training.checkpoint import (
    Position,
    latest_checkpoint,
    load_checkpoint,
    remove_partial,
    save_checkpoint,
)
from worldgen.lm.training.saving import HISTORY, write_history

Lesson = TypeVar("Lesson")
Network = TypeVar("Network", bound=nn.Module)
Validate = Callable[[Network], dict[str, float]]
FINAL, BEST = "final", "best"
CHECKPOINTS_KEPT = 2


@dataclass(frozen=True)
class Observers(Generic[Network]):
    """Who follows a training."""

    validate: Validate[Network] | None = None
    """Returns marks of the optimizer, `score` among them: the optimizer with the highest score is the result. The
    constrained objective needs `success` too."""
    quiet: bool = False
    """Whether the training shows no progress bar."""


@dataclass(frozen=True)
class Course(Generic[Lesson, Network]):
    """The subject of a training, and whom it is taught to."""

    of_step: Callable[[int], Sequence[Sequence[Lesson]]]
    """Returns the sequences of the step with this number, counted from 0: a function of the number alone."""
    network: Callable[[int], Network]
    """Returns the untrained network, a function of a seed."""
    learner: Callable[[Network], Learner[Lesson]]
    """Returns what finds the network's gradient."""
    save: Callable[[Network, Path], None]
    """Writes the network to a folder, which is complete or does not exist; its weights are in the file WEIGHTS."""


def train_optimizer(
    model: PreTrainedModel,
    points: Sequence[TrainingPoint],
    config: LearnedConfig,
    seed: int,
    out: Path,
    observers: Observers[LearnedOptimizer] = Observers(),  # frozen
) -> None:
    """Trains an optimizer for the model on updates of points, as `train` does.

    Raises UserError for points that cannot be used.
    """
    check_points(points, config)
    course = Course(
        DrawnUpdates(points, config, seed).of_step, partial(new_network, model, config),
        lambda network: learner_of(model, network, config),
        lambda network, folder: save_optimizer(network, config, folder),
    )  # fmt: skip
    train(model, course, config, seed, out, observers)


def train(
    model: PreTrainedModel, course: Course[Lesson, Network], config: TrainingConfig, seed: int, out: Path,
    observers: Observers[Network],
) -> None:  # fmt: skip
    """Trains an optimizer for the model; writes out/final and out/training.parquet.

    Goes on from the latest checkpoint in `out` if there is one. Raises UserError for a training whose loss or gradient
    is not finite.
    """
    remove_partial(out)
    with restored(model), torch.random.fork_rng(devices=[]):
        model.eval().requires_grad_(False)
        training = _Training(course, config, course.network(seed), out)
        position = training.position
        bar = tqdm(total=config.optimizer_steps, initial=position.step, unit="step", disable=observers.quiet)
        with closing(bar):
            while position.step < config.optimizer_steps:
                row = training.step(course.of_step(position.step))
                if observers.validate and _is_validated(config, position.step):
                    row |= training.marks(observers.validate)
                training.end_step(row)
                bar.update()
                bar.set_postfix(loss=f"{row['loss']:.3f}", refresh=False)
        training.finish()


def learner_of(model: PreTrainedModel, network: LearnedOptimizer, config: LearnedConfig) -> Learner[Update]:
    """Returns the fast way to learn for a model of our own kind, else the one for any model."""
    if isinstance(model, MistralForCausalLM):
        plain = model.config.sliding_window is None and not model.config.tie_word_embeddings
        if plain:
            return side_by_side(model, network, config)
    return OneAtATime(model, network, config)


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Returns the rate of the step with this number, counted from 0: linearly up to the warm-up's end, then to 0."""
    warm, steps = config.warmup_steps, config.optimizer_steps
    share = step / warm if step < warm else (steps - step) / (steps - warm)
    return config.learning_rate * share


class _Training(Generic[Lesson, Network]):
    """A training on its way: the network, its optimizer, and how far they have come."""

    def __init__(self, course: Course[Lesson, Network], config: TrainingConfig, network: Network, out: Path) -> None:
        self.config, self.network, self.out, self.save = config, network, out, course.save
        rate, decay = config.learning_rate, config.weight_decay
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay, fused=True)
        checkpoint = latest_checkpoint(out)
        self.position = load_checkpoint(checkpoint, network, self.optimizer) if checkpoint else Position()
        self.constraint = constraint_of(config, self.position.history)
        self.learner = course.learner(network)

    def step(self, updates: Sequence[Sequence[Lesson]]) -> dict[str, float]:
        """Takes a step on these updates; the clipped norm is that of phi alone. Returns the history's row of the step.

        Raises UserError if the loss or the gradient is not finite; then nothing has moved.
        """
        parameters, constraint = list(self.network.parameters()), self.constraint
        self.optimizer.zero_grad(set_to_none=True)
        row = {"step": self.position.step + 1, **asdict(constraint)}
        row |= asdict(self.learner.learn(updates, constraint.price))
        row["loss"] = row["taught"] + constraint.price * (row["kept"] - constraint.margin)
        row["learning_rate"] = learning_rate(self.config, self.position.step)
        row["gradient_norm"] = torch.nn.utils.clip_grad_norm_(parameters, self.config.gradient_clip).item()
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(row[name]):
                raise UserError(
                    f"the optimizer's {name.replace('_', ' ')} is {row[name]} at step {row['step']}: "
                    "lower its learning_rate (the last checkpoint is kept)"
                )
        self.optimizer.param_groups[0]["lr"] = row["learning_rate"]
        self.optimizer.step()
        self.position.step += 1
        return row

    def marks(self, validate: Validate[Network]) -> dict[str, float]:
        """Returns the marks that the optimizer gets now; keeps it if none before had a higher score."""
        marks = validate(self.network)
        scores = [row["score"] for row in self.position.history if "score" in row]
        if not marks["score"] < max(scores, default=-math.inf):  # a score that is no number comes first too
            self.save(self.network, self.out / BEST)
        return marks

    def end_step(self, row: dict[str, float]) -> None:
        """Writes the row down, and a checkpoint when it is due."""
        self.position.history.append(row)
        self.constraint = self.constraint.after(row, self.config)
        if self.position.step % self.config.checkpoint_steps == 0:
            write_history(self.position, self.out / HISTORY)
            save_checkpoint(self.out, self.network, self.optimizer, self.position, CHECKPOINTS_KEPT)

    def finish(self) -> None:
        """Writes the history, and as the result the best optimizer, or the last one where none was validated."""
        write_history(self.position, self.out / HISTORY)
        if any("score" in row for row in self.position.history):
            self.network.load_state_dict(load_file(self.out / BEST / WEIGHTS))
        self.save(self.network, self.out / FINAL)


def _is_validated(config: TrainingConfig, steps: int) -> bool:
    """Returns whether one of the evenly spaced validations comes after so many steps."""
    reached = [step * config.validations // config.optimizer_steps for step in (steps - 1, steps)]
    return reached[0] < reached[1]
