"""A layer's MLP as a linear memory: its down-projection W gives the value W k to the key k, and can be rewritten.

The key is what the down-projection reads: silu(gate x) * up x (Meng et al., 2022, section 3.1, for a gated MLP).
Shapes: N tokens, I intermediate size, H hidden size, P keys to be written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import Module
from transformers import MistralForCausalLM

from worldgen.lm.data import TokenShards, epoch_order
from worldgen.lm.inspection.tracing import Token

# What is added to C's diagonal, of its mean: with a unit that no token of the sample uses, C has no factor.
RIDGE = 1e-6
# Keys nearer to one another than this, relative to the largest, are one key: float32 knows no difference.
SAME_KEY = 1e-10
_DOCUMENTS_AT_ONCE = 64


@dataclass(frozen=True)
class Located:
    """Where a model's facts are rewritten: in what the MLPs of some layers say at a token, the last being `layer`.

    factors[l] [I, I] is `factor_of` C of layer l's keys in the corpus, and l is rewritten. `contexts` are texts that a
    request may follow, "" where there is none before it.
    """

    token: Token
    layer: int
    factors: Mapping[int, torch.Tensor]
    contexts: tuple[str, ...] = ("",)

    def weights(self, model: MistralForCausalLM) -> dict[int, torch.nn.Parameter]:
        """The down-projections that are rewritten."""
        return {layer: model.model.layers[layer].mlp.down_proj.weight for layer in sorted(self.factors)}


@torch.inference_mode()
def key_covariances(
    model: MistralForCausalLM, shards: TokenShards, layers: Sequence[int], tokens: int, seed: int
) -> dict[int, torch.Tensor]:
    """C = 1/N sum of k k^T of each layer [I, I], float64, uncentred, over the first documents in random order.

    Whole documents are read, BOS and EOS included, until there are at least `tokens` tokens, or all of them.
    """
    device = model.lm_head.weight.device
    sums = {layer: torch.zeros((), dtype=torch.float64, device=device) for layer in layers}
    read = 0
    for ids, real in _documents(shards, tokens, seed):
        with reading(model, layers) as inputs:
            model.model(input_ids=ids.to(device), use_cache=False)
        for layer in layers:
            keys = inputs[layer][real.to(device)].double()
            sums[layer] = sums[layer] + keys.T @ keys
        read += int(real.sum())
    return {layer: total / read for layer, total in sums.items()}


def factor_of(covariance: torch.Tensor) -> torch.Tensor:
    """The lower Cholesky factor of C [I, I] and its ridge."""
    ridge = RIDGE * covariance.diagonal().mean()
    return torch.linalg.cholesky(
        covariance + ridge * torch.eye(len(covariance), dtype=ridge.dtype, device=ridge.device)
    )


def whitening_of(covariance: torch.Tensor, ridge: float) -> torch.Tensor:
    """M [I, I], float64, after which the keys differ in every direction alike, and are as large as they were.

    M = s (C + ridge c 1)^(-1/2), c being the mean of C's diagonal, and s such that tr(M C M) = tr(C). Keys of different
    subjects share their large directions; after M they share little, and what is written for one of them is hardly
    read with another. A large ridge leaves keys as they are.
    """
    spread, axes = torch.linalg.eigh(covariance)
    root = (spread.clamp(min=0) + ridge * spread.mean()).rsqrt()
    scale = (spread.sum() / (spread * root**2).sum()).sqrt()
    return axes * (scale * root) @ axes.T


def rewritten(
    weight: torch.Tensor, factor: torch.Tensor, keys: torch.Tensor, residuals: torch.Tensor, old: float
) -> torch.Tensor:
    """The W' [H, I] that adds `residuals` [P, H] to what W says to `keys` [P, I]; float64. `factor` is that of C.

    With the keys in the columns of K and the residuals in those of R,
    W' = W + R (K^T C^-1 K + old 1)^-1 K^T C^-1  minimises  old tr((W' - W) C (W' - W)^T) + |W' K - W K - R|^2
    (Meng et al., 2023, section 4.2, where Woodbury's identity leaves an inverse as large as the keys are many): each
    key weighs as much as `old` keys of the corpus do on average. For old = 0 it is the limit, the least change with
    W' K = W K + R, and of one key that is ROME's: W + r (C^-1 k)^T / (k^T C^-1 k).
    """
    K, R = keys.double().T, residuals.double().T
    solved = torch.cholesky_solve(K, factor)  # C^-1 K
    between = K.T @ solved + old * torch.eye(K.shape[1], dtype=K.dtype, device=K.device)
    return weight.double() + R @ torch.linalg.pinv(between, hermitian=True, rtol=SAME_KEY) @ solved.T


@contextmanager
def reading(model: MistralForCausalLM, layers: Sequence[int]) -> Iterator[dict[int, torch.Tensor]]:
    """What the down-projections of some layers read [B, T, I] in the coming pass, by layer."""
    inputs: dict[int, torch.Tensor] = {}

    def noting(layer: int) -> Any:
        def note(_: Module, given: tuple[torch.Tensor]) -> None:
            inputs[layer] = given[0].detach()

        return note

    handles = [model.model.layers[i].mlp.down_proj.register_forward_pre_hook(noting(i)) for i in layers]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


def _documents(shards: TokenShards, tokens: int, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of documents: ids [B, T], padded on the right, and which of them are real."""
    order = epoch_order(len(shards), seed, 0)
    enough = int(np.searchsorted(np.cumsum(shards.lengths[order]), tokens)) + 1
    for start in range(0, min(enough, len(order)), _DOCUMENTS_AT_ONCE):
        some = order[start : min(start + _DOCUMENTS_AT_ONCE, enough)]
        documents = [torch.from_numpy(shards.document(i).astype(np.int64)) for i in some]
        lengths = torch.tensor([len(document) for document in documents])
        ids = torch.nn.utils.rnn.pad_sequence(documents, batch_first=True)
        yield ids, torch.arange(ids.shape[1]) < lengths[:, None]
