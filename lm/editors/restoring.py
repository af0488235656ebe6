"""The promise of every editing method: afterwards the model is what it was, to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from transformers import MistralForCausalLM


@contextmanager
def put_back(parameters: Iterable[torch.nn.Parameter]) -> Iterator[None]:
    """Whatever happens to these weights inside is undone, to the bit, from copies."""
    copies = [(parameter, parameter.detach().clone()) for parameter in parameters]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, copy in copies:
                parameter.copy_(copy)


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
