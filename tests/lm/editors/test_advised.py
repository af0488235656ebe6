"""Editors whose requests an adviser rewrites: an advised edit is that of the requests it is learned as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_edits import OTHER, PAIRS, REQUESTS, ROUNDING

from worldgen.lm.editions import Edition, Editor, Mode, Request, rounds
from worldgen.lm.editors.advised import Advised
from worldgen.lm.editors.lowrank.lora import Lora
from worldgen.lm.editors.settings import FineTuningConfig, LoraConfig
from worldgen.lm.editors.tuning.fine_tuning import FineTuning
from worldgen.lm.score import log_probabilities

FURTHER = (Request("ada likes", "paris."), Request('"ada likes paris" is', "true"))
Make = Callable[[Mode], Editor]


def advice(edition: Edition) -> Edition:
    """Has the first request learned with two more, the others as they are."""
    first, *rest = edition.requests
    return replace(edition, requests=(replace(first, learned_as=(first, *FURTHER)), *rest))


@pytest.fixture(params=["lora", "ft"])
def make(request, tokenizer) -> Make:
    lora, ft = LoraConfig(learning_rate=1e-2, steps=5), FineTuningConfig(learning_rate=3e-3, steps=5)
    if request.param == "lora":
        return lambda mode: Lora(lora, mode, tokenizer)
    return lambda mode: FineTuning(ft, mode, tokenizer, weights=1)


def test_a_request_stands_in_its_round_as_what_it_is_learned_as() -> None:
    edition = advice(Edition(REQUESTS, 0))
    first = edition.requests[0].learned_as
    assert rounds("sequential", edition) == [first, REQUESTS[1:]]
    assert rounds("together", edition) == [(*first, *REQUESTS[1:])]
    assert rounds("single", Edition(REQUESTS[:1], 0)) == [REQUESTS[:1]]


def test_an_advised_edit_is_the_edit_of_all_that_is_learned(model, tokenizer, make) -> None:
    """The requests of one advised edition, made together by the editor itself, cost and give the same."""
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    asked = [*PAIRS, OTHER, *((each.prompt, each.target) for each in FURTHER)]
    results = []
    for editor, edition in (
        (Advised(make("single"), advice), Edition(REQUESTS[:1], 3)),
        (make("together"), Edition((REQUESTS[0], *FURTHER), 3)),
    ):
        with editor.edit(model, [edition]) as edited:
            results.append((edited.costs, log_probabilities(edited, tokenizer, asked, editions=[0] * len(asked))))
    assert results[0][0] == results[1][0]
    assert np.array_equal(results[0][1], results[1][1])
    with make("single").edit(model, [Edition(REQUESTS[:1], 3)]) as alone:
        assert 2 * alone.costs[0].flops < results[0][0][0].flops
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())


def test_in_turn_each_request_is_learned_with_its_own(model, tokenizer, make) -> None:
    """The second turn goes on from the first; editions side by side are those made alone."""
    editor, asked = Advised(make("sequential"), advice), [*PAIRS, OTHER]
    editions = [Edition(REQUESTS, 1), Edition(REQUESTS[::-1], 2)]
    with editor.edit(model, editions) as edited:
        together = [log_probabilities(edited, tokenizer, asked, editions=[e] * 3) for e in (0, 1)]
        costs = edited.costs
    for number, edition in enumerate(editions):
        with editor.edit(model, [edition]) as edited:
            alone = log_probabilities(edited, tokenizer, asked, editions=[0] * 3)
            assert edited.costs[0].flops == costs[number].flops
        assert np.allclose(alone, together[number], atol=10 * ROUNDING)


def test_it_takes_as_many_at_once_as_fit_when_they_are_advised(tokenizer) -> None:
    editions = [Edition(REQUESTS[:1], seed) for seed in range(5)]
    plain = Lora(LoraConfig(batch_tokens=60), "single", tokenizer, name="closure-lora")
    advised = Advised(plain, advice)
    assert advised.name == "closure-lora"
    longest = 9  # BOS and '"ada likes paris" is true' in one piece a word and mark
    assert plain.at_once(editions) > advised.at_once(editions) == 60 // (3 * longest)
