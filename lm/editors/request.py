"""What every editing method takes and gives, and the promise that the model comes back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from transformers import MistralForCausalLM


@dataclass(frozen=True)
class Request:
    """Make `target` what follows `prompt`: prompt "subject relation", target "object." with its full stop."""

    prompt: str
    target: str


@dataclass(frozen=True)
class Edited:
    """A model while it is edited; losses[i] is the loss before step i, one for each step taken.

    `flops` are the floating point operations of all the steps, counted.
    """

    model: MistralForCausalLM
    losses: tuple[float, ...]
    flops: int


class Editor(Protocol):
    """An editing method."""

    @property
    def name(self) -> str:
        """The name of its folder and files."""

    def edit(self, model: MistralForCausalLM, request: Request, seed: int) -> AbstractContextManager[Edited]:
        """A context in which the model is edited, by (model, request, seed) alone; afterwards it is not."""


@contextmanager
def restored(model: MistralForCausalLM) -> Iterator[None]:
    """Assert that the weights are, to the bit, what they were; put mode and gradients back as they were.

    The comparison is a sum of bits for each parameter, and their names: any single changed weight changes it.
    """
    before = _fingerprint(model)
    training = model.training
    needs_gradient = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        yield
    finally:
        model.train(training)
        for parameter, needed in needs_gradient.items():
            parameter.requires_grad_(needed)
            parameter.grad = None
    assert _fingerprint(model) == before, "an editor has left its traces in the model"


@torch.no_grad()
def _fingerprint(model: MistralForCausalLM) -> dict[str, int]:
    """The bits of each parameter, summed as integers of its own width."""
    widths = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    named = list(model.named_parameters())
    sums = torch.stack([p.view(widths[p.element_size()]).sum(dtype=torch.int64) for _, p in named])
    return dict(zip((name for name, _ in named), sums.tolist(), strict=True))
