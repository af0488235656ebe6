"""Sums and look-ups in sparse columns.

A sparse column is a sorted array of distinct keys and an array of the values that belong to them.
Shapes: N keys, W wanted keys, R rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]


def sum_by_place(place: NDArray[np.integer], values: Floats, size: int) -> NDArray[np.float64]:
    """Returns [size]: the sum of the values that fall on each place 0 .. size-1."""
    return np.bincount(place, weights=values, minlength=size).astype(np.float64)


def sum_by_key(key: Integers, *columns: Floats) -> tuple[Integers, list[NDArray[np.float64]]]:
    """Returns the sorted distinct keys, and for each column its sums over equal keys."""
    keys, place = np.unique(key, return_inverse=True)
    return keys, [sum_by_place(place, column, len(keys)) for column in columns]


def look_up(keys: NDArray[np.integer], values: Floats, wanted: NDArray[np.integer]) -> tuple[Flags, Floats]:
    """Returns (whether each wanted key is there, its value). The value of an absent key is arbitrary.

    Shapes: keys and values [N]; `wanted` and both results any one shape.
    """
    if not len(keys):
        return np.zeros(wanted.shape, dtype=bool), np.zeros(wanted.shape)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return keys[place] == wanted, values[place]


def entries_of_row(key: Integers, K: int, row: int) -> slice:
    """Returns the entries of one row, where key = row K + object is sorted."""
    return slice(*np.searchsorted(key, [row * K, (row + 1) * K]))


def largest_in_rows(key: Integers, K: int, value: Floats, rows: int) -> tuple[Floats, Integers]:
    """Returns each row's largest value and the lowest object that has it; -inf and 0 for a row without an entry.

    Shapes: key = row K + object (sorted) and value [N]; both results [rows].
    """
    best, lowest = np.full(rows, -np.inf), np.zeros(rows, dtype=np.int64)
    row, object_ = key // K, key % K
    if len(row):
        first = np.flatnonzero(np.diff(row, prepend=-1))
        best[row[first]] = np.maximum.reduceat(value, first)
        is_best = value == best[row]
        # Assigned from the last to the first, so that the lowest object stays.
        lowest[row[is_best][::-1]] = object_[is_best][::-1]
    return best, lowest
