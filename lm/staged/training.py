"""Training in stages: every stage has sequences of its own, and begins with a new optimizer.

What is seen, and in which order, is a function of (sequences, plan); so are all bytes, on a CPU.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from worldgen.lm.data import epoch_order
from worldgen.lm.staged.attention import BY_LENGTH
from worldgen.lm.staged.optimizers import new_optimizer, rate_at
from worldgen.lm.staged.passes import mean_loss
from worldgen.lm.staged.sequences import Row, Sequences
from worldgen.lm.staged.settings import Decay, OptimizerName
from worldgen.lm.training.checkpoint import (
    Position,
    checkpoints,
    latest_checkpoint,
    load_checkpoint,
    remove_partial,
    save_checkpoint,
)


class StagePlan(NamedTuple):
    """How long a stage is, and at which rate it learns."""

    epochs: int
    learning_rate: float


@dataclass(frozen=True)
class Plan:
    """How a model is trained on the sequences of some stages."""

    stages: tuple[StagePlan, ...]
    batch: int
    """Sequences of a step."""
    optimizer: OptimizerName
    weight_decay: float
    gradient_clip: float
    decay: Decay
    seed: int
    """Decides the order of the sequences in every epoch."""
    checkpoint_epochs: int = 1
    """A checkpoint is written every so many epochs; it changes no result."""

    @property
    def epochs(self) -> int:
        """The number of epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)


class Moment(NamedTuple):
    """A moment of a training: after so many epochs of a stage. Before the training it is (0, 0)."""

    stage: int
    epoch: int
    is_last: bool
    """Whether the stage ends here; also before the first stage."""


Observe = Callable[[PreTrainedModel, Moment], list[dict[str, float]]]
"""Looks at the model at a moment; returns rows for the history."""


def train(
    model: PreTrainedModel, stages: Sequence[Sequences], plan: Plan, folder: Path, observe: Observe, quiet: bool
) -> list[dict[str, float]]:
    """Trains the model in place, stage after stage; returns the rows of all observations.

    It goes on after the last epoch whose checkpoint is in `folder`, and leaves no checkpoint behind.
    """
    assert len(stages) == len(plan.stages)
    model.set_attn_implementation(BY_LENGTH)
    moments = list(_moments(plan))
    remove_partial(folder)
    position, optimizer = Position(), new_optimizer(plan.optimizer, model, plan.weight_decay)
    if found := latest_checkpoint(folder):
        position = load_checkpoint(found, model, optimizer)
    else:
        position.history = observe(model.eval(), Moment(0, 0, True))
    with tqdm(total=len(moments), initial=position.step, unit="epoch", disable=quiet) as bar:
        for moment in moments[position.step :]:
            if moment.epoch == 1:
                optimizer = new_optimizer(plan.optimizer, model, plan.weight_decay)
            loss = _train_epoch(model, optimizer, stages[moment.stage], plan, moment, position.step)
            position = replace(position, step=position.step + 1)
            position.history += observe(model.eval(), moment)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()
            if position.step % plan.checkpoint_epochs == 0 and position.step < len(moments):
                save_checkpoint(folder, model, optimizer, position, keep=1)
    for old in checkpoints(folder):
        shutil.rmtree(old)
    return position.history


def _moments(plan: Plan) -> Iterator[Moment]:
    for number, stage in enumerate(plan.stages):
        yield from (Moment(number, epoch, epoch == stage.epochs) for epoch in range(1, stage.epochs + 1))


def _train_epoch(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    sequences: Sequences,
    plan: Plan,
    moment: Moment,
    epochs_before: int,
) -> float:
    """Takes the steps of one epoch; returns the loss of the last one."""
    stage = plan.stages[moment.stage]
    order = epoch_order(len(sequences), plan.seed, epochs_before)
    firsts = range(0, len(order), plan.batch)
    steps_before, device = (moment.epoch - 1) * len(firsts), str(model.device)
    model.train()
    for step, first in enumerate(firsts, steps_before):
        row = Row.of(sequences.where(order[first : first + plan.batch]), device)
        rate = rate_at(step, stage.epochs * len(firsts), stage.learning_rate, plan.decay)
        loss = take_step(model, optimizer, row, rate, plan.gradient_clip)
    return float(loss)


def take_step(
    model: PreTrainedModel, optimizer: torch.optim.Optimizer, row: Row, rate: float, gradient_clip: float
) -> torch.Tensor:
    """Takes one step; returns the loss before it, on the model's device."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = mean_loss(model, row)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()
