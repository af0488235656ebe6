"""Floating point operations, counted by torch's own counter: two for each multiply and add of a matrix product."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten


def operations_counter() -> FlopCounterMode:
    """A context that counts products and attention, padding included, and sees no optimizer, norm or sum.

    torch knows every device's attention but the CPU's, which is told here. Counting makes small work many times
    slower: count once what is done often.
    """
    formulas = {
        aten._scaled_dot_product_flash_attention_for_cpu: _forward,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
    }
    return FlopCounterMode(display=False, custom_mapping=formulas)


def _forward(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, _for_each_query_head(query, key), _for_each_query_head(query, value))


def _backward(gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    key, value = _for_each_query_head(query, key), _for_each_query_head(query, value)
    return sdpa_backward_flop_count(gradient, query, key, value)


def _for_each_query_head(query: Any, shared: Any) -> Any:
    """The shape of keys or values, were there some for every head; torch 2.11 does not count heads that share them."""
    return (shared[0], query[1], *shared[2:])
