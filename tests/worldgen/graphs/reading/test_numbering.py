"""Numbering ids by a table or by Arrow's dictionaries gives the codes of a plain dictionary."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.graphs.reading import numbering
from worldgen.graphs.reading.numbering import TextNumbering

NUMBERED = st.integers(0, 30).map(lambda number: f"Q{number}")
ODD = st.sampled_from(["Q01", "Q-1", "Q+1", "Q 1", "Q1 ", "Q0x1F", "Q1e1", "Q", "", "7", "P3", "é4", "q1", "Q٣",
                       "Q268435455", "Q268435456", "Q2147483648", "Q99999999999999999999"])  # fmt: skip
NOT_PLAIN = st.sampled_from(["Q01", "Q+1", "Q-1", "Q-0", "Q0x1F", "Q007"])
BLOCKS = st.lists(
    st.lists(NUMBERED)
    | st.lists(NUMBERED | NOT_PLAIN)
    | st.lists(st.integers(0, 9).map(lambda n: f"é{n}"))
    | st.lists(NUMBERED | ODD)
)


def numbered_in(blocks: list[list[str]]) -> tuple[list[int], list[str]]:
    texts_added = TextNumbering()
    for block in blocks:
        texts_added.add(pa.array(block, pa.large_string()))
    codes, texts = texts_added.codes_and_texts()
    assert codes.dtype == "int32"
    return codes.tolist(), list(texts)


@given(BLOCKS.filter(any), st.sampled_from([20, 100]))
def test_codes_are_those_of_a_dictionary(blocks: list[list[str]], most: int) -> None:
    codes: dict[str, int] = {}
    expected = [codes.setdefault(text, len(codes)) for block in blocks for text in block]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbering, "_NUMBER_LIMIT", most)  # no test needs tables of gigabytes
        assert numbered_in(blocks) == (expected, list(codes))


def test_plain_ids_are_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "_numbered_by_dictionary", lambda _: pytest.fail("hashed"))
    assert numbered_in([["Q7", "Q0"], [], ["Q7", "Q12"]]) == ([0, 1, 0, 2], ["Q7", "Q0", "Q12"])
