"""The promise of every editing method: after an edit the model is what it was, to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel


@contextmanager
def put_back(parameters: Iterable[torch.nn.Parameter]) -> Iterator[None]:
    """Copies these weights and puts the copies back at the end, to the bit, also after an exception."""
    copies = [(parameter, parameter.detach().clone()) for parameter in parameters]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, copy in copies:
                parameter.copy_(copy)


@contextmanager
def restored(model: PreTrainedModel) -> Iterator[None]:
    """Asserts at the end that no bit of the weights has changed; restores the training mode and `requires_grad`.

    Compared are the parameters' names and, for each parameter, the sum of its bits: one changed weight changes it.
    Gradients are dropped. Raises AssertionError if a weight has changed.
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
def _fingerprint(model: PreTrainedModel) -> dict[str, int]:
    """Returns the bits of each parameter, summed as integers of the parameter's own width."""
    widths = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    named = list(model.named_parameters())
    sums = torch.stack([p.view(widths[p.element_size()]).sum(dtype=torch.int64) for _, p in named])
    return dict(zip((name for name, _ in named), sums.tolist(), strict=True))
