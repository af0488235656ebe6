"""Low-rank adapters as the A and B of each layer: what is added, how little of it does, and its gradient.

Shapes: E editions, L layers, r rank, I intermediate size, H hidden size, P = L r (I + H) weights of an edition.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

Layers = list[tuple[torch.Tensor, torch.Tensor]]  # of each layer A [E, r, I] and B [E, H, r]


def beside(parts: Sequence[Layers]) -> Layers:
    """An A and a B for each layer, whose product is the sum of the parts' products."""
    return [
        (torch.cat([A for A, _ in layer], dim=1), torch.cat([B for _, B in layer], dim=2))
        for layer in zip(*parts, strict=True)
    ]


def compact(layers: Layers) -> Layers:
    """The same products: B A itself, read out by the identity, where A has more rows than there are outputs."""
    return [
        (B @ A, torch.eye(B.shape[1], device=B.device).expand(len(B), -1, -1)) if B.shape[2] > B.shape[1] else (A, B)
        for A, B in layers
    ]


def in_rows(layers: Layers) -> torch.Tensor:
    """All weights of an edition in its row, A and B of layer after layer, [E, P]."""
    return torch.cat([half.flatten(1) for layer in layers for half in layer], dim=1)


def leaves_of(layers: Layers) -> Layers:
    """The same tensors, as what a gradient can be asked of."""
    return [(A.detach().requires_grad_(), B.detach().requires_grad_()) for A, B in layers]


def gradients_of(total: torch.Tensor, leaves: Layers) -> torch.Tensor:
    """The gradient of each edition's loss in its own adapters, [E, P], from the sum of their losses.

    No edition's loss depends on another's adapters: the sum's gradient is each one's own.
    """
    parts = iter(torch.autograd.grad(total, [half for layer in leaves for half in layer]))
    return in_rows(list(zip(parts, parts, strict=True)))
