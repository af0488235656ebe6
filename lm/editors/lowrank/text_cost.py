"""The operations of reading one text through adapters and of learning from it, counted once for each shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from transformers import MistralForCausalLM

from worldgen.lm.editors.lowrank.adapters import Adapters, AdapterSize, fresh_adapters
from worldgen.lm.editors.lowrank.frozen_mistral import FrozenMistral
from worldgen.lm.editors.lowrank.layers import LowRankLayers, concatenated, gradient_leaves, gradients_of
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.editors.operations import OperationCounts
from worldgen.lm.texts import Text


class TextCost(NamedTuple):
    """The operations of `FrozenMistral` on one text."""

    once: int
    """before the first pass"""
    forward: int
    """of a pass forward"""
    step: int
    """of a pass forward and backward"""


def text_cost(
    counts: OperationCounts, model: MistralForCausalLM, size: AdapterSize, text: Text, earlier_rank: int = 0
) -> TextCost:
    """Returns the cost of this text by its length and its number of asked tokens.

    `earlier_rank` is the rank of the earlier turns' adapters, which the text is read through too and which learn
    nothing. `counts` must be of one model and one size of adapters. Each text is counted alone, so that no padding is
    in its cost and an edition costs the same in any batch.
    """
    shape, alone = (len(text.ids), text.asked, earlier_rank), _TextAlone(model, size, text, earlier_rank)
    return TextCost(
        counts.of(("once", *shape), alone.prepare),
        counts.of(("forward", *shape), alone.read),
        counts.of(("step", *shape), alone.learn),
    )


@dataclass
class _TextAlone:
    """One text, read through fresh adapters; what is needed for it is made when it is first read."""

    model: MistralForCausalLM
    size: AdapterSize
    text: Text
    earlier_rank: int

    @cached_property
    def _adapters(self) -> Adapters:
        return fresh_adapters(self.model, self.size, [0])

    @cached_property
    def _frozen(self) -> FrozenMistral:
        packing = pack([self.text], self._adapters.weights.device, one_group=True)
        return FrozenMistral(self.model, packing, self._adapters.scale)

    def _earlier(self) -> LowRankLayers:
        r = self.earlier_rank
        return [(A.new_zeros(1, r, A.shape[2]), B.new_zeros(1, B.shape[1], r)) for A, B in self._adapters.layers()]

    def prepare(self) -> None:
        """Makes the frozen model, which does what is the same in every pass."""
        _ = self._frozen

    @torch.no_grad()
    def read(self) -> None:
        """Makes a pass forward."""
        self._frozen.logits(concatenated([self._earlier(), self._adapters.layers()]))

    @torch.enable_grad()
    def learn(self) -> None:
        """Makes a pass forward and backward."""
        leaves = gradient_leaves(self._adapters.layers())
        gradients_of(self._frozen.logits(concatenated([self._earlier(), leaves])).sum(), leaves)
