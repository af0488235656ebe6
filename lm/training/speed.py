"""How fast a model could be trained on a device: operations a token, operations a second."""

from __future__ import annotations

import time

import torch
from transformers import MistralForCausalLM

_SIZES = {"cuda": 8192, "cpu": 768}  # of the square matrices: long enough to measure, over in milliseconds
_REPEATS = 5


def flops_per_token(model: MistralForCausalLM) -> int:
    """6 x the parameters that multiply: all matrices but the embedding, forward once and backward twice.

    Attention's products are not counted, as in the floor that speeds are held against.
    """
    multiplying = sum(parameter.numel() for parameter in model.parameters() if parameter.ndim > 1)
    return 6 * (multiplying - model.model.embed_tokens.weight.numel())


def matmul_flops(device: torch.device) -> float:
    """Operations a second of a square matrix product, the best of several: bfloat16 on a GPU, float32 on a CPU."""
    size = _SIZES[device.type]
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    # Random numbers: a GPU multiplies zeros with less power, and so at a higher clock.
    a, b = (torch.randn(size, size, device=device, generator=_own(device)).to(dtype) for _ in range(2))
    best = min(_seconds(a, b) for _ in range(_REPEATS + 1))
    return 2 * size**3 / best


def _own(device: torch.device) -> torch.Generator:
    """A generator apart from torch's own, whose state a checkpoint holds."""
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
