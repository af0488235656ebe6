"""LoRA (Hu et al., 2021) for many editions at once: each with its own adapters and optimizer, in one frozen model.

Paper, appendix A.4. Row e of a batch goes through the adapters of edition e alone, so that the gradient of the sum
of the editions' losses is each edition's own gradient; clipping, AdamW's moments and the early stop are an
edition's own too. It is `lora_reference` one at a time, to the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.nn import functional
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, Request, rounds
from worldgen.lm.editors.lowrank.adapter_training import adapted
from worldgen.lm.editors.lowrank.adapters import Adapters
from worldgen.lm.editors.lowrank.frozen_mistral import FrozenMistral
from worldgen.lm.editors.lowrank.layers import Layers, gradients_of, leaves_of
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.editors.lowrank.text_cost import TextCost
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.editors.stacked_adamw import StackedAdamW
from worldgen.lm.texts import Text, texts_of


@dataclass(frozen=True)
class Lora:
    """The editor. `mode` says how an edition's requests are made, `adapters` where they are saved, if at all."""

    config: LoraConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    adapters: Path | None = None
    name: str = "lora"
    _cost: TextCost = field(default_factory=TextCost, repr=False, compare=False)

    def at_once(self, editions: Sequence[Edition]) -> int:
        """As many as have at most `config.batch_tokens` tokens in one step, padding counted; or one."""
        longest = max(len(text.ids) for text in self._texts([request for e in editions for request in e.requests]))
        most = max(len(part) for edition in editions for part in rounds(self.mode, edition))
        return max(1, self.config.batch_tokens // (longest * most))

    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> AbstractContextManager[Edited]:
        """The model with each edition's adapters in it; without them again afterwards."""

        def learn(adapters: Adapters, _: Sequence[Layers], members: Sequence[Edition], turn: int) -> list[Cost]:
            parts = [rounds(self.mode, edition)[turn] for edition in members]
            return self._learn(model, adapters, [self._texts(part) for part in parts])

        return adapted(model, self.config, self.mode, editions, self.adapters, learn)

    def _texts(self, requests: Sequence[Request]) -> list[Text]:
        return texts_of(self.tokenizer, [(request.prompt, request.target) for request in requests])

    def _learn(self, model: MistralForCausalLM, adapters: Adapters, texts: list[list[Text]]) -> list[Cost]:
        """Each edition learns its texts, as one."""
        losses = _fit(model, adapters, self.config, texts)
        operations = [[self._cost.of(model, self.config, text) for text in said] for said in texts]
        return [
            Cost(mine, sum(each.once + len(mine) * each.step for each in spent))
            for mine, spent in zip(losses, operations, strict=True)
        ]


class _Task:
    """What some editions are to learn: the same texts at every step.

    Loss of edition e: the mean over its texts of the mean over the target's tokens t of
    -log p(t | all tokens before it).
    Shapes: E editions, B texts of them all, N asked tokens.
    """

    def __init__(self, model: MistralForCausalLM, adapters: Adapters, texts: list[list[Text]]) -> None:
        device = adapters.weights.device
        packing = pack([text for mine in texts for text in mine], device, one_group=device.type != "cpu")
        editions = [edition for edition, mine in enumerate(texts) for _ in mine]
        self.frozen = FrozenMistral(model, packing, adapters.scale)
        self.E = len(texts)
        self.editions = torch.tensor([editions[number] for number in packing.order], device=device)  # [B], row by row
        self.of_token = self.editions[packing.rows]  # [N]
        sizes = torch.bincount(self.editions)
        self.share = 1.0 / (torch.bincount(packing.rows)[packing.rows] * sizes[self.of_token])  # [N]

    def gradients(self, leaves: Layers) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradient of each edition's loss in its own adapters, [E, P], and -log p of every asked token, [N]."""
        packing = self.frozen.packing
        with torch.enable_grad():
            logits = self.frozen.logits(
                [(A.index_select(0, self.editions), B.index_select(0, self.editions)) for A, B in leaves]
            )
            token_losses = functional.cross_entropy(logits.float(), packing.targets, reduction="none")
            return gradients_of((token_losses * self.share).sum(), leaves), token_losses.detach()

    def losses(self, token_losses: torch.Tensor) -> torch.Tensor:
        """The loss of each edition, [E]."""
        zeros = torch.zeros(self.E, device=token_losses.device)
        return zeros.index_add_(0, self.of_token, token_losses * self.share)

    def unlearned(self, token_losses: torch.Tensor, probability: float) -> torch.Tensor:
        """Whether an edition has a target whose probability is not above this one, [E]."""
        device = token_losses.device
        total = torch.zeros(len(self.editions), device=device).index_add_(0, self.frozen.packing.rows, token_losses)
        short = (total.neg().exp() <= probability).float()
        return torch.zeros(self.E, device=device).index_add_(0, self.editions, short) > 0


def _fit(
    model: MistralForCausalLM, adapters: Adapters, config: LoraConfig, texts: list[list[Text]]
) -> list[tuple[float, ...]]:
    """At most `config.steps` steps of AdamW for each edition, its weights changed in place; the loss before each.

    An edition takes no further step once each of its targets has a probability above `config.stop_probability`.
    The losses stay on the device until the end, so that a GPU is not waited for.
    """
    task, leaves = _Task(model, adapters, texts), leaves_of(adapters.layers())
    optimizer = StackedAdamW(adapters.weights, config.learning_rate, config.gradient_clip)
    active = torch.ones(len(texts), dtype=torch.bool, device=adapters.weights.device)
    losses, taken = [], []
    for _ in range(config.steps):
        gradients, token_losses = task.gradients(leaves)
        if config.stop_probability < 1:
            active = active & task.unlearned(token_losses, config.stop_probability)
            if not active.any():
                break
        optimizer.step(gradients, active)
        losses.append(task.losses(token_losses))
        taken.append(active)
    if not losses:
        return [()] * len(texts)
    by_edition, counts = torch.stack(losses, dim=1).tolist(), torch.stack(taken).sum(dim=0).tolist()
    return [tuple(mine[:count]) for mine, count in zip(by_edition, counts, strict=True)]
