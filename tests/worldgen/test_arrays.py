"""Ragged arrays against the obvious loops."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worldgen.arrays import gather_rows, ragged_arange, row_of_entry, row_starts

LENGTHS = st.lists(st.integers(0, 11), max_size=6)


@st.composite
def chosen_rows(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """The lengths of some rows, and a choice of the rows in any order, with repetitions."""
    lengths = draw(LENGTHS)
    rows = draw(st.lists(st.integers(0, len(lengths) - 1), max_size=8)) if lengths else []
    return lengths, rows


@given(LENGTHS)
def test_ragged_arange_counts_each_row_from_zero(lengths: list[int]) -> None:
    assert ragged_arange(np.array(lengths, dtype=np.int64)).tolist() == [i for n in lengths for i in range(n)]


@given(LENGTHS)
def test_rows_start_where_the_rows_before_them_end(lengths: list[int]) -> None:
    start = row_starts(np.array(lengths, dtype=np.int64))
    assert start.dtype == np.int64
    assert start.tolist() == [sum(lengths[:i]) for i in range(len(lengths) + 1)]


@given(LENGTHS)
def test_each_entry_knows_its_row(lengths: list[int]) -> None:
    start = row_starts(np.array(lengths, dtype=np.int64))
    assert row_of_entry(start).tolist() == [row for row, n in enumerate(lengths) for _ in range(n)]


@given(chosen_rows())
def test_gathered_rows_are_the_rows_one_by_one(drawn: tuple[list[int], list[int]]) -> None:
    lengths, rows = drawn
    start = row_starts(np.array(lengths, dtype=np.int64))
    entries, gathered = gather_rows(start, np.array(rows, dtype=np.int64))
    assert entries.dtype == gathered.dtype == np.int64
    assert entries.tolist() == [entry for row in rows for entry in range(start[row], start[row + 1])]
    assert gathered.tolist() == [lengths[row] for row in rows]
