"""MEMIT (Meng et al., 2023): the MLPs of several layers are rewritten so that together they say what is wanted.

For the last of the layers, L, the state z = h + d after it that makes the target follow is sought as in ROME
(`learn`). Then, from the lowest layer on, the state h after L is read anew, and the layer takes on
its share (z - h) / n of what is missing, n being the layers that are left with itself, as far as the keys of the
corpus let it (`worldgen.lm.editors.rewriting.weight_update.updated_weight`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import MistralForCausalLM

from worldgen.lm.editions import Request
from worldgen.lm.editors.rewriting.output_changes import learn, mentions_of, read
from worldgen.lm.editors.rewriting.rome import Rome
from worldgen.lm.editors.rewriting.weight_update import updated_weight
from worldgen.lm.editors.settings import MemitConfig
from worldgen.lm.editors.tally import Tally


@dataclass(frozen=True)
class Memit(Rome):
    """The editor; what it is for is mode "together", many requests as one."""

    config: MemitConfig
    name: str = "memit"

    def _write(self, model: MistralForCausalLM, requests: Sequence[Request], tally: Tally) -> tuple[float, ...]:
        top, weights = self.located.layer, self.located.weights(model)
        mentions = mentions_of(self.tokenizer, requests, self.located, model.device)
        d, losses = learn(model, mentions, top, self.config, tally)
        wanted = tally.counted(("read", *mentions.shape), read, model, mentions, top, top)[1] + d
        for left, (layer, weight) in zip(range(len(weights), 0, -1), weights.items(), strict=True):
            keys, states = tally.counted(("read", *mentions.shape), read, model, mentions, layer, top)
            given = self.located.factors[layer], keys, (wanted - states) / left, self.config.old_keys
            weight.copy_(tally.counted(("write", len(keys)), updated_weight, weight, *given))
        return losses
