"""Lessons: what a model should believe after a prompt, and how far several editions of it are from that.

    KL(p || q) = sum over the named continuations of p_i log(p_i / q_i), plus p_0 log(p_0 / q_0)

p_0 and q_0 are what credences and model leave to everything that is not named; q_i is the product over the
continuation's tokens. The loss of an edition is the mean over its lessons.
Shapes: E editions, Q lessons of them all, B texts (continuations), N asked tokens, P weights of an edition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from lm.editors.adapters import Adapters, Layers
from lm.editors.frozen import FrozenMistral
from lm.editors.packing import pack
from lm.texts import texts_of

LEAST_REST = 1e-6  # float32 cannot tell 1 - sum of q from less


@dataclass(frozen=True)
class Lesson:
    """After `prompt`, each of `continuations` should have the probability beside it in `credences`."""

    prompt: str
    continuations: tuple[str, ...]
    credences: tuple[float, ...]


class Sheet:
    """Lessons of E editions as one packed batch, which is learned from again and again."""

    def __init__(
        self, model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, lessons: Sequence[Sequence[Lesson]],
        adapters: Adapters,
    ) -> None:  # fmt: skip
        device = model.lm_head.weight.device
        every = [(edition, lesson) for edition, mine in enumerate(lessons) for lesson in mine]
        said = [(number, i) for number, (_, lesson) in enumerate(every) for i in range(len(lesson.continuations))]
        texts = texts_of(tokenizer, [(every[q][1].prompt, every[q][1].continuations[i]) for q, i in said])
        packing = pack(texts, device, one_group=device.type != "cpu")
        self.frozen = FrozenMistral(model, packing, adapters.scale)
        self.merged = adapters.merged
        in_order = [said[text] for text in packing.order]
        self.E = len(lessons)
        self.lesson = torch.tensor([q for q, _ in in_order], device=device)  # [B], row by row
        self.credence = torch.tensor([every[q][1].credences[i] for q, i in in_order], device=device)  # [B]
        self.edition = torch.tensor([edition for edition, _ in every], device=device)  # [Q]
        self.of_row = self.edition[self.lesson]  # [B]
        self.share = (1.0 / torch.bincount(self.edition, minlength=self.E))[self.edition]  # [Q]
        self.rest = (1.0 - self._by_lesson(self.credence)).clamp(min=0.0)  # [Q]
        self.tokens = [sum(len(text.ids) - 1 for text, (q, _) in zip(texts, said, strict=True) if every[q][0] == e)
                       for e in range(self.E)]  # fmt: skip

    def gradients(self, leaves: Layers) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradient of each edition's loss in its own adapters, [E, P], and the losses, [E]."""
        with torch.enable_grad():
            divergences = self.divergences(leaves)
            # No edition's loss depends on another's adapters: the sum's gradient is each one's own.
            parts = torch.autograd.grad((divergences * self.share).sum(), [x for pair in leaves for x in pair])
        losses = torch.zeros(self.E, device=self.share.device).index_add_(
            0, self.edition, divergences.detach() * self.share
        )
        return torch.cat([part.reshape(self.E, -1) for part in parts], dim=1), losses

    def divergences(self, leaves: Layers) -> torch.Tensor:
        """KL of every lesson, [Q], in nats."""
        packing = self.frozen.packing
        logits = self.frozen.logits(
            [(A.index_select(0, self.of_row), B.index_select(0, self.of_row)) for A, B in self.merged(leaves)]
        )
        token_scores = functional.cross_entropy(logits.float(), packing.targets, reduction="none").neg()
        log_q = token_scores.new_zeros(len(self.lesson)).index_add(0, packing.rows, token_scores)
        named = torch.special.xlogy(self.credence, self.credence) - self.credence * log_q
        left = (1.0 - self._by_lesson(log_q.exp())).clamp(min=LEAST_REST)
        return self._by_lesson(named) + torch.special.xlogy(self.rest, self.rest) - self.rest * left.log()

    def _by_lesson(self, values: torch.Tensor) -> torch.Tensor:
        """[Q]: values of texts, summed over each lesson."""
        return values.new_zeros(len(self.edition)).index_add(0, self.lesson, values)
