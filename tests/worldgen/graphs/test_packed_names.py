"""Packed texts behave as a sequence of strings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from worldgen.graphs.packed_names import PackedTexts, texts_by_code


def test_texts_are_a_sequence_of_strings() -> None:
    known = [f"Q{i}" for i in range(70_000)]  # more than are turned into strings at once
    texts = PackedTexts(pa.array(known, pa.large_string()))
    assert list(texts) == known
    assert (texts[3], texts[np.int32(-1)], texts[1:3], len(texts)) == ("Q3", "Q69999", ["Q1", "Q2"], 70_000)
    assert texts.index("Q2") == 2
    codes = np.array([7, 2, 69_999], np.int32)
    assert texts_by_code(texts, codes) == texts_by_code(known, codes) == {7: "Q7", 2: "Q2", 69_999: "Q69999"}
    assert "Q70000" not in texts
    with pytest.raises(IndexError):
        texts[70_000]
