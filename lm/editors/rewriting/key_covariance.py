"""The keys of a model's down-projections: their covariance over the corpus, its Cholesky factor and its whitening map.

A key is what a down-projection reads: silu(gate x) * up x.
Shapes: B documents, T tokens of the longest, N tokens, I intermediate size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch.nn import Module
from transformers import MistralForCausalLM

from worldgen.lm.data import TokenShards, epoch_order

# The share of the mean of C's diagonal that is added to the diagonal: C has no Cholesky factor if a unit is never used.
RIDGE = 1e-6
_DOCUMENTS_AT_ONCE = 64


@torch.inference_mode()
def key_covariances(
    model: MistralForCausalLM, shards: TokenShards, layers: Sequence[int], tokens: int, seed: int
) -> dict[int, torch.Tensor]:
    """Returns C = 1/N sum of k k^T for each layer [I, I], in float64 and uncentred, by layer.

    The sample is the first documents in the random order that `seed` draws. Whole documents are read, BOS and EOS
    included, until they hold at least `tokens` tokens, or all documents are read.
    """
    device = model.lm_head.weight.device
    sums = {layer: torch.zeros((), dtype=torch.float64, device=device) for layer in layers}
    read = 0
    for ids, real in _documents(shards, tokens, seed):
        with recorded_keys(model, layers) as keys_of:
            model.model(input_ids=ids.to(device), use_cache=False)
        for layer in layers:
            keys = keys_of[layer][real.to(device)].double()
            sums[layer] = sums[layer] + keys.T @ keys
        read += int(real.sum())
    return {layer: total / read for layer, total in sums.items()}


def cholesky_factor(covariance: torch.Tensor) -> torch.Tensor:
    """Returns the lower Cholesky factor of C [I, I] with a small ridge on its diagonal."""
    ridge = RIDGE * covariance.diagonal().mean()
    return torch.linalg.cholesky(
        covariance + ridge * torch.eye(len(covariance), dtype=ridge.dtype, device=ridge.device)
    )


def whitening_map(covariance: torch.Tensor, ridge: float) -> torch.Tensor:
    """Returns the map M [I, I], in float64, after which keys vary equally in every direction and keep their mean size.

    M = s (C + ridge c 1)^(-1/2), where c is the mean of C's diagonal and s is such that tr(M C M) = tr(C).
    Keys of different subjects share their large directions. After M they share little, so that what is written for
    one subject hardly affects another. A large ridge leaves the keys as they are.
    """
    spread, axes = torch.linalg.eigh(covariance)
    root = (spread.clamp(min=0) + ridge * spread.mean()).rsqrt()
    scale = (spread.sum() / (spread * root**2).sum()).sqrt()
    return axes * (scale * root) @ axes.T


@contextmanager
def recorded_keys(model: MistralForCausalLM, layers: Sequence[int]) -> Iterator[dict[int, torch.Tensor]]:
    """Records the keys [B, T, I] that these layers' down-projections read in the coming pass, by layer."""
    keys: dict[int, torch.Tensor] = {}

    def recorder(layer: int) -> Callable[[Module, tuple[torch.Tensor]], None]:
        def record(_: Module, inputs: tuple[torch.Tensor]) -> None:
            keys[layer] = inputs[0].detach()

        return record

    handles = [model.model.layers[i].mlp.down_proj.register_forward_pre_hook(recorder(i)) for i in layers]
    try:
        yield keys
    finally:
        for handle in handles:
            handle.remove()


def _documents(shards: TokenShards, tokens: int, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields batches of documents: ids [B, T], padded on the right, and whether each id is a document's own [B, T]."""
    order = epoch_order(len(shards), seed, 0)
    enough = int(np.searchsorted(np.cumsum(shards.lengths[order]), tokens)) + 1
    for start in range(0, min(enough, len(order)), _DOCUMENTS_AT_ONCE):
        numbers = order[start : min(start + _DOCUMENTS_AT_ONCE, enough)]
        documents = [torch.from_numpy(shards.document(i).astype(np.int64)) for i in numbers]
        lengths = torch.tensor([len(document) for document in documents])
        ids = torch.nn.utils.rnn.pad_sequence(documents, batch_first=True)
        yield ids, torch.arange(ids.shape[1]) < lengths[:, None]
