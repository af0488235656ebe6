"""Editing towards a rational agent: low-rank adapters learn what follows from a request, and what does not.

A teacher turns an edition's requests into sheets, one for each step: soft targets for the request and its
neighbourhood, and beliefs that should stay (`lessons`, `batch_loss`). This is no method of the paper's. Its cost
is that of the gradient steps and of what the teacher asks the model before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, rounds
from worldgen.lm.editors.belief.batch_loss import BatchLoss
from worldgen.lm.editors.belief.preservation import PreservationLoss
from worldgen.lm.editors.belief.targets import TargetBatch
from worldgen.lm.editors.counting import operations_counter
from worldgen.lm.editors.lowrank.adapter_training import adapted
from worldgen.lm.editors.lowrank.adapters import Adapters
from worldgen.lm.editors.lowrank.layers import Layers, gradients_of, leaves_of
from worldgen.lm.editors.lowrank.text_cost import TextCost
from worldgen.lm.editors.rewriting.key_covariance import whitening_map
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.editors.stacked_adamw import StackedAdamW
from worldgen.lm.texts import texts_of

LAST_RATE = 0.1  # the learning rate falls linearly to this share of itself


class Teacher(Protocol):
    """Who knows what follows from requests."""

    def batches(self, model: MistralForCausalLM, edition: Edition, turn: int) -> list[TargetBatch]:
        """What the edition shall learn in this turn (see `rounds`), a sheet for each step."""


@dataclass(frozen=True)
class Belief:
    """The editor: its size and its steps are `config`'s; adapters are kept in a folder where one is given.

    `covariances` are those of each layer's keys in the corpus, [I, I]: the adapters read keys that are whitened by
    them, and are held to change little of what the layers say to such keys (`worldgen.lm.editors.belief.preservation`).
    """

    config: BeliefConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    teacher: Teacher
    covariances: Sequence[torch.Tensor]
    adapters: Path | None = None
    name: str = "belief"
    _cost: TextCost = field(default_factory=TextCost, repr=False, compare=False)

    def at_once(self, editions: Sequence[Edition]) -> int:
        """As many as the config says, fewer by as much as they have requests in a turn: a sheet grows with them."""
        most = max(len(part) for edition in editions for part in rounds(self.mode, edition))
        return max(1, self.config.editions_at_once // most)

    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> AbstractContextManager[Edited]:
        """The model with each edition's adapters in it; without them again afterwards."""
        learn = partial(self._learn, model)
        return adapted(model, self.config, self.mode, editions, self.adapters, learn, self._maps, anew=True)

    @cached_property
    def _maps(self) -> list[torch.Tensor]:
        """What whitens the keys of each layer."""
        return [whitening_map(C, self.config.ridge).float() for C in self.covariances]

    def _learn(
        self, model: MistralForCausalLM, adapters: Adapters, earlier: Sequence[Layers], editions: Sequence[Edition],
        turn: int,
    ) -> list[Cost]:  # fmt: skip
        """Each edition learns its sheets, one a step, its weights changed in place."""
        config, leaves = self.config, leaves_of(adapters.layers())
        taught, asking = zip(*(self._taught(model, edition, turn) for edition in editions), strict=True)
        disturbance = PreservationLoss(model, self.covariances, adapters.scale)
        restraint = self._restraint(editions, turn).to(adapters.weights)
        optimizer = StackedAdamW(adapters.weights, config.learning_rate, config.gradient_clip)
        everyone = torch.ones(len(editions), dtype=torch.bool, device=adapters.weights.device)
        losses: list[torch.Tensor] = []
        for step, sheets in enumerate(zip(*taught, strict=True)):
            exercise = BatchLoss(model, self.tokenizer, sheets, adapters, earlier)
            with torch.enable_grad():
                layers = adapters.merged(leaves)
                loss = exercise.losses(layers) + restraint * disturbance.of(layers)
                gradients = gradients_of(loss.sum(), leaves)
            optimizer.learning_rate = config.learning_rate * (1 - (1 - LAST_RATE) * step / config.steps)
            optimizer.step(gradients, everyone)
            losses.append(loss.detach())
        by_edition = torch.stack(losses, dim=1).tolist() if losses else [[]] * len(editions)
        holding = _operations(disturbance, adapters) // len(editions)
        rank = sum(A.shape[1] for (A, _), *_ in earlier)
        flops = [asked + self._flops(model, mine, rank, holding) for asked, mine in zip(asking, taught, strict=True)]
        return [Cost(tuple(mine), operations) for mine, operations in zip(by_edition, flops, strict=True)]

    def _restraint(self, editions: Sequence[Edition], turn: int) -> torch.Tensor:
        """What each edition's disturbance counts, [E]: r requests share a sheet, and disturb r times as much as one."""
        requests = [len(rounds(self.mode, edition)[turn]) for edition in editions]
        return self.config.restraint / torch.tensor(requests)

    def _taught(self, model: MistralForCausalLM, edition: Edition, turn: int) -> tuple[list[TargetBatch], int]:
        """An edition's sheets, and the operations of what the teacher asked the model."""
        with operations_counter() as counter:
            sheets = self.teacher.batches(model, edition, turn)
        return sheets, counter.get_total_flops()

    def _flops(self, model: MistralForCausalLM, sheets: Sequence[TargetBatch], earlier: int, holding: int) -> int:
        """The operations of a step on each sheet: on its texts, habits once more, and what holds the adapters."""
        lessons = [pair for sheet in sheets for lesson, _ in sheet.weighted_soft_targets() for pair in lesson.pairs]
        habits = [pair for sheet in sheets for habit in sheet.retention_targets for pair in habit.pairs]
        learned, kept = (
            [self._cost.of(model, self.config, text, earlier) for text in texts_of(self.tokenizer, pairs)]
            for pairs in (lessons, habits)
        )
        texts = sum(each.once + each.step for each in [*learned, *kept]) + sum(each.forward for each in kept)
        return texts + len(sheets) * holding


def _operations(disturbance: PreservationLoss, adapters: Adapters) -> int:
    """Those of merging all editions' maps, of their disturbance and of the way back."""
    leaves = leaves_of(adapters.layers())
    with torch.enable_grad(), operations_counter() as counter:
        gradients_of(disturbance.of(adapters.merged(leaves)).sum(), leaves)
    return counter.get_total_flops()
