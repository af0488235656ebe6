"""How much is kept for a backward pass: counted, so that it does not depend on the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class SavedTensors:
    """Counts the entries of tensors that are kept for a backward pass, at any time and at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts what is saved inside the context."""
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: _Saved(tensor, self), lambda saved: saved.tensor):
            yield


class _Saved:
    def __init__(self, tensor: torch.Tensor, count: SavedTensors) -> None:
        self.tensor, self.count = tensor, count
        count.now += tensor.numel()
        count.most = max(count.most, count.now)

    def __del__(self) -> None:
        self.count.now -= self.tensor.numel()
