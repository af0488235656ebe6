"""fine_tuning: many editions at once are each the reference, whatever the optimizer, the mode and the stop rule."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_edits import SIZE

from worldgen.lm.editions import Cost, Edition, Mode, Request
from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig
from worldgen.lm.editors.tuning.fine_tuning import FineTuning
from worldgen.lm.editors.tuning.fine_tuning_reference import FineTuningReference
from worldgen.lm.editors.tuning.matrices import tuned_blocks, weight_count
from worldgen.lm.model import new_model
from worldgen.lm.score import greedy, log_probabilities

# Of three lengths, with two and three asked tokens.
REQUESTS = [
    Request("ada born in", "san salvador."),
    Request("bob likes", "paris."),
    Request("bob ada born in", "paris."),
    Request("ada likes", "bob."),
    Request("bob born in", "san salvador."),
]
PAIRS = [(request.prompt, request.target) for request in REQUESTS]
RATES = {"adamw": 2e-3, "sgd": 0.3, "rmsprop": 1e-3}
# Both are float32; sums in another order, some steps through an optimizer that divides by the root of small numbers.
ROUNDING = {"rel": 2e-3, "abs": 2e-4}


def editions_of(mode: Mode) -> list[Edition]:
    """Editions of three and two requests, or five of one."""
    if mode == "single":
        return [Edition((request,), number) for number, request in enumerate(REQUESTS)]
    return [Edition(tuple(REQUESTS[:3]), 11), Edition(tuple(REQUESTS[3:]), 12)]


def one_by_one(config, mode, tokenizer, model, editions) -> tuple[list[Cost], np.ndarray]:
    """Each edition's cost, and its log probability of every pair, by the reference."""
    costs, scores = [], []
    for edition in editions:
        with FineTuningReference(config, mode, tokenizer).edit(model, [edition]) as edited:
            costs += edited.costs
            scores.append(log_probabilities(edited, tokenizer, PAIRS))
    return costs, np.stack(scores)


def batched(config, mode, tokenizer, model) -> FineTuning:
    return FineTuning(config, mode, tokenizer, weight_count(tuned_blocks(model, config)))


def at_once(config, mode, tokenizer, model, editions) -> tuple[tuple[Cost, ...], np.ndarray]:
    """The same by one call."""
    with batched(config, mode, tokenizer, model).edit(model, editions) as edited:
        of = [edition for edition in range(len(editions)) for _ in PAIRS]
        scores = log_probabilities(edited, tokenizer, PAIRS * len(editions), editions=of)
    return edited.costs, scores.reshape(len(editions), -1)


def assert_same(config, mode, tokenizer, model) -> list[int]:
    """Compares both ways in steps, losses, operations and probabilities; returns the steps of each edition."""
    editions = editions_of(mode)
    slow_costs, slow = one_by_one(config, mode, tokenizer, model, editions)
    costs, fast = at_once(config, mode, tokenizer, model, editions)
    assert [len(cost.losses) for cost in costs] == [len(cost.losses) for cost in slow_costs]
    assert [cost.flops for cost in costs] == [cost.flops for cost in slow_costs]
    for mine, theirs in zip(costs, slow_costs, strict=True):
        assert mine.losses == pytest.approx(theirs.losses, **ROUNDING)
    assert np.exp(fast) == pytest.approx(np.exp(slow), **ROUNDING)
    assert np.abs(np.exp(fast[0]) - np.exp(fast[1])).max() > 0.01  # editions do differ
    return [len(cost.losses) for cost in costs]


@pytest.mark.parametrize("stop", ["probability", "predicted"])
@pytest.mark.parametrize("mode", ["single", "sequential", "together"])
@pytest.mark.parametrize("optimizer", list(RATES))
def test_many_at_once_are_each_the_reference(model, tokenizer, optimizer, mode, stop):
    """Two of five editions wait for a place, and editions end at different steps."""
    rate = RATES[optimizer]
    config = FineTuningConfig(optimizer=optimizer, learning_rate=rate, steps=12, stop=stop, stop_probability=0.3)
    steps = assert_same(config, mode, tokenizer, model)
    assert min(steps) > 0
    if mode == "single":
        assert len(set(steps)) > 1


