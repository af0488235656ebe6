"""Work in batches that become smaller when memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")


def work_that_fits(work: Callable[[int], Result], size: int, smaller: Callable[[int], int]) -> tuple[Result, int]:
    """Returns `work(size)` for the first batch size that fits in memory, and this size.

    After each failure the size becomes `smaller(size)`, which may also clean up, report, or raise to give up.
    Raises torch.OutOfMemoryError where a batch of one does not fit.
    """
    while True:
        try:
            return work(size), size
        except torch.OutOfMemoryError:
            if size == 1:
                raise
        # Here the exception is gone, and with it the tensors that its frames held.
        size = smaller(size)
        torch.cuda.empty_cache()
