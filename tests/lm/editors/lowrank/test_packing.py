"""packing: every token stands in its place, and every asked token is predicted from the token before it."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.texts import Text

CPU = torch.device("cpu")
texts = st.lists(
    st.lists(st.integers(1, 9), min_size=2, max_size=9).flatmap(
        lambda ids: st.integers(1, len(ids) - 1).map(lambda asked: Text(ids, asked))
    ),
    min_size=1,
    max_size=8,
)


@given(texts, st.booleans())
def test_every_token_is_where_it_should_be(written, one_group):
    packed = pack(written, CPU, one_group)
    assert sorted(packed.order) == list(range(len(written)))
    assert sum(group.rows for group in packed.groups) == len(written)
    if one_group:
        assert len(packed.groups) == 1
    else:
        assert len(packed.ids) == sum(len(text.ids) - 1 for text in written)  # no padding at all
    begin, seen = 0, 0
    of_rows = iter(packed.order)
    for group in packed.groups:
        for _ in range(group.rows):
            text = written[next(of_rows)]
            read = len(text.ids) - 1
            assert packed.ids[begin : begin + read].tolist() == text.ids[:-1]
            assert packed.positions[begin : begin + group.width].tolist() == list(range(group.width))
            predicts = range(begin + read - text.asked, begin + read)
            asked = slice(seen, seen + text.asked)
            assert packed.kept[packed.asked[asked]].tolist() == list(predicts)
            assert packed.targets[asked].tolist() == text.ids[-text.asked :]
            begin, seen = begin + group.width, seen + text.asked
    assert packed.rows.tolist() == [r for r, n in enumerate(packed.order) for _ in range(written[n].asked)]
