"""worldgen.lm.inspection.probing and activations: probes find what is planted and nothing in noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_causal_models import ARCHITECTURES, model_of

from worldgen.lm.inspection import activations
from worldgen.lm.inspection.activations import blocks_of, residual_stream
from worldgen.lm.inspection.probing import Probe, probe

N, L, T, H = 400, 2, 3, 8
VARIABLES = [f"v{number}" for number in range(N)]
CHANCE = 5 * 0.5 / N**0.5  # five standard errors of the share of N fair coins
PROMPTS = [[3, 7, 11, 2], [3, 8, 12, 2], [4, 9, 13, 2]]


@pytest.fixture
def draw():
    return np.random.default_rng(0)


@pytest.fixture
def classes():
    return np.arange(N) % 2 == 0


def noise(*shape):
    return np.random.default_rng(1).normal(size=shape)


def test_a_planted_direction_is_found_where_it_is_and_noise_is_chance(draw, classes):
    states, direction = noise(N, L, T, H), noise(H)
    states[:, 1, 2] += np.where(classes[:, None], 1, -1) * direction
    found = probe(states, classes, VARIABLES, draw)
    # Along a direction of length l the classes are 2 l apart, in standard deviations: at least .95 are told apart.
    assert np.linalg.norm(direction) > 2
    assert found.accuracy[1, 2] > 0.95
    elsewhere = np.delete(found.accuracy.ravel(), T + 2)
    assert np.abs(elsewhere - 0.5).max() < CHANCE


def test_what_is_learned_by_heart_does_not_count(draw):
    """With more numbers than prompts any classes can be separated, and only held-out prompts tell."""
    found = probe(noise(60, 1, 1, 200), np.arange(60) < 30, VARIABLES[:60], draw, Probe(C=1e4))
    assert abs(found.accuracy[0, 0] - 0.5) < 5 * 0.5 / 60**0.5


def test_classes_are_balanced_so_that_the_larger_one_is_no_guess(draw):
    found = probe(noise(N, 1, 1, H), np.arange(N) < 100, VARIABLES, draw)
    assert found.prompts == 200
    assert abs(found.accuracy[0, 0] - 0.5) < 5 * 0.5 / 200**0.5


def test_the_same_draws_give_the_same_map(classes):
    maps = [probe(noise(N, L, T, H), classes, VARIABLES, np.random.default_rng(seed)).right for seed in (3, 3, 4)]
    assert np.array_equal(maps[0], maps[1])
    assert not np.array_equal(maps[0], maps[2])


def test_a_repeated_variable_and_a_small_class_are_refused(draw, classes):
    with pytest.raises(ValueError, match="twice"):
        probe(noise(N, 1, 1, H), classes, [*VARIABLES[:-1], "v0"], draw)
    with pytest.raises(ValueError, match="4 prompts"):
        probe(noise(N, 1, 1, H), np.arange(N) < 4, VARIABLES, draw)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.inference_mode()
def test_states_are_those_of_the_blocks_before_the_final_norm(architecture, monkeypatch):
    monkeypatch.setattr(activations, "_PROMPTS_AT_ONCE", 2)
    model = model_of(architecture, 30)
    hooks = [len(module._forward_hooks) for module in model.modules()]  # transformers leaves some of its own
    found = residual_stream(model, PROMPTS)
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    theirs = model(input_ids=torch.tensor(PROMPTS), output_hidden_states=True).hidden_states
    assert found.shape == (3, 2, 4, 32)
    assert found[:, 0] == pytest.approx(theirs[1].numpy(), rel=1e-5)
    base = model.base_model
    norm = next(getattr(base, name) for name in ("ln_f", "final_layer_norm", "norm") if hasattr(base, name))
    assert norm(torch.tensor(found[:, 1]).double()).numpy() == pytest.approx(theirs[2].numpy(), rel=1e-4, abs=1e-5)
    assert not np.allclose(found[:, 1], theirs[2].numpy(), rtol=0.1)


def test_prompts_of_two_lengths_and_a_model_without_blocks_are_refused():
    model = model_of("neox", 30)
    with pytest.raises(ValueError, match="one length"):
        residual_stream(model, [*PROMPTS, [1, 2]])
    assert [type(block).__name__ for block in blocks_of(model)] == ["GPTNeoXLayer"] * 2
    with pytest.raises(ValueError, match="has 0 lists"):
        blocks_of(_WithoutBlocks(model.config))


class _WithoutBlocks(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
