"""Arrays of ids, and ragged arrays: rows of different lengths back to back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]


def ragged_arange(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """0 .. counts[0]-1, 0 .. counts[1]-1, ... back to back."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total, dtype=np.int64) - np.repeat(ends - counts, counts)
