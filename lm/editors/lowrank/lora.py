"""LoRA (Hu et al., 2021) for many editions at once: each with its own adapters and optimizer, in one frozen model.

Paper, appendix A.4. Row e of a batch goes through the adapters of edition e alone, so that the gradient of the sum
of the editions' losses is each edition's own gradient. Clipping, AdamW's moments and the early stop are an edition's
own too. The result is that of `lora_reference`, one edition at a time, to the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, rounds
from worldgen.lm.editors.group_sums import group_sums
from worldgen.lm.editors.lowrank.adapter_training import AdapterPlan, trained_adapters
from worldgen.lm.editors.lowrank.adapters import Adapters
from worldgen.lm.editors.lowrank.frozen_mistral import FrozenMistral
from worldgen.lm.editors.lowrank.layers import LowRankLayers, gradient_leaves, gradients_of
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.editors.lowrank.text_cost import text_cost
from worldgen.lm.editors.operations import OperationCounts
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.editors.stacked_adamw import StackedAdamW
from worldgen.lm.editors.target_loss import request_texts
from worldgen.lm.log_p import log_p_of_targets
from worldgen.lm.texts import Text


@dataclass(frozen=True)
class Lora:
    """The editor `lora`.

    `mode` says how an edition's requests are divided into turns; `adapters` is where the adapters are saved, or None.
    """

    config: LoraConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    adapters: Path | None = None
    name: str = "lora"
    _counts: OperationCounts = field(default_factory=OperationCounts, repr=False, compare=False)

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns how many editions have `config.batch_tokens` tokens at most in one step, padding counted, or 1."""
        parts = [part for edition in editions for part in rounds(self.mode, edition)]
        longest = max(len(text.ids) for part in parts for text in request_texts(self.tokenizer, part))
        most = max(map(len, parts))
        return max(1, self.config.batch_tokens // (longest * most))

    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> AbstractContextManager[Edited]:
        """Returns a context with the model that has each edition's trained adapters in it."""

        def train(adapters: Adapters, _: Sequence[LowRankLayers], members: Sequence[Edition], turn: int) -> list[Cost]:
            parts = [rounds(self.mode, edition)[turn] for edition in members]
            return self._train(model, adapters, [request_texts(self.tokenizer, part) for part in parts])

        return trained_adapters(model, AdapterPlan(self.config, self.mode, self.adapters), editions, train)

    def _train(self, model: MistralForCausalLM, adapters: Adapters, texts: list[list[Text]]) -> list[Cost]:
        """Trains each edition's adapters in place on all of its texts together; returns each edition's cost."""
        losses = _fit(model, adapters, self.config, texts)
        costs = [[text_cost(self._counts, model, self.config, text) for text in own] for own in texts]
        return [
            Cost(own_losses, sum(cost.once + len(own_losses) * cost.step for cost in own_costs))
            for own_losses, own_costs in zip(losses, costs, strict=True)
        ]


class _RequestLoss:
    """The loss of several editions' requests: the same texts at every step.

    Loss of edition e: the mean over its texts of the mean over the target's tokens t of
    -log p(t | all tokens before it).
    Shapes: E editions, B texts of all editions, N asked tokens.
    """

    def __init__(self, model: MistralForCausalLM, adapters: Adapters, texts: list[list[Text]]) -> None:
        device = adapters.weights.device
        packing = pack([text for own in texts for text in own], device, one_group=device.type != "cpu")
        editions = [edition for edition, own in enumerate(texts) for _ in own]
        self.frozen = FrozenMistral(model, packing, adapters.scale)
        self.E = len(texts)
        self.edition_of_text = torch.tensor(
            [editions[number] for number in packing.order], device=device
        )  # [B], by row
        self.edition_of_token = self.edition_of_text[packing.rows]  # [N]
        sizes = torch.bincount(self.edition_of_text)
        self.weight = 1.0 / (torch.bincount(packing.rows)[packing.rows] * sizes[self.edition_of_token])  # [N]

    def gradients(self, leaves: LowRankLayers) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the gradient of each edition's loss in its own adapters, [E, P], and the asked tokens' log p, [N]."""
        rows = self.edition_of_text
        with torch.enable_grad():
            logits = self.frozen.logits([(A.index_select(0, rows), B.index_select(0, rows)) for A, B in leaves])
            log_p = log_p_of_targets(logits, self.frozen.packing.targets)
            return gradients_of((-log_p * self.weight).sum(), leaves), log_p.detach()

    def losses(self, log_p: torch.Tensor) -> torch.Tensor:
        """Returns the loss of each edition, [E]; `log_p` [N] of the tokens."""
        return group_sums(-log_p * self.weight, self.edition_of_token, self.E)

    def unlearned(self, log_p: torch.Tensor, probability: float) -> torch.Tensor:
        """Returns whether an edition has a target whose probability is at most `probability`, [E]."""
        of_texts = group_sums(log_p, self.frozen.packing.rows, len(self.edition_of_text))
        return group_sums((of_texts.exp() <= probability).float(), self.edition_of_text, self.E) > 0


def _fit(
    model: MistralForCausalLM, adapters: Adapters, config: LoraConfig, texts: list[list[Text]]
) -> list[tuple[float, ...]]:
    """Takes at most `config.steps` steps of AdamW for each edition, in place; returns each one's loss before each step.

    An edition takes no further step once each of its targets has a probability above `config.stop_probability`.
    The losses stay on the device until the end, so that the host does not wait for a GPU.
    """
    request_loss, leaves = _RequestLoss(model, adapters, texts), gradient_leaves(adapters.layers())
    optimizer = StackedAdamW(adapters.weights, config.learning_rate, config.gradient_clip)
    active = torch.ones(len(texts), dtype=torch.bool, device=adapters.weights.device)
    losses, active_at = [], []
    for _ in range(config.steps):
        gradients, log_p = request_loss.gradients(leaves)
        if config.stop_probability < 1:
            active = active & request_loss.unlearned(log_p, config.stop_probability)
            if not active.any():
                break
        optimizer.step(gradients, active)
        losses.append(request_loss.losses(log_p))
        active_at.append(active)
    if not losses:
        return [()] * len(texts)
    by_edition, counts = torch.stack(losses, dim=1).tolist(), torch.stack(active_at).sum(dim=0).tolist()
    return [tuple(own[:count]) for own, count in zip(by_edition, counts, strict=True)]
