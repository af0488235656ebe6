"""The preservation loss: how much adapters change the outputs of a model's layers over the whole corpus, relatively.

sum over layers of E|(alpha / rank) B A k|^2 / E|W k|^2 = sum of (alpha / rank)^2 tr(B A C A^T B^T) / tr(W C W^T)

for the keys k of the corpus's tokens, whose covariance is C = E[k k^T]: once C is known, no text is read. MEMIT keeps
the same expectation small (`worldgen.lm.editors.rewriting.weight_update.updated_weight`).
Shapes: E editions, r rank, I intermediate size, H hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import MistralForCausalLM

from worldgen.lm.editors.lowrank.layers import LowRankLayers


class PreservationLoss:
    """The loss for adapters whose product B A is multiplied by `scale`; `covariances` are each layer's C [I, I]."""

    def __init__(self, model: MistralForCausalLM, covariances: Sequence[torch.Tensor], scale: float) -> None:
        weights = [layer.mlp.down_proj.weight.detach() for layer in model.model.layers]
        self.covariances = [
            (C * (scale**2 / _mean_square_output(W.to(C.dtype), C))).float()
            for W, C in zip(weights, covariances, strict=True)
        ]

    def of(self, layers: LowRankLayers) -> torch.Tensor:
        """Returns the loss of each edition, [E]; A [E, r, I] must read the keys themselves (`Adapters.with_maps`)."""
        squares = [
            ((B.mT @ B) * (A @ C @ A.mT)).sum(dim=(1, 2)) for (A, B), C in zip(layers, self.covariances, strict=True)
        ]
        return torch.stack(squares).sum(dim=0)


def _mean_square_output(W: torch.Tensor, C: torch.Tensor) -> float:
    """Returns E|W k|^2 = tr(W C W^T)."""
    return float(((W @ C) * W).sum())
