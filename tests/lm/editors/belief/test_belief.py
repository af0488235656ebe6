"""belief: the editor's restraint, its turns and its operations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.belief.batch_loss import BatchLoss
from worldgen.lm.editors.belief.belief import Belief
from worldgen.lm.editors.belief.preservation import PreservationLoss
from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.lowrank.adapters import fresh_adapters, sum_of_adapters
from worldgen.lm.editors.lowrank.layers import gradient_leaves, gradients_of
from worldgen.lm.editors.operations import operations_counter
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

CONFIG = BeliefConfig(rank=3, alpha=6.0)
TARGET = SoftTarget("ada", ("paris",), (0.9,), ((2, 0.1),))
EDITION = Edition((Request("ada", "paris."),) * 2, 0)
SIZE = PretrainConfig(layers=2, hidden=16, intermediate=24, heads=2, kv_heads=1)
# Texts of three lengths; those of one length ask for equally many tokens.
BATCH = TargetBatch(
    (
        (
            SoftTarget("ada", ("paris.", "ada."), (0.5, 0.3), ((2, 0.2),)),
            SoftTarget("ada paris", ("paris ada.",), (1.0,), ()),
        ),
        (SoftTarget("paris", ("ada",), (0.25,), ((2, 0.75),)),),
    ),
    (RetentionTarget("paris", "paris."), RetentionTarget("ada", "paris")),
)


@pytest.fixture
def tokenizer():
    return train_word_tokenizer(["ada", "paris"])


@pytest.fixture
def model(tokenizer):
    return new_model(SIZE, tokenizer, seed=0).requires_grad_(False)


@pytest.fixture
def covariances():
    """The covariances of 400 keys of each layer, far from white."""
    draw = torch.Generator().manual_seed(0)
    keys = [torch.randn(400, 24, generator=draw) @ torch.randn(24, 24, generator=draw) for _ in range(2)]
    return [K.double().T @ K.double() / len(K) for K in keys]


@pytest.fixture
def sure(model):
    """The model with larger logits: those of a new model are too small for a confident prediction."""
    model.lm_head.weight.mul_(50)
    return model


@pytest.fixture
def editor_of(tokenizer, covariances):
    """Makes an editor with this restraint, which is taught one target in every turn."""

    class TeachesOneTarget:
        def batches(self, *_):
            return [TargetBatch(((TARGET,),), ())] * 100

    def made(restraint):
        config = BeliefConfig(rank=3, alpha=6.0, steps=100, learning_rate=0.01, restraint=restraint)
        return Belief(config, "sequential", tokenizer, TeachesOneTarget(), covariances)

    return made


def believed(model, tokenizer, adapters):
    with adapters.inserted(model):
        return float(np.exp(log_probabilities(model, tokenizer, TARGET.pairs)[0]))


def test_restraint_lowers_the_preservation_loss_of_an_edit(sure, covariances, tokenizer, editor_of):
    """The same target is learned hardly less well with restraint, and with a smaller preservation loss."""
    preservation_losses = []
    for restraint in (0.0, 1e-3):
        adapters = fresh_adapters(sure, CONFIG, [1])
        editor_of(restraint)._train(sure, adapters, (), [EDITION], 0)
        preservation_losses.append(float(PreservationLoss(sure, covariances, adapters.scale).of(adapters.layers())))
        assert believed(sure, tokenizer, adapters) == pytest.approx(0.9, abs=0.02)
    assert preservation_losses[1] < preservation_losses[0] / 5


def test_a_later_turn_does_not_undo_an_edit(sure, tokenizer, editor_of):
    """With so much restraint a first turn learns nothing, and a second turn keeps the first one's edit."""
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


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("turn", [0, 2])
def test_an_editions_operations_are_those_of_its_steps(turn, mapped, model, tokenizer, covariances):
    """Counted text by text, they add up to those of a whole step, earlier turns' adapters included."""

    class TeachesTheSame:
        def batches(self, *_):
            return [BATCH] * 2

    config = BeliefConfig(rank=2, steps=2)
    adapters = fresh_adapters(model, config, [1], [torch.eye(24)] * 2 if mapped else ())
    editor = Belief(config, "sequential", tokenizer, TeachesTheSame(), covariances)
    earlier, edition = [adapters.select([0]).layers()] * turn, Edition((Request("ada", "paris."),) * 3, 0)
    (cost,) = editor._train(model, adapters, earlier, [edition], turn)
    preservation = PreservationLoss(model, covariances, adapters.scale)
    leaves = gradient_leaves(adapters.layers())
    with operations_counter() as counter:
        layers = adapters.with_maps(leaves)
        loss = BatchLoss(model, tokenizer, [BATCH], adapters, earlier).losses(layers) + preservation.of(layers)
        gradients_of(loss.sum(), leaves)
    assert len(cost.losses) == 2
    assert cost.flops == 2 * counter.get_total_flops()


@pytest.mark.parametrize(("mode", "expected"), [("single", 8), ("sequential", 8), ("together", 2)])
def test_requests_in_one_turn_leave_room_for_fewer_editions(mode, expected):
    """Three requests together share one batch; in turn, each has batches of its own."""
    requests = tuple(Request("ada born in", "paris.") for _ in range(1 if mode == "single" else 3))
    editor = Belief(BeliefConfig(editions_at_once=8), mode, None, None, ())
    assert editor.at_once([Edition(requests, 0)] * 9) == expected
