"""Attention within each sequence of a row whose sequences are sorted by length: no padding, no mask.

transformers' models call it by its name: `model.set_attn_implementation(BY_LENGTH)`, and get the row's blocks as an
argument of their forward pass. A model with this attention builds no mask.
Shapes: E tokens, H heads, d dimensions of a head; a block has n sequences of L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from worldgen.lm.staged.sequences import Block

BY_LENGTH: Final = "worldgen_by_length"


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    blocks: Sequence[Block] = (),
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Returns [1, E, H, d] of query [1, H, E, d]; key and value may have fewer heads."""
    assert attention_mask is None
    grouped = query.shape[1] != key.shape[1]
    parts, start = [], 0
    for n, length in blocks:
        q, k, v = (_block(states, start, n, length) for states in (query, key, value))
        mixed = scaled_dot_product_attention(
            q, k, v, dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=grouped
        )
        parts.append(mixed.transpose(1, 2).reshape(n * length, query.shape[1], query.shape[3]))
        start += n * length
    return torch.cat(parts)[None], None


def _block(states: torch.Tensor, start: int, n: int, length: int) -> torch.Tensor:
    """Returns [n, H, L, d], the block of [1, H, E, d] that begins at `start`."""
    H, d = states.shape[1], states.shape[3]
    return states[0, :, start : start + n * length].reshape(H, n, length, d).transpose(0, 1)


AttentionInterface.register(BY_LENGTH, _attend)
