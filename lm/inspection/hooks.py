"""Reading and changing what a module of a model puts out, for a while.

Shapes: B texts, T tokens, H hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn import Module

Change = Callable[[torch.Tensor], torch.Tensor]
"""From a module's output to its new output, both [B, T, H]."""
Output = torch.Tensor | tuple[torch.Tensor, ...]


@contextmanager
def hooked(module: Module, change: Change) -> Iterator[None]:
    """Applies `change` to the module's output, or to the first of its outputs."""

    def hook(_: Module, __: tuple[torch.Tensor, ...], output: Output) -> Output:
        return (change(output[0]), *output[1:]) if isinstance(output, tuple) else change(output)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
