"""MEMIT (Meng et al., 2023): the MLPs of several layers are rewritten so that together they reach the wanted state.

For the last of the layers, L, the state z = h + d after it that makes the model continue with the target is found as
in ROME (`optimal_changes`). Then, from the lowest layer on, the state h after L is read anew, and the layer takes on
its share (z - h) / n of the missing change, where n is the number of layers left, this one included. The corpus's
keys hold the change back (`updated_weight`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import MistralForCausalLM

from worldgen.lm.editions import Request
from worldgen.lm.editors.operations import SpentOperations
from worldgen.lm.editors.rewriting.output_changes import optimal_changes
from worldgen.lm.editors.rewriting.requests_in_contexts import (
    RequestsInContexts,
    keys_and_states,
    requests_in_contexts,
)
from worldgen.lm.editors.rewriting.rome import Rome
from worldgen.lm.editors.rewriting.weight_update import RewriteSite, updated_weight
from worldgen.lm.editors.settings import MemitConfig


@dataclass(frozen=True)
class Memit(Rome):
    """The editor `memit`; it is meant for mode "together", with many requests at once."""

    config: MemitConfig
    name: str = "memit"

    def _write(
        self, model: MistralForCausalLM, requests: Sequence[Request], spent: SpentOperations
    ) -> tuple[float, ...]:
        """Writes the requests at once; returns the losses before each step of the search for d."""
        batch = requests_in_contexts(self.tokenizer, requests, self.site, model.device)
        d, losses = optimal_changes(model, batch, self.site.layer, self.config, spent)
        spread_over_layers(model, self.site, batch, d, self.config.old_keys, spent)
        return losses


def spread_over_layers(
    model: MistralForCausalLM, site: RewriteSite, batch: RequestsInContexts, d: torch.Tensor, old_keys: float,
    spent: SpentOperations,
) -> None:  # fmt: skip
    """Rewrites the site's layers so that together they change the state after the last of them by d [P, H]."""
    last, weights, read = site.layer, site.weights(model), ("read", *batch.shape)
    wanted = spent.on(read, keys_and_states, model, batch, last, last)[1] + d
    for left, (layer, weight) in zip(range(len(weights), 0, -1), weights.items(), strict=True):
        keys, states = spent.on(read, keys_and_states, model, batch, layer, last)
        given = site.factors[layer], keys, (wanted - states) / left, old_keys
        weight.copy_(spent.on(("write", len(keys)), updated_weight, weight, *given))
