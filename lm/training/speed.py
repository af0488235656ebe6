"""The speed that a device allows: operations that a token costs, operations that the device does in a second."""

from __future__ import annotations

import time

import torch
from transformers import MistralForCausalLM

_SIZES = {"cuda": 8192, "cpu": 768}  # of the square matrices: long enough to measure, over in milliseconds
_REPEATS = 5


def flops_per_token(model: MistralForCausalLM) -> int:
    """Returns 6 times the number of parameters that multiply: all matrices but the embedding.

    2 operations (multiply, add) a parameter, once forward and twice backward. Attention's own products are not
    counted.
    """
    multiplying = sum(parameter.numel() for parameter in model.parameters() if parameter.ndim > 1)
    return 6 * (multiplying - model.model.embed_tokens.weight.numel())


def matmul_flops(device: torch.device) -> float:
    """Returns operations a second of a square matrix product, the best of several; bfloat16 on a GPU, else float32."""
    size = _SIZES[device.type]
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    # Random numbers: a GPU multiplies zeros with less power, and so at a higher clock.
    a, b = (torch.randn(size, size, device=device, generator=_own(device)).to(dtype) for _ in range(2))
    best = min(_seconds(a, b) for _ in range(_REPEATS + 1))
    return 2 * size**3 / best


def _own(device: torch.device) -> torch.Generator:
    """Returns a generator apart from torch's global one, whose state a checkpoint holds."""
    return torch.Generator(device).manual_seed(0)


def _seconds(a: torch.Tensor, b: torch.Tensor) -> float:
    _wait(a)
    begun = time.perf_counter()
    a @ b
    _wait(a)
    return time.perf_counter() - begun


def _wait(tensor: torch.Tensor) -> None:
    if tensor.device.type == "cuda":
        torch.cuda.synchronize(tensor.device)
