"""Beam search: exact with a width of all continuations, and with any width what the definition says, written out."""

import pytest
import torch

from worldgen.lm.beam import Continuations, beam_search
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import continuations
from worldgen.lm.tokenizer import train_word_tokenizer

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=2, row_tokens=64)
NAMES = ["paris", "san salvador", "san salvador university", "san remo", "lovelace university", "rome", "ada in rome"]
PROMPTS = ["ada born in", "ada lovelace born in", "paris university in san"]
ROUNDING = 1e-5  # float32 sums in another order


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer([*NAMES, *PROMPTS])


@pytest.fixture(scope="module")
def model(tokenizer):
    model = new_model(SIZE, tokenizer, seed=0).eval()
    with torch.no_grad():
        model.lm_head.weight.mul_(20)  # far from uniform
    return model


@pytest.fixture(scope="module")
def spelled(tokenizer):
    return [tuple(ids) for ids in continuations(tokenizer, [f"{name}." for name in NAMES])]


def test_a_width_of_all_continuations_ranks_them_all_by_their_probability(model, tokenizer, spelled):
    found = beam_search(model, tokenizer, PROMPTS, Continuations.of(spelled), len(NAMES))
    for prompt, beams in zip(PROMPTS, found, strict=True):
        exact = log_probabilities(model, tokenizer, [(prompt, f"{name}.") for name in NAMES])
        ranked = sorted(range(len(NAMES)), key=lambda i: -exact[i])
        assert [beam.ids for beam in beams] == [spelled[i] for i in ranked]
        assert [beam.log_p for beam in beams] == pytest.approx([exact[i] for i in ranked], abs=ROUNDING)


def test_any_width_keeps_the_best_beginnings_after_every_token(model, tokenizer, spelled):
    """Written out: after n tokens, the `width` best of all beginnings of n tokens whose own beginning was kept."""
    text_of = {ids: tokenizer.decode(list(ids)) for ids in {its[:n] for its in spelled for n in range(1, 9)}}
    cut = 0
    for width in range(1, 5):
        found = beam_search(model, tokenizer, PROMPTS, Continuations.of(spelled), width)
        for prompt, beams in zip(PROMPTS, found, strict=True):
            kept = {()}
            for n in range(1, max(map(len, spelled)) + 1):
                all_of_n = {its[:n] for its in spelled if its[: n - 1] in kept or its in kept}
                pairs = [(prompt, text_of[ids]) for ids in all_of_n]
                score = dict(zip(all_of_n, log_probabilities(model, tokenizer, pairs), strict=True))
                kept = set(sorted(all_of_n, key=lambda ids: -score[ids])[:width])
                cut += len(all_of_n) > width
            assert [beam.ids for beam in beams] == sorted(kept, key=lambda ids: -score[ids])
            assert len(beams) == width
    assert cut


def test_prompts_are_searched_alike_alone_and_together(model, tokenizer, spelled, monkeypatch):
    together = beam_search(model, tokenizer, PROMPTS, Continuations.of(spelled), 3)
    monkeypatch.setattr("worldgen.lm.beam.suitable_tokens", lambda _: 1)
    alone = beam_search(model, tokenizer, PROMPTS, Continuations.of(spelled), 3)
    assert [[beam.ids for beam in its] for its in alone] == [[beam.ids for beam in its] for its in together]
    assert beam_search(model, tokenizer, [], Continuations.of(spelled), 3) == []


def test_continuations_that_begin_with_another_are_refused():
    for texts in ([(1, 2), (1, 2, 3)], [(), (1,)]):
        with pytest.raises(ValueError, match="begins with another one, or is empty"):
            Continuations.of(texts)
