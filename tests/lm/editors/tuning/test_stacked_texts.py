"""stacked_texts: every token stands in its place, and an edition's loss is that of its texts alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from worldgen.lm.editors.target_loss import mean_loss
from worldgen.lm.editors.tuning.stacked_texts import stack_texts
from worldgen.lm.texts import Text, pad

CPU = torch.device("cpu")
texts = st.lists(st.integers(1, 9), min_size=2, max_size=7).flatmap(
    lambda ids: st.integers(1, len(ids) - 1).map(lambda asked: Text(ids, asked))
)
editions = st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=4)


@given(editions)
def test_every_token_is_where_it_should_be(written):
    stacked = stack_texts(written, CPU)
    S, R, T = stacked.ids.shape
    assert (S, stacked.count) == (len(written), S * R + 1)
    for edition, own in enumerate(written):
        places, read = stacked.asked[edition].tolist(), stacked.ids[edition]
        asked = iter(range(sum(text.asked for text in own)))
        for number, text in enumerate(own):
            assert read[number, : len(text.ids) - 1].tolist() == text.ids[:-1]
            for column in range(len(text.ids) - 1 - text.asked, len(text.ids) - 1):
                n = next(asked)
                assert places[n] == number * T + column
                assert stacked.targets[edition, n] == text.ids[column + 1]
                assert stacked.rows[edition, n] == edition * R + number
        assert stacked.weights[edition].sum().item() == pytest.approx(1)


@given(editions)
def test_the_loss_of_an_edition_is_that_of_its_texts_alone(written):
    stacked = stack_texts(written, CPU)
    log_p = -torch.arange(1.0, stacked.targets.numel() + 1)
    losses = stacked.losses(log_p)
    for edition, own in enumerate(written):
        count = sum(text.asked for text in own)
        alone = mean_loss(log_p.view_as(stacked.targets)[edition, :count], pad(own, CPU))
        assert losses[edition].item() == pytest.approx(alone.item(), rel=1e-5)  # float32 in another order


def test_an_edition_is_learned_when_all_its_texts_are():
    one, two = [Text([1, 2], 1)], [Text([1, 2], 1), Text([1, 3], 1)]
    stacked = stack_texts([one, two, two], CPU)
    learned = torch.tensor([True, True, True, False, True, True, True])  # the second text of the first is missing
    assert stacked.all_of_each(learned).tolist() == [True, False, True]
