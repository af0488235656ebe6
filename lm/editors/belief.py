"""Editing towards a rational agent: low-rank adapters learn what follows from a request, and what does not.

A teacher turns an edition's requests into sheets of lessons, soft targets for the request and its neighbourhood and
for beliefs that should stay; the sheets are learned from in turn, by their mean KL divergence (`lm.lessons`).
This is no method of the paper's. Its cost is that of the gradient steps and of what the teacher asks the model before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from lm.editors.adamw import StackedAdamW
from lm.editors.adapters import Adapters, leaves_of
from lm.editors.operations import operations_counter
from lm.editors.request import Cost, Edited, Edition, Mode
from lm.editors.turns import adapted
from lm.lessons import Lesson, Sheet
from worldgen.sections import BeliefConfig

LAST_RATE = 0.1  # the learning rate falls linearly to this share of itself


class Teacher(Protocol):
    """Who knows what follows from requests."""

    def sheets(self, model: MistralForCausalLM, edition: Edition, turn: int) -> list[list[Lesson]]:
        """What the edition shall learn in this turn (see `rounds`), on as many sheets for every edition and turn."""


@dataclass(frozen=True)
class Belief:
    """The editor: its size and its steps are `config`'s; adapters are kept in a folder where one is given.

    `maps` whiten the layers' keys, [I, I] each, see `lm.editors.memory.whitening_of`: the adapters read through them.
    """

    config: BeliefConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    teacher: Teacher
    maps: Sequence[torch.Tensor]
    adapters: Path | None = None
    name: str = "belief"

    def at_once(self, editions: Sequence[Edition]) -> int:
        """As many as the config says."""
        return self.config.editions_at_once

    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> AbstractContextManager[Edited]:
        """The model with each edition's adapters in it; without them again afterwards."""
        learn = partial(self._learn, model)
        return adapted(model, self.config, self.mode, editions, self.adapters, learn, self.maps)

    def _learn(
        self, model: MistralForCausalLM, adapters: Adapters, editions: Sequence[Edition], turn: int
    ) -> list[Cost]:
        """Each edition learns its sheets, one a step, its weights changed in place."""
        config, leaves = self.config, leaves_of(adapters)
        taught, asking = zip(*(self._taught(model, edition, turn) for edition in editions), strict=True)
        sheets = list(zip(*taught, strict=True))
        optimizer = StackedAdamW(adapters.weights, config.learning_rate, config.gradient_clip)
        everyone = torch.ones(len(editions), dtype=torch.bool, device=adapters.weights.device)
        losses: list[torch.Tensor] = []
        spent: dict[int, list[int]] = {}  # a sheet's operations, counted the first time that it is learned from
        for step in range(config.steps):
            number = step % len(sheets)
            with nullcontext() if number in spent else operations_counter() as counter:
                # Made anew each time: what it holds of the first layer is as large as all that a step needs.
                sheet = Sheet(model, self.tokenizer, sheets[number], adapters)
                gradients, loss = sheet.gradients(leaves)
            if counter:
                spent[number] = _shared_out(counter.get_total_flops(), sheet.tokens)
            optimizer.learning_rate = config.learning_rate * (1 - (1 - LAST_RATE) * step / config.steps)
            optimizer.step(gradients, everyone)
            losses.append(loss)
        steps = [spent[step % len(sheets)] for step in range(config.steps)]
        by_edition = torch.stack(losses, dim=1).tolist() if losses else [[]] * len(editions)
        flops = [sum(each) for each in zip(asking, *steps, strict=True)]
        return [Cost(tuple(mine), operations) for mine, operations in zip(by_edition, flops, strict=True)]

    def _taught(self, model: MistralForCausalLM, edition: Edition, turn: int) -> tuple[list[list[Lesson]], int]:
        """An edition's sheets, and the operations of what the teacher asked the model."""
        with operations_counter() as counter:
            sheets = self.teacher.sheets(model, edition, turn)
        return sheets, counter.get_total_flops()


def _shared_out(operations: int, tokens: Sequence[int]) -> list[int]:
    """Those of a batch, to its editions by the tokens that each of them read."""
    return [operations * mine // sum(tokens) for mine in tokens]
