"""The disturbance by covariances is what the keys themselves say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.belief.belief import Belief
from worldgen.lm.editors.belief.preservation import PreservationLoss
from worldgen.lm.editors.belief.targets import SoftTarget, TargetBatch
from worldgen.lm.editors.lowrank.adapters import fresh_adapters, sum_of_adapters
from worldgen.lm.editors.lowrank.layers import gradient_leaves, gradients_of
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

CONFIG = BeliefConfig(rank=3, alpha=6.0)
LESSON = SoftTarget("ada", ("paris",), (0.9,), ((2, 0.1),))
EDITION = Edition((Request("ada", "paris."),) * 2, 0)
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
    """What changes of the down-projections, [H, I] each, add to the keys beside what is said to them, by numpy."""
    return sum(
        np.square(K.double().numpy() @ change.T).sum()
        / np.square(K.double().numpy() @ layer.mlp.down_proj.weight.double().numpy().T).sum()
        for K, change, layer in zip(keys, changes, model.model.layers, strict=True)
    )


def products(scale, layers, edition):
    """B A of an edition as it counts, layer by layer."""
    return [scale * B[edition].double().numpy() @ A[edition].double().numpy() for A, B in layers]


def test_it_is_what_is_added_to_each_key_beside_what_is_said(model, keys, covariances, adapters):
    layers = adapters.layers()
    expected = [by_keys(model, keys, products(adapters.scale, layers, edition)) for edition in range(2)]
    np.testing.assert_allclose(PreservationLoss(model, covariances, adapters.scale).of(layers), expected, rtol=1e-5)


def test_fresh_adapters_disturb_nothing(model, covariances):
    fresh = fresh_adapters(model, CONFIG, [1])
    assert PreservationLoss(model, covariances, fresh.scale).of(fresh.layers()).tolist() == [0.0]


def test_its_gradient_is_its_slope(model, covariances, adapters):
    """Of degree four in the weights: at w the directional derivative along w is four times the value."""
    leaves, disturbance = gradient_leaves(adapters.layers()), PreservationLoss(model, covariances, adapters.scale)
    value = disturbance.of(leaves)
    slope = (gradients_of(value.sum(), leaves) * adapters.weights).sum(dim=1)
    torch.testing.assert_close(slope, 4 * value.detach(), rtol=1e-4, atol=0.0)


@pytest.fixture
def sure(model):
    """A new model's logits are too small for it to be sure of anything."""
    model.lm_head.weight.mul_(50)
    return model


@pytest.fixture
def editor_of(tokenizer, covariances):
    """An editor that teaches one lesson in every turn, of this restraint."""

    class SaysIt:
        def batches(self, *_):
            return [TargetBatch(((LESSON,),), ())] * 100

    def made(restraint):
        config = BeliefConfig(rank=3, alpha=6.0, steps=100, learning_rate=0.01, restraint=restraint)
        return Belief(config, "sequential", tokenizer, SaysIt(), covariances)

    return made


def believed(model, tokenizer, adapters):
    with adapters.inserted(model):
        return float(np.exp(log_probabilities(model, tokenizer, LESSON.pairs)[0]))


def test_restraint_leaves_an_edit_less_of_it(sure, covariances, tokenizer, editor_of):
    """The same lesson learned freely and restrained: hardly less well, with less of a disturbance."""
    disturbances = []
    for restraint in (0.0, 1e-3):
        adapters = fresh_adapters(sure, CONFIG, [1])
        editor_of(restraint)._train(sure, adapters, (), [EDITION], 0)
        disturbances.append(float(PreservationLoss(sure, covariances, adapters.scale).of(adapters.layers())))
        assert believed(sure, tokenizer, adapters) == pytest.approx(0.9, abs=0.02)
    assert disturbances[1] < disturbances[0] / 5


def test_a_later_turn_does_not_wear_an_edit_away(sure, tokenizer, editor_of):
    """However restrained: in the first turn such an editor learns nothing, in the second it keeps what there is."""
    never, first, second = (fresh_adapters(sure, CONFIG, [seed]) for seed in (1, 1, 2))
    editor_of(1e3)._train(sure, never, (), [EDITION], 0)
    assert believed(sure, tokenizer, never) < 0.5
    editor_of(0.0)._train(sure, first, (), [EDITION], 0)
    editor_of(1e3)._train(sure, second, [first.with_maps(first.layers())], [EDITION], 1)
    assert believed(sure, tokenizer, sum_of_adapters([first, second])) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(("mode", "turn", "expected"), [("together", 0, [4.0, 6.0]), ("sequential", 1, [12.0, 12.0])])
def test_requests_of_a_turn_share_the_restraint(mode, turn, expected):
    editions = [Edition((Request("ada", "paris."),) * many, 0) for many in (3, 2)]
    assert Belief(BeliefConfig(restraint=12.0), mode, None, None, ())._restraint(editions, turn).tolist() == expected
