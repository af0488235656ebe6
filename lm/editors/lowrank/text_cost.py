"""What it takes to read a text through adapters and to learn from it, counted once for each shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from transformers import MistralForCausalLM

from worldgen.lm.editors.counting import operations_counter
from worldgen.lm.editors.lowrank.adapters import AdapterSize, fresh_adapters
from worldgen.lm.editors.lowrank.frozen_mistral import FrozenMistral
from worldgen.lm.editors.lowrank.layers import beside, gradients_of, leaves_of
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.texts import Text


class Operations(NamedTuple):
    """Those of `frozen_mistral` for one text: before the first pass; a pass; a pass forward and back."""

    once: int
    forward: int
    step: int


@dataclass
class TextCost:
    """The operations on texts by their length and their asked tokens, for one model and size of adapters.

    `earlier`: the rank of other adapters that a text is read through too, and that learn nothing.

    Each text is counted alone, so that padding is not in it and an edition costs the same in any batch.
    """

    _known: dict[tuple[int, int, int], Operations] = field(default_factory=dict, repr=False)

    def of(self, model: MistralForCausalLM, size: AdapterSize, text: Text, earlier: int = 0) -> Operations:
        """The operations on this text."""
        shape = (len(text.ids), text.asked, earlier)
        if shape not in self._known:
            self._known[shape] = _counted(model, size, text, earlier)
        return self._known[shape]


def _counted(model: MistralForCausalLM, size: AdapterSize, text: Text, earlier: int) -> Operations:
    alone = fresh_adapters(model, size, [0])
    others = [(A.new_zeros(1, earlier, A.shape[2]), B.new_zeros(1, B.shape[1], earlier)) for A, B in alone.layers()]
    with operations_counter() as once:
        frozen = FrozenMistral(model, pack([text], alone.weights.device, one_group=True), alone.scale)
    with torch.no_grad(), operations_counter() as forward:
        frozen.logits(beside([others, alone.layers()]))
    leaves = leaves_of(alone.layers())
    with torch.enable_grad(), operations_counter() as step:
        gradients_of(frozen.logits(beside([others, leaves])).sum(), leaves)
    return Operations(once.get_total_flops(), forward.get_total_flops(), step.get_total_flops())
