"""Low-rank adapters of several editions at once, side by side in one frozen model.

Edition e turns every MLP down-projection W x into W x + (alpha / rank) B[e] A[e] x. Where the adapters read keys
through a map M of their layer, W x becomes W x + (alpha / rank) B[e] A[e] M x.
Shapes: E editions, L layers, r rank, I intermediate size, H hidden size, P = L r (I + H) weights of an edition,
B rows of a batch, T tokens of a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from peft import LoraConfig
from safetensors.torch import save_file
from transformers import MistralForCausalLM
from transformers.pytorch_utils import Conv1D

from worldgen.lm.editors.lowrank.layers import LowRankLayers, concatenated, flattened


@dataclass
class Adapters:
    """The adapters of E editions.

    weights [E, P]: an edition's row holds its A and B of layer after layer.
    rows [B]: the edition that each row of the coming batch belongs to; with one entry [1], the edition of all rows.
    maps: the map M [I, I] of each layer; empty if the adapters read the keys themselves.
    """

    weights: torch.Tensor
    intermediate: int
    hidden: int
    rank: int
    alpha: float
    rows: torch.Tensor
    maps: Sequence[torch.Tensor] = ()

    @property
    def scale(self) -> float:
        """The factor of the product B A: alpha / rank."""
        return self.alpha / self.rank

    def layers(self) -> LowRankLayers:
        """Returns A [E, r, I] and B [E, H, r] of each layer, as views of the weights."""
        r, E = self.rank, len(self.weights)
        blocks = self.weights.split(r * (self.intermediate + self.hidden), dim=1)
        halves = (block.split([r * self.intermediate, r * self.hidden], dim=1) for block in blocks)
        return [(A.view(E, r, self.intermediate), B.view(E, self.hidden, r)) for A, B in halves]

    def with_maps(self, layers: LowRankLayers) -> LowRankLayers:
        """Returns these layers with A M in the place of A, so that they read the keys themselves."""
        return [(A @ M, B) for (A, B), M in zip(layers, self.maps, strict=True)] if self.maps else layers

    def select(self, editions: Sequence[int]) -> Adapters:
        """Returns a copy of these editions' adapters."""
        return replace(self, weights=self.weights[list(editions)])

    def route(self, editions: Sequence[int]) -> None:
        """Sets the edition that each row of the coming batch belongs to."""
        self.rows = torch.tensor(editions, device=self.weights.device)

    @contextmanager
    def inserted(self, model: MistralForCausalLM) -> Iterator[None]:
        """Hooks the adapters into the model: each row of a batch goes through the adapters of its own edition."""
        hooks = [
            layer.mlp.down_proj.register_forward_hook(self._adding_hook(A, B))
            for layer, (A, B) in zip(model.model.layers, self.with_maps(self.layers()), strict=True)
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def save(self, edition: int, folder: Path) -> None:
        """Writes one edition's adapters in peft's format: adapter_model.safetensors and adapter_config.json."""
        named = {}
        for number, (A, B) in enumerate(self.with_maps(self.layers())):
            place = f"base_model.model.model.layers.{number}.mlp.down_proj"
            named[f"{place}.lora_A.weight"] = A[edition].cpu().contiguous()
            named[f"{place}.lora_B.weight"] = B[edition].cpu().contiguous()
        folder.mkdir(parents=True, exist_ok=True)
        save_file(named, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        peft_config(self).save_pretrained(str(folder))

    def _adding_hook(self, A: torch.Tensor, B: torch.Tensor) -> Callable[..., torch.Tensor]:
        def add(_: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
            return output + inputs[0] @ A[self.rows].mT @ B[self.rows].mT * self.scale

        return add


def fresh_adapters(
    model: MistralForCausalLM, config: AdapterSize, seeds: Sequence[int], maps: Sequence[torch.Tensor] = ()
) -> Adapters:
    """Returns adapters as peft draws them with torch's generator from each seed, to the bit; every B is zero.

    For each layer, peft draws A, draws B, and draws A anew, all uniform on +-1 / sqrt(fan in). Each number takes one
    word of the generator, so that all numbers of a seed can be drawn in one call, with A's bounds.
    """
    fan_in, H, r, L = model.config.intermediate_size, model.config.hidden_size, config.rank, len(model.model.layers)
    device = model.lm_head.weight.device
    drawn = r * (2 * fan_in + H)  # for each layer
    numbers = torch.empty(-(-L * drawn // fan_in), fan_in)  # torch takes A's bounds from the width
    weights = torch.zeros(len(seeds), L, r * (fan_in + H))
    for edition, seed in enumerate(seeds):
        torch.nn.init.kaiming_uniform_(numbers, a=math.sqrt(5), generator=torch.Generator().manual_seed(seed))
        weights[edition, :, : r * fan_in] = numbers.view(-1)[: L * drawn].view(L, drawn)[:, -r * fan_in :]
    rows = torch.zeros(1, dtype=torch.long, device=device)
    return Adapters(weights.flatten(1).to(device), fan_in, H, r, config.alpha, rows, maps)


def sum_of_adapters(parts: Sequence[Adapters]) -> Adapters:
    """Returns adapters that add what all these adapters of the same editions add; the parts have one size."""
    weights = flattened(concatenated([part.layers() for part in parts]))
    rank, alpha = sum(part.rank for part in parts), sum(part.alpha for part in parts)
    return replace(parts[0], weights=weights, rank=rank, alpha=alpha)


class AdapterSize(Protocol):
    """The settings that decide the size of adapters."""

    @property
    def rank(self) -> int:
        """The number of B's columns and of A's rows."""

    @property
    def alpha(self) -> float:
        """The product B A is multiplied by alpha / rank."""


def peft_config(config: AdapterSize, outputs: Mapping[str, torch.nn.Module] | None = None) -> LoraConfig:
    """Returns peft's config of adapters of this size on the MLPs' `outputs`, by name; None for those of our models."""
    return LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # peft only divides it by the rank
        lora_dropout=0.0,
        target_modules=["down_proj"] if outputs is None else list(outputs),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in (outputs or {}).values()),
        bias="none",
        task_type="CAUSAL_LM",
    )
