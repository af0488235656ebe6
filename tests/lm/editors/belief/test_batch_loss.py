"""batch_loss: the loss is that of the definition, and its gradient is each edition's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldgen.lm.editors.belief.batch_loss import BatchLoss
from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.lowrank.adapters import fresh_adapters
from worldgen.lm.editors.lowrank.layers import gradient_leaves, gradients_of
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import texts_of
from worldgen.lm.tokenizer import train_word_tokenizer

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=2, row_tokens=64)
CONFIG = LoraConfig(rank=2)
IDS = {"false": 7, "lovelace": 12, "san": 18}  # in the tokenizer of these tests
PLACES = (  # some unnamed continuations begin like two of the named ones
    SoftTarget(
        "ada born in",
        ("san salvador.", "san salvador university.", "paris."),
        (0.5, 0.2, 0.2),
        ((IDS["lovelace"], 0.06), (IDS["san"], 0.04)),
    ),
    SoftTarget("ada studied at", ("san salvador university.",), (1.0,), ()),
)
TRUTHS = (SoftTarget('"ada born in paris" is', ("true",), (0.25,), ((IDS["false"], 0.75),)),)
RETENTION = (
    RetentionTarget("lovelace studied at", "san salvador."),
    RetentionTarget('"lovelace born in paris" is', "true"),
)
BATCHES = [TargetBatch((PLACES, TRUTHS), RETENTION), TargetBatch((TRUTHS, ()), ()), TargetBatch(((),), RETENTION[:1])]
ROUNDING = {"rtol": 0, "atol": 1e-5}  # float32 sums of a dozen terms of size 1 to 10


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "lovelace", "born in", "studied at", "paris", "san salvador university"])


@pytest.fixture
def model(tokenizer):
    return new_model(SIZE, tokenizer, seed=0).eval().requires_grad_(False)


@pytest.fixture(params=["plain", "through maps"])
def adapters(model, request):
    """Adapters with random A, B and, in one case, random maps."""
    draw = torch.Generator().manual_seed(0)
    maps = [torch.randn(64, 64, generator=draw) / 8 for _ in range(2)] if request.param == "through maps" else ()
    made = fresh_adapters(model, CONFIG, [1, 2, 3], maps)
    made.weights.add_(torch.randn(made.weights.shape, generator=draw) * 0.1)
    return made


def gradients(model, tokenizer, batches, adapters):
    """Returns the gradients of each edition [E, P], and the losses [E]."""
    leaves = gradient_leaves(adapters.layers())
    layers = adapters.with_maps(leaves)
    losses = BatchLoss(model, tokenizer, batches, adapters).losses(layers)
    return gradients_of(losses.sum(), leaves), losses.detach()


def divergence(target, model, tokenizer):
    """Returns KL(p || q) over the named continuations and all others by their first token."""
    texts = [*target.pairs, *((target.prompt, tokenizer.convert_ids_to_tokens(token)) for token, _ in target.rest)]
    q = np.exp([log_probabilities(model, tokenizer, [text])[0] for text in texts])
    named, begun = np.split(q, [len(target.pairs)])
    for number, (_, word) in enumerate(texts[len(named) :]):
        begun[number] -= sum(q for (_, said), q in zip(target.pairs, named, strict=True) if said.split()[0] == word)
    p = [*target.credences, *(credence for _, credence in target.rest)]
    return sum(a * np.log(a / b) for a, b in zip(p, [*named, *begun], strict=True))


def next_words(model, tokenizer, target):
    """Returns log p over the vocabulary before each token of the continuation, by transformers alone, in float64."""
    (text,) = texts_of(tokenizer, target.pairs)
    with torch.no_grad():
        logits = model(torch.tensor([text.ids])).logits[0, -text.asked - 1 : -1]
    return logits.double().log_softmax(-1)


def test_the_loss_is_the_definition(model, tokenizer, adapters):
    """Kinds have equal weights, and so do the targets of a kind: the first batch has three kinds, the others one."""
    before = {target: next_words(model, tokenizer, target) for target in RETENTION}
    found = BatchLoss(model, tokenizer, BATCHES, adapters).losses(adapters.with_maps(adapters.layers()))
    with adapters.inserted(model):
        for edition, batch in enumerate(BATCHES):
            adapters.route([edition])
            of_kinds = [[divergence(target, model, tokenizer) for target in kind] for kind in batch.soft_targets]
            after = [(before[target], next_words(model, tokenizer, target)) for target in batch.retention_targets]
            of_kinds.append([float((p.exp() * (p - q)).sum()) for p, q in after])
            expected = np.mean([np.mean(kind) for kind in of_kinds if kind])
            assert found[edition].item() == pytest.approx(expected, abs=ROUNDING["atol"])
            assert expected > 10 * ROUNDING["atol"]


def test_an_unedited_model_meets_its_retention_targets(model, tokenizer):
    """The loss and its gradient are zero, to rounding."""
    fresh = fresh_adapters(model, CONFIG, [1])
    gradient, losses = gradients(model, tokenizer, BATCHES[2:], fresh)
    assert losses.abs().max() < 1e-6
    assert gradient.abs().max() < 1e-6


def test_a_turn_starts_from_earlier_ones(model, tokenizer, adapters):
    """With equal adapters of an earlier turn, the loss is that of adapters twice as strong.

    Retention targets retain what the model with the earlier adapters predicts.
    """
    batches = [TargetBatch((PLACES, TRUTHS), ()), TargetBatch((), RETENTION), TargetBatch(((),), ())]
    once = adapters.with_maps(adapters.layers())
    strong = replace(adapters, alpha=2 * adapters.alpha)
    found = BatchLoss(model, tokenizer, batches, adapters, [once]).losses(once)
    first = strong.select([0])
    expected = BatchLoss(model, tokenizer, batches[:1], strong).losses(first.with_maps(first.layers()))
    with adapters.inserted(model):
        adapters.route([1])
        before = [next_words(model, tokenizer, target) for target in RETENTION]
    with strong.inserted(model):
        strong.route([1])
        after = [next_words(model, tokenizer, target) for target in RETENTION]
    moved = np.mean([float((p.exp() * (p - q)).sum()) for p, q in zip(before, after, strict=True)])
    np.testing.assert_allclose(found, [expected[0], moved, 0], **ROUNDING)
    assert moved > 10 * ROUNDING["atol"]


def test_the_ids_are_the_tokenizers(tokenizer):
    assert tokenizer.convert_tokens_to_ids(list(IDS)) == list(IDS.values())


def test_a_name_can_have_all_the_probability_of_its_first_token(model, tokenizer, adapters):
    """If one name has all the probability of its first token, nothing is NaN or infinite."""
    target = SoftTarget("ada born in", ("san",), (0.9,), ((IDS["san"], 0.1),))
    gradient, losses = gradients(model, tokenizer, [TargetBatch(((target,),), ())], adapters.select([0]))
    assert losses.isfinite().all()
    assert gradient.isfinite().all()


def test_adapters_with_maps_are_adapters_of_the_product(model, tokenizer, adapters):
    """B A M x: plain adapters whose A is A M, by numpy, have the same losses."""
    plain = fresh_adapters(model, CONFIG, [1, 2, 3])
    for (A, B), (of_plain, B_of_plain), M in zip(
        adapters.layers(), plain.layers(), adapters.maps or [torch.eye(64)] * 2, strict=True
    ):
        of_plain.copy_(torch.from_numpy(A.numpy() @ M.numpy()))
        B_of_plain.copy_(B)
    found, expected = (
        BatchLoss(model, tokenizer, BATCHES, each).losses(each.with_maps(each.layers())) for each in (adapters, plain)
    )
    np.testing.assert_allclose(found.detach(), expected.detach(), **ROUNDING)


def test_an_edition_learns_from_its_own_batch_alone(model, tokenizer, adapters):
    """Loss and gradient of each of three editions are those of the edition alone."""
    together, losses = gradients(model, tokenizer, BATCHES, adapters)
    for edition, batch in enumerate(BATCHES):
        own = adapters.select([edition])
        alone, loss = gradients(model, tokenizer, [batch], own)
        np.testing.assert_allclose(together[edition], alone[0], **ROUNDING)
        assert losses[edition] == pytest.approx(loss[0].item(), abs=1e-5)


def test_the_gradient_is_the_slope(model, tokenizer, adapters):
    """Compares it with a difference quotient along a random direction."""
    batch_loss = BatchLoss(model, tokenizer, BATCHES, adapters)

    def losses(weights):
        adapters.weights = weights
        return batch_loss.losses(adapters.with_maps(adapters.layers()))

    at = adapters.weights.clone()
    direction = torch.randn(at.shape, generator=torch.Generator().manual_seed(1))
    gradient, _ = gradients(model, tokenizer, BATCHES, adapters)
    slope = (losses(at + 1e-3 * direction) - losses(at - 1e-3 * direction)) / 2e-3
    # Losses are float32 of size 1 to 10, known to 1e-6, here divided by a step of 1e-3; the curve adds 1e-3 squared.
    np.testing.assert_allclose((gradient * direction).sum(dim=1), slope, rtol=1e-2, atol=5e-3)
