"""Learning from updates: the gradient is right, the fast way is the slow one, and memory does not grow."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_causal_models import model_of
from small_edits import SIZE
from small_updates import SIZES, WEIGHTS, embolden, gradient_of

from worldgen.lm.editors.learned.learning import Measured, Tally
from worldgen.lm.editors.learned.network import LearnedOptimizer, new_network
from worldgen.lm.editors.learned.one_at_a_time import OneAtATime
from worldgen.lm.editors.learned.settings import ConstrainedConfig, LearnedConfig
from worldgen.lm.editors.learned.side_by_side import SideBySide, side_by_side
from worldgen.lm.editors.learned.training import learner_of
from worldgen.lm.editors.saved_tensors import SavedTensors
from worldgen.lm.model import new_model
from worldgen.lm.texts import Text

CONFIG = LearnedConfig(**SIZES, **WEIGHTS, training_steps=3)
FLOAT64 = {"rtol": 1e-9, "atol": 1e-11}  # float64 sums in another order, through a model of two layers


def network_of(model, config=CONFIG) -> LearnedOptimizer:
    return embolden(new_network(model, config, seed=1))


def learned(kind, model, config, sequences, price=1.0) -> tuple[Measured, torch.Tensor]:
    """What is measured, and the gradient in phi."""
    network = network_of(model, config)
    measured = kind(model, network, config).learn(sequences, price)
    return measured, gradient_of(network)


def assert_both_ways_are_one(model, config, sequences, price=1.0) -> Measured:
    slow, expected = learned(OneAtATime, model, config, sequences, price)
    fast, found = learned(side_by_side, model, config, sequences, price)
    assert (fast.steps, fast.learned) == (slow.steps, slow.learned)
    assert (fast.taught, fast.kept) == pytest.approx((slow.taught, slow.kept), rel=1e-9)
    assert torch.allclose(found, expected, **FLOAT64)
    assert expected.abs().max() > 1e-3
    return fast


@pytest.mark.parametrize("direction", ["orig||new", "new||orig"])
@pytest.mark.parametrize("inner_loss", ["all_steps", "last"])
def test_side_by_side_is_one_at_a_time(exact, updates, direction, inner_loss):
    one, two, three = updates
    config = CONFIG.model_copy(update={"kl_direction": direction, "inner_loss": inner_loss, "sequence": 2})
    assert_both_ways_are_one(exact, config, [[one, two], [two, three], [three, one]])


weights = st.sampled_from([0.0, 0.3, 2.0])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])  # the model does not move
@given(
    sequences=st.integers(1, 3).flatmap(
        lambda r: st.lists(st.lists(st.integers(0, 2), min_size=r, max_size=r), min_size=1, max_size=3)
    ),
    chosen=st.fixed_dictionaries(
        dict.fromkeys(WEIGHTS, weights)
        | {
            "training_steps": st.integers(1, 3),
            "normalise_lambdas": st.booleans(),
            "label_smoothing": st.sampled_from([0.0, 0.2]),
            "kl_direction": st.sampled_from(["orig||new", "new||orig"]),
            "inner_loss": st.sampled_from(["all_steps", "last"]),
        }
    ),
    price=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_any_sequences_and_settings_both_ways(exact, updates, sequences, chosen, price):
    config = CONFIG.model_copy(update=chosen)
    assert_both_ways_are_one(exact, config, [[updates[i] for i in sequence] for sequence in sequences], price)


@pytest.mark.parametrize("inner_loss", ["all_steps", "last"])
def test_updates_stop_when_they_are_learned_and_the_others_go_on(exact, updates, inner_loss):
    """Some words as labels: one is predicted before any step, two after three and four of them, one is not at all."""
    ids = updates[0].main.ids[:-3]
    labels = [replace(updates[0], main=Text([*ids, word], 1)) for word in (5, 7, 12, 3)]
    config = CONFIG.model_copy(update={"training_steps": 5, "inner_loss": inner_loss})
    alone = [learned(side_by_side, exact, config, [[update]])[0] for update in labels]
    assert [(measured.steps, measured.learned) for measured in alone] == [(0, 1), (3, 1), (4, 1), (5, 0)]
    together = assert_both_ways_are_one(exact, config, [[update] for update in labels])
    for name in ("taught", "kept", "steps", "learned"):
        values = [getattr(measured, name) for measured in alone]
        assert getattr(together, name) == pytest.approx(sum(values) / len(values), rel=1e-9)


def test_the_constrained_objective_both_ways(exact, updates):
    config = ConstrainedConfig(**SIZES)
    assert_both_ways_are_one(exact, config, [[update] for update in updates], price=0.3)


def test_plain_sums_of_the_terms_both_ways(exact, updates):
    config = CONFIG.model_copy(update={"normalise_lambdas": False, "label_smoothing": 0.2})
    assert_both_ways_are_one(exact, config, [[update] for update in updates])


def test_heads_that_share_keys_and_values_in_float32(tokenizer, updates):
    model = new_model(SIZE.model_copy(update={"kv_heads": 2}), tokenizer, seed=0).eval().requires_grad_(False)
    _, slow = learned(OneAtATime, model, CONFIG, [[update] for update in updates])
    _, fast = learned(side_by_side, model, CONFIG, [[update] for update in updates])
    assert (fast - slow).norm() < 1e-3 * slow.norm()  # float32 in another order, through three steps


def test_the_way_is_chosen_by_the_model(exact):
    assert isinstance(learner_of(exact, network_of(exact), CONFIG), SideBySide)
    other = model_of("gpt2", exact.config.vocab_size)
    assert isinstance(learner_of(other, network_of(other), CONFIG), OneAtATime)


@pytest.mark.parametrize("architecture", ["gpt2", "exact"])
def test_the_gradient_is_that_of_the_loss(exact, updates, architecture):
    """Central differences of one step's loss along a random direction, in float64; GPT-2 is another architecture."""
    model = exact if architecture == "exact" else model_of("gpt2", exact.config.vocab_size).requires_grad_(False)
    config = CONFIG.model_copy(update={"training_steps": 1})
    network = network_of(model, config)
    learner, alone = learner_of(model, network, config), [[update] for update in updates]
    learner.learn(alone, price=0.6)
    gradient = gradient_of(network)
    direction = torch.randn(len(gradient), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start = torch.nn.utils.parameters_to_vector(network.parameters()).detach()

    def loss(step: float) -> float:
        torch.nn.utils.vector_to_parameters(start + step * direction, network.parameters())
        measured = learner.learn(alone, price=0.6)
        return measured.taught + 0.6 * measured.kept

    size = 1e-5  # the error of the difference is of the order of its square
    assert (loss(size) - loss(-size)) / (2 * size) == pytest.approx((gradient @ direction).item(), rel=1e-6)


def of_sum(model, config, sequence, detach: bool) -> torch.Tensor:
    """The gradient by one backward pass of the sum of all steps' losses."""
    network = network_of(model, config)
    tally = Tally(len(sequence))
    total = sum(loss.taught + loss.kept for loss in OneAtATime(model, network, config).losses(sequence, tally, detach))
    (total / len(sequence)).backward()
    return gradient_of(network)


def test_a_backward_pass_for_each_step_is_one_of_their_sum(exact, updates):
    _, each = learned(OneAtATime, exact, CONFIG, [updates])
    assert torch.allclose(of_sum(exact, CONFIG, updates, detach=True), each, **FLOAT64)
    not_constant = of_sum(exact, CONFIG, updates, detach=False)
    assert (not_constant - each).norm() > 0.01 * each.norm()


def most_saved(kind, model, sequence, steps: int, detach: bool | None = None) -> int:
    """The most that is kept for backward passes at a time; with `detach` set, for one pass at the end."""
    config = CONFIG.model_copy(update={"training_steps": steps})
    network, saved = network_of(model, config), SavedTensors()
    learner = kind(model, network, config)
    with saved.counted():
        if detach is None:
            assert learner.learn([sequence], 1.0).steps == steps  # none is learned early
        else:
            losses = learner.losses(sequence, Tally(len(sequence)), detach)
            sum(loss.taught + loss.kept for loss in losses).backward()
    return saved.most


@pytest.mark.parametrize("kind", [OneAtATime, side_by_side])
def test_memory_is_flat_in_steps_and_in_updates(exact, updates, kind):
    once = most_saved(kind, exact, updates[:1], steps=2)
    assert once > 0
    assert most_saved(kind, exact, updates[:1], steps=6) == once
    assert most_saved(kind, exact, updates[:1] * 4, steps=2) == once


def test_memory_grows_where_weights_are_no_constants(exact, updates):
    once = most_saved(OneAtATime, exact, updates[:1], steps=2, detach=False)
    assert most_saved(OneAtATime, exact, updates[:1], steps=6, detach=False) > 2 * once
    assert most_saved(OneAtATime, exact, updates[:1] * 4, steps=2, detach=False) > 2 * once
