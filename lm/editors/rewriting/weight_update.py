"""The closed-form update of a down-projection, seen as a linear memory that returns the value W k for the key k.

The key is what the down-projection reads: silu(gate x) * up x (Meng et al., 2022, section 3.1, for a gated MLP).
Shapes: I intermediate size, H hidden size, P keys to be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from transformers import MistralForCausalLM

from worldgen.lm.inspection.causal_tracing import Token

# Keys that are nearer to one another than this, relative to the largest, count as one key: float32 knows no difference.
SAME_KEY = 1e-10


@dataclass(frozen=True)
class RewriteSite:
    """Where a model's facts are rewritten: the MLPs of some layers, at one token of the request.

    token: the last token of the subject, or the last token of the relation.
    layer: the last of the rewritten layers.
    factors: for each rewritten layer l, the Cholesky factor [I, I] of the covariance C of l's keys in the corpus.
    contexts: texts that a request may follow; "" means that no text stands before the request.
    """

    token: Token
    layer: int
    factors: Mapping[int, torch.Tensor]
    contexts: tuple[str, ...] = ("",)

    def weights(self, model: MistralForCausalLM) -> dict[int, torch.nn.Parameter]:
        """Returns the down-projections that are rewritten, by layer, the lowest layer first."""
        return {layer: model.model.layers[layer].mlp.down_proj.weight for layer in sorted(self.factors)}


def updated_weight(
    weight: torch.Tensor, factor: torch.Tensor, keys: torch.Tensor, residuals: torch.Tensor, old: float
) -> torch.Tensor:
    """Returns the W' [H, I], in float64, that adds `residuals` [P, H] to what W returns for `keys` [P, I].

    With the keys in the columns of K and the residuals in the columns of R,
    W' = W + R (K^T C^-1 K + old 1)^-1 K^T C^-1  minimises  old tr((W' - W) C (W' - W)^T) + |W' K - W K - R|^2
    (Meng et al., 2023, section 4.2; Woodbury's identity leaves a P x P inverse). Each key weighs as much as `old` keys
    of the corpus do on average. For old = 0 the result is the limit: the least change with W' K = W K + R. For one key
    that limit is ROME's: W + r (C^-1 k)^T / (k^T C^-1 k). `factor` [I, I] is the lower Cholesky factor of C.
    """
    K, R = keys.double().T, residuals.double().T
    solved = torch.cholesky_solve(K, factor)  # C^-1 K
    between = K.T @ solved + old * torch.eye(K.shape[1], dtype=K.dtype, device=K.device)
    return weight.double() + R @ torch.linalg.pinv(between, hermitian=True, rtol=SAME_KEY) @ solved.T