@pytest.fixture(autouse=True)
def three_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes editions wait for a place, and the last one move."""
    monkeypatch.setattr("worldgen.lm.editors.tuning.places.CPU_PLACES", 3)


@pytest.mark.parametrize("layers", [(), (1,)])
def test_mlps_within_their_ball_at_once_are_each_the_reference(model, tokenizer, layers):
    config = ConstrainedFineTuningConfig(learning_rate=3e-3, max_norm=0.02, layers=layers, steps=8)
    for mode in ("single", "sequential"):
        assert_same(config, mode, tokenizer, model)


def test_decay_and_a_plain_rmsprop_are_each_the_reference(model, tokenizer):
    settings = {"optimizer": "rmsprop", "learning_rate": 1e-3, "centered": False, "weight_decay": 0.1, "steps": 6}
    assert_same(FineTuningConfig(**settings), "single", tokenizer, model)


def test_heads_that_share_keys_and_values_are_each_the_reference(tokenizer):
    shared = new_model(SIZE.model_copy(update={"kv_heads": 2}), tokenizer, seed=0)
    assert_same(FineTuningConfig(learning_rate=3e-3, steps=6), "together", tokenizer, shared)


def test_no_step_is_no_edit(model, tokenizer):
    before = log_probabilities(model, tokenizer, PAIRS)
    costs, scores = at_once(FineTuningConfig(steps=0), "sequential", tokenizer, model, editions_of("sequential"))
    assert all(cost == Cost() for cost in costs)
    assert np.exp(scores) == pytest.approx(np.exp([before, before]), rel=1e-5)  # float32 in another order


def test_the_other_editions_of_a_call_do_not_matter(model, tokenizer):
    config, editions = FineTuningConfig(learning_rate=2e-3, steps=10), editions_of("single")
    costs, scores = at_once(config, "single", tokenizer, model, editions[::-1])
    for edition, cost, together in zip(editions, costs[::-1], scores[::-1], strict=True):
        (alone,), score = at_once(config, "single", tokenizer, model, [edition])
        assert alone.losses == pytest.approx(cost.losses, **ROUNDING)
        assert alone.flops == cost.flops
        assert np.exp(score[0]) == pytest.approx(np.exp(together), **ROUNDING)


def test_greedy_answers_come_from_the_edition_asked(model, tokenizer):
    """Each edition's answers to all prompts, in one call, are those that it gives alone."""
    config, editions = FineTuningConfig(learning_rate=3e-3), editions_of("single")
    prompts = [request.prompt for request in REQUESTS]
    with batched(config, "single", tokenizer, model).edit(model, editions) as edited:
        of = [edition for edition in range(len(editions)) for _ in prompts]
        said = greedy(edited, tokenizer, prompts * len(editions), 3, editions=of)
    answers = [said[start : start + len(prompts)] for start in range(0, len(said), len(prompts))]
    for edition, own in zip(editions, answers, strict=True):
        with FineTuningReference(config, "single", tokenizer).edit(model, [edition]) as edited:
            assert own == greedy(edited, tokenizer, prompts, 3)
    assert answers[0] != answers[1]


def test_as_many_editions_at_once_as_the_weights_allow(model, tokenizer):
    weights = sum(parameter.numel() for parameter in model.parameters() if parameter.ndim > 1)

    def fit(most: int) -> int:
        config = FineTuningConfig(weights_at_once=most)
        return batched(config, "single", tokenizer, model).at_once(editions_of("single"))

    assert [fit(1), fit(2 * weights - 1), fit(2 * weights)] == [1, 1, 2]


def test_the_models_forward_comes_back(model, tokenizer):
    editor = batched(FineTuningConfig(steps=1), "single", tokenizer, model)
    with pytest.raises(KeyError), editor.edit(model, editions_of("single")):
        raise KeyError
    assert not [module for module in model.modules() if "forward" in module.__dict__ or "of_rows" in module.__dict__]
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert torch.is_grad_enabled()
