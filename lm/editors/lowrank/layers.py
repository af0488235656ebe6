"""Low-rank adapters as the factors A and B of each layer: their sum, their rank and their gradients.

Shapes: E editions, L layers, r rank, I intermediate size, H hidden size, P = L r (I + H) weights of an edition.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

LowRankLayers = list[tuple[torch.Tensor, torch.Tensor]]  # for each layer A [E, r, I] and B [E, H, r]


def concatenated(parts: Sequence[LowRankLayers]) -> LowRankLayers:
    """Returns an A and a B for each layer whose product is the sum of the parts' products; their ranks add up."""
    return [
        (torch.cat([A for A, _ in layer], dim=1), torch.cat([B for _, B in layer], dim=2))
        for layer in zip(*parts, strict=True)
    ]


def with_rank_limited(layers: LowRankLayers) -> LowRankLayers:
    """Returns factors of the same products with a rank of at most H.

    Where r > H, A becomes the product B A itself and B becomes the identity.
    """
    return [
        (B @ A, torch.eye(B.shape[1], device=B.device).expand(len(B), -1, -1)) if B.shape[2] > B.shape[1] else (A, B)
        for A, B in layers
    ]


def flattened(layers: LowRankLayers) -> torch.Tensor:
    """Returns all weights of each edition as a row [E, P]: A and B of layer after layer."""
    return torch.cat([half.flatten(1) for layer in layers for half in layer], dim=1)


def gradient_leaves(layers: LowRankLayers) -> LowRankLayers:
    """Returns the same tensors, which share their memory, as autograd leaves that require gradients."""
    return [(A.detach().requires_grad_(), B.detach().requires_grad_()) for A, B in layers]


def gradients_of(total: torch.Tensor, leaves: LowRankLayers) -> torch.Tensor:
    """Returns the gradient of each edition's loss in its own adapters, [E, P]; `total` is the sum of the losses.

    No edition's loss depends on another's adapters, so that the gradient of the sum is each edition's own gradient.
    """
    parts = iter(torch.autograd.grad(total, [half for layer in leaves for half in layer]))
    return flattened(list(zip(parts, parts, strict=True)))
