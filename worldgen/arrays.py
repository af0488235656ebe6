"""Arrays of ids, and ragged arrays: rows of different lengths, stored back to back.

A ragged array is a flat array of E entries and `start` [N+1]: row i holds the entries start[i] .. start[i+1]-1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]


def ragged_arange(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Returns the place of each entry in its row: 0 .. lengths[0]-1, 0 .. lengths[1]-1, ... back to back.

    Shapes: lengths [N]; result [sum of lengths].
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total, dtype=np.int64) - np.repeat(ends - lengths, lengths)


def row_starts(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Returns where each row of these lengths starts, and last where the last row ends.

    Shapes: lengths [N]; result [N+1].
    """
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def row_of_entry(start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the row that each entry belongs to. Shapes: start [N+1]; result [E]."""
    return np.repeat(np.arange(len(start) - 1), np.diff(start))


def gather_rows(start: NDArray[np.int64], rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns (entries, lengths) of the chosen rows: what indexes the flat array, and each chosen row's length.

    entries = start[rows[0]] .. start[rows[0]+1]-1, start[rows[1]] .. start[rows[1]+1]-1, ... back to back.
    A row may be chosen several times, and in any order.
    Shapes: start [N+1]; rows [M]; entries [sum of lengths]; lengths [M].
    """
    lengths = np.diff(start)[rows]
    return np.repeat(start[rows], lengths) + ragged_arange(lengths), lengths
