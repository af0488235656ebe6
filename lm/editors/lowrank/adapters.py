"""Low-rank adapters of several editions at once, side by side in one frozen model.

Edition e turns every MLP down-projection W x into W x + (alpha / rank) B[e] A[e] x, or, where the adapters read
through a map M of their layer's, into W x + (alpha / rank) B[e] A[e] M x.
Shapes: E editions, L layers, r rank, I intermediate size, H hidden size, P = L r (I + H) weights of an edition,
B rows of a batch, T tokens of a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from peft import LoraConfig
from safetensors.torch import save_file
from transformers import MistralForCausalLM

from worldgen.lm.editors.lowrank.layers import Layers, beside, in_rows


@dataclass
class Adapters:
    """The adapters of E editions: weights [E, P], an edition's A and B of layer after layer, in its row.

    `maps` are the layers' M [I, I], if there are any. `rows` [B] says which edition each row of the coming batch
    belongs to; [1]: they are all that one's.
    """

    weights: torch.Tensor
    inner: int
    hidden: int
    rank: int
    alpha: float
    rows: torch.Tensor
    maps: Sequence[torch.Tensor] = ()

    @property
    def scale(self) -> float:
        """What the product of B and A counts."""
        return self.alpha / self.rank

    def layers(self) -> Layers:
        """A and B of each layer, as views."""
        r, E = self.rank, len(self.weights)
        blocks = self.weights.split(r * (self.inner + self.hidden), dim=1)
        halves = (block.split([r * self.inner, r * self.hidden], dim=1) for block in blocks)
        return [(A.view(E, r, self.inner), B.view(E, self.hidden, r)) for A, B in halves]

    def merged(self, layers: Layers) -> Layers:
        """These layers with A M in the place of A."""
        return [(A @ M, B) for (A, B), M in zip(layers, self.maps, strict=True)] if self.maps else layers

    def of(self, editions: Sequence[int]) -> Adapters:
        """A copy of some editions' adapters."""
        return replace(self, weights=self.weights[list(editions)])

    def route(self, editions: Sequence[int]) -> None:
        """Say which edition each row of the coming batch belongs to."""
        self.rows = torch.tensor(editions, device=self.weights.device)

    @contextmanager
    def in_place(self, model: MistralForCausalLM) -> Iterator[None]:
        """The model with the adapters in it, each row of a batch going through those of its own edition."""
        hooks = [
            layer.mlp.down_proj.register_forward_hook(self._adding(A, B))
            for layer, (A, B) in zip(model.model.layers, self.merged(self.layers()), strict=True)
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def save(self, edition: int, folder: Path) -> None:
        """Write one edition's adapters in peft's format: adapter_model.safetensors and adapter_config.json."""
        named = {}
        for number, (A, B) in enumerate(self.merged(self.layers())):
            place = f"base_model.model.model.layers.{number}.mlp.down_proj"
            named[f"{place}.lora_A.weight"] = A[edition].cpu().contiguous()
            named[f"{place}.lora_B.weight"] = B[edition].cpu().contiguous()
        folder.mkdir(parents=True, exist_ok=True)
        save_file(named, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        peft_config(self).save_pretrained(str(folder))

    def _adding(self, A: torch.Tensor, B: torch.Tensor) -> Callable[..., torch.Tensor]:
        def add(_: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
            return output + inputs[0] @ A[self.rows].mT @ B[self.rows].mT * self.scale

        return add


def fresh_adapters(
    model: MistralForCausalLM, config: AdapterSize, seeds: Sequence[int], maps: Sequence[torch.Tensor] = ()
) -> Adapters:
    """Adapters as peft draws them under torch's generator with each of the seeds, to the bit; every B is zero.

    For each layer peft makes A, makes B, and draws A anew, all of them uniform on +-1 / sqrt(fan in); each number
    takes one word of the generator, so that all of a seed's can be drawn in one go, with A's bounds.
    """
    inner, hidden, r, L = model.config.intermediate_size, model.config.hidden_size, config.rank, len(model.model.layers)
    device = model.lm_head.weight.device
    drawn = r * (2 * inner + hidden)  # for each layer
    numbers = torch.empty(-(-L * drawn // inner), inner)  # its fan in, by which torch bounds the draw
    weights = torch.zeros(len(seeds), L, r * (inner + hidden))
    for edition, seed in enumerate(seeds):
        torch.nn.init.kaiming_uniform_(numbers, a=math.sqrt(5), generator=torch.Generator().manual_seed(seed))
        weights[edition, :, : r * inner] = numbers.view(-1)[: L * drawn].view(L, drawn)[:, -r * inner :]
    rows = torch.zeros(1, dtype=torch.long, device=device)
    return Adapters(weights.flatten(1).to(device), inner, hidden, r, config.alpha, rows, maps)


def combined(parts: Sequence[Adapters]) -> Adapters:
    """Several adapters of the same editions, all of one size, as those that add what they all add."""
    weights = in_rows(beside([part.layers() for part in parts]))
    rank, alpha = sum(part.rank for part in parts), sum(part.alpha for part in parts)
    return replace(parts[0], weights=weights, rank=rank, alpha=alpha)


class AdapterSize(Protocol):
    """The settings that adapters have."""

    @property
    def rank(self) -> int:
        """Columns of B and rows of A."""

    @property
    def alpha(self) -> float:
        """Their product counts alpha / rank."""


def peft_config(config: AdapterSize) -> LoraConfig:
    """The same adapters in peft's words."""
    return LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # peft only divides it by the rank
        lora_dropout=0.0,
        target_modules=["down_proj"],
        bias="none",
        task_type="CAUSAL_LM",
    )
