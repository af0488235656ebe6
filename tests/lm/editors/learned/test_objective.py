"""objective: terms, directions and masks, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from small_updates import SIZES, WEIGHTS, three_updates
from torch.nn import functional

from worldgen.lm.editors.learned.objective import TokenWeights, terms_of, texts_of, token_weights
from worldgen.lm.editors.learned.settings import ConstrainedConfig, LearnedConfig
from worldgen.lm.editors.tuning.stacked_texts import stack_texts

# One token, three words: before the update the model says (1/2, 1/4, 1/4), after it (1/4, 1/2, 1/4).
BEFORE = torch.tensor([[[0.5, 0.25, 0.25]]], dtype=torch.float64).log()
AFTER = torch.tensor([[[0.25, 0.5, 0.25]]], dtype=torch.float64).log()
ONE = torch.ones(1, 1, dtype=torch.float64)


def loss(**settings) -> tuple[float, float]:
    config = LearnedConfig(**SIZES, **settings)
    found = TokenWeights(ONE, 3 * ONE).loss(AFTER, BEFORE, torch.tensor([[0]]), config)
    return found.taught.item(), found.kept.item()


def test_a_token_by_hand():
    """-log 1/4; KL = 1/2 log 2 + 1/4 log 1/2."""
    taught, kept = loss()
    assert taught == pytest.approx(math.log(4))
    assert kept == pytest.approx(3 * 0.25 * math.log(2))


def test_the_directions_of_the_divergence_differ():
    after = torch.tensor([[[0.125, 0.125, 0.75]]], dtype=torch.float64).log()
    for direction, expected in (
        ("orig||new", 0.5 * math.log(4) + 0.25 * math.log(2) + 0.25 * math.log(1 / 3)),
        ("new||orig", 0.125 * math.log(1 / 4) + 0.125 * math.log(1 / 2) + 0.75 * math.log(3)),
    ):
        config = LearnedConfig(**SIZES, kl_direction=direction)
        found = TokenWeights(ONE, ONE).loss(after, BEFORE, torch.tensor([[0]]), config)
        assert found.kept.item() == pytest.approx(expected)


def test_label_smoothing_is_torchs():
    expected = functional.cross_entropy(AFTER[0], torch.tensor([0]), label_smoothing=0.3)
    assert loss(label_smoothing=0.3)[0] == pytest.approx(expected.item())


def test_lambdas_are_divided_by_the_sum_of_those_in_use(tokenizer):
    """The second update has neither paraphrases nor entailed texts: of 1, .5, 2, .7, 1.3 are left 1, .7, 1.3."""
    one, two, _ = three_updates(tokenizer)
    config = LearnedConfig(**SIZES, **WEIGHTS)
    assert [term.weight for term in terms_of(one, config)] == pytest.approx([w / 5.5 for w in (1, 0.5, 2, 0.7, 1.3)])
    assert [term.weight for term in terms_of(two, config)] == pytest.approx([1 / 3, 0.7 / 3, 1.3 / 3])
    assert [term.is_taught for term in terms_of(two, config)] == [True, False, False]
    plain = config.model_copy(update={"normalise_lambdas": False})
    assert [term.weight for term in terms_of(two, plain)] == [1, 0.7, 1.3]


def test_main_is_the_request_and_the_random_points(tokenizer):
    one = three_updates(tokenizer)[0]
    terms = terms_of(one, LearnedConfig(**SIZES))
    assert texts_of(terms) == [one.main, *one.random]
    assert [term.weight for term in terms] == [0.5, 0.5]


def test_the_constrained_objective_weighs_its_two_sides_apart(tokenizer):
    one, two, _ = three_updates(tokenizer)
    config = ConstrainedConfig(**SIZES)
    assert [(term.weight, term.is_taught) for term in terms_of(one, config)] == [(0.5, True), (0.5, True), (1, False)]
    assert [(term.weight, term.is_taught) for term in terms_of(two, config)] == [(1, True), (1, False)]


def test_tokens_weigh_what_their_texts_share_and_padding_nothing(tokenizer):
    config = LearnedConfig(**SIZES, **WEIGHTS, normalise_lambdas=False)
    of_updates = [terms_of(update, config) for update in three_updates(tokenizer)]
    stacked = stack_texts([texts_of(terms) for terms in of_updates], torch.device("cpu"))
    weights = token_weights(of_updates, stacked, torch.float64)
    for number, terms in enumerate(of_updates):
        expected = [
            (term.weight / len(term.texts) / text.asked, term.is_taught)
            for term in terms for text in term.texts for _ in range(text.asked)
        ]  # fmt: skip
        padding = [0.0] * (weights.taught.shape[1] - len(expected))
        assert weights.taught[number].tolist() == pytest.approx([w * t for w, t in expected] + padding)
        assert weights.kept[number].tolist() == pytest.approx([w * (not t) for w, t in expected] + padding)
    assert any(not row[-1] for row in weights.taught + weights.kept)  # some have padding
