"""preservation: the loss by covariances is that of the keys themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from worldgen.lm.editors.belief.preservation import PreservationLoss
from worldgen.lm.editors.lowrank.adapters import fresh_adapters
from worldgen.lm.editors.lowrank.layers import gradient_leaves, gradients_of
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

CONFIG = BeliefConfig(rank=3, alpha=6.0)
SIZE = PretrainConfig(layers=2, hidden=16, intermediate=24, heads=2, kv_heads=1)


@pytest.fixture
def tokenizer():
    return train_word_tokenizer(["ada", "paris"])


@pytest.fixture
def model(tokenizer):
    return new_model(SIZE, tokenizer, seed=0).requires_grad_(False)


@pytest.fixture
def keys():
    """400 keys of each layer, far from white."""
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(400, 24, generator=draw) @ torch.randn(24, 24, generator=draw) for _ in range(2)]


@pytest.fixture
def adapters(model):
    made = fresh_adapters(model, CONFIG, [1, 2])
    made.weights.add_(torch.randn(made.weights.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
    return made


@pytest.fixture
def covariances(keys):
    return [K.double().T @ K.double() / len(K) for K in keys]


def by_keys(model, keys, changes):
    """Returns how much changes of the down-projections, [H, I] each, change the outputs for the keys, by numpy."""
    return sum(
        np.square(K.double().numpy() @ change.T).sum()
        / np.square(K.double().numpy() @ layer.mlp.down_proj.weight.double().numpy().T).sum()
        for K, change, layer in zip(keys, changes, model.model.layers, strict=True)
    )


def products(scale, layers, edition):
    """Returns the scaled product B A of an edition for each layer."""
    return [scale * B[edition].double().numpy() @ A[edition].double().numpy() for A, B in layers]


def test_it_is_the_relative_change_of_the_outputs_for_the_keys(model, keys, covariances, adapters):
    layers = adapters.layers()
    expected = [by_keys(model, keys, products(adapters.scale, layers, edition)) for edition in range(2)]
    np.testing.assert_allclose(PreservationLoss(model, covariances, adapters.scale).of(layers), expected, rtol=1e-5)


def test_fresh_adapters_have_no_loss(model, covariances):
    fresh = fresh_adapters(model, CONFIG, [1])
    assert PreservationLoss(model, covariances, fresh.scale).of(fresh.layers()).tolist() == [0.0]


def test_its_gradient_is_its_slope(model, covariances, adapters):
    """The loss is of degree four in the weights w: its derivative along w is four times its value."""
    leaves, preservation = gradient_leaves(adapters.layers()), PreservationLoss(model, covariances, adapters.scale)
    value = preservation.of(leaves)
    slope = (gradients_of(value.sum(), leaves) * adapters.weights).sum(dim=1)
    torch.testing.assert_close(slope, 4 * value.detach(), rtol=1e-4, atol=0.0)
