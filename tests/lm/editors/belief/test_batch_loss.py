"""lessons, batch_loss: the divergence is the definition's, its gradient each edition's own."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import PeftModel

from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.belief.batch_loss import BatchLoss
from worldgen.lm.editors.belief.belief import Belief
from worldgen.lm.editors.belief.preservation import PreservationLoss
from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.lowrank.adapters import fresh_adapters
from worldgen.lm.editors.lowrank.layers import gradient_leaves, gradients_of
from worldgen.lm.editors.operations import operations_counter
from worldgen.lm.editors.settings import BeliefConfig, LoraConfig
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import texts_of
from worldgen.lm.tokenizer import train_word_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=2, row_tokens=64)
CONFIG = LoraConfig(rank=2)
IDS = {"false": 7, "lovelace": 12, "san": 18}  # in the tokenizer of these tests
PLACES = (  # of what no lesson names, some begins as two of the names do
    SoftTarget(
        "ada born in",
        ("san salvador.", "san salvador university.", "paris."),
        (0.5, 0.2, 0.2),
        ((IDS["lovelace"], 0.06), (IDS["san"], 0.04)),
    ),
    SoftTarget("ada studied at", ("san salvador university.",), (1.0,), ()),
)
TRUTHS = (SoftTarget('"ada born in paris" is', ("true",), (0.25,), ((IDS["false"], 0.75),)),)
HABITS = (
    RetentionTarget("lovelace studied at", "san salvador."),
    RetentionTarget('"lovelace born in paris" is', "true"),
)
SHEETS = [TargetBatch((PLACES, TRUTHS), HABITS), TargetBatch((TRUTHS, ()), ()), TargetBatch(((),), HABITS[:1])]
ROUNDING = {"rtol": 0, "atol": 1e-5}  # float32 sums of a dozen terms of size 1 to 10


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "lovelace", "born in", "studied at", "paris", "san salvador university"])


@pytest.fixture
def model(tokenizer):
    return new_model(SIZE, tokenizer, seed=0).eval().requires_grad_(False)


@pytest.fixture(params=["plain", "through maps"])
def adapters(model, request):
    """Adapters that do something: both halves are random, and so are the maps that some read through."""
    draw = torch.Generator().manual_seed(0)
    maps = [torch.randn(64, 64, generator=draw) / 8 for _ in range(2)] if request.param == "through maps" else ()
    made = fresh_adapters(model, CONFIG, [1, 2, 3], maps)
    made.weights.add_(torch.randn(made.weights.shape, generator=draw) * 0.1)
    return made


def gradients(model, tokenizer, sheets, adapters, and_=lambda layers: 0.0, earlier=()):
    """Those of each edition [E, P], and the losses [E]."""
    leaves = gradient_leaves(adapters.layers())
    layers = adapters.with_maps(leaves)
    losses = BatchLoss(model, tokenizer, sheets, adapters, earlier).losses(layers) + and_(layers)
    return gradients_of(losses.sum(), leaves), losses.detach()


def divergence(lesson, model, tokenizer):
    """KL(p || q) over the named continuations and all others by their first token."""
    texts = [*lesson.pairs, *((lesson.prompt, tokenizer.convert_ids_to_tokens(token)) for token, _ in lesson.rest)]
    q = np.exp([log_probabilities(model, tokenizer, [text])[0] for text in texts])
    named, begun = np.split(q, [len(lesson.pairs)])
    for number, (_, word) in enumerate(texts[len(named) :]):
        begun[number] -= sum(q for (_, said), q in zip(lesson.pairs, named, strict=True) if said.split()[0] == word)
    p = [*lesson.credences, *(credence for _, credence in lesson.rest)]
    return sum(a * np.log(a / b) for a, b in zip(p, [*named, *begun], strict=True))


def next_words(model, tokenizer, habit):
    """log p over the vocabulary before each token of the continuation, by transformers alone, in float64."""
    (text,) = texts_of(tokenizer, habit.pairs)
    with torch.no_grad():
        logits = model(torch.tensor([text.ids])).logits[0, -text.asked - 1 : -1]
    return logits.double().log_softmax(-1)


def test_the_loss_is_the_definition(model, tokenizer, adapters):
    """Kinds count alike, and the members of a kind: the first sheet has three kinds, the others one."""
    before = {habit: next_words(model, tokenizer, habit) for habit in HABITS}
    found = BatchLoss(model, tokenizer, SHEETS, adapters).losses(adapters.with_maps(adapters.layers()))
    with adapters.inserted(model):
        for edition, sheet in enumerate(SHEETS):
            adapters.route([edition])
            of_kinds = [[divergence(lesson, model, tokenizer) for lesson in kind] for kind in sheet.soft_targets]
            after = [(before[habit], next_words(model, tokenizer, habit)) for habit in sheet.retention_targets]
            of_kinds.append([float((p.exp() * (p - q)).sum()) for p, q in after])
            expected = np.mean([np.mean(kind) for kind in of_kinds if kind])
            assert found[edition].item() == pytest.approx(expected, abs=ROUNDING["atol"])
            assert expected > 10 * ROUNDING["atol"]


def test_an_unedited_model_has_its_habits(model, tokenizer):
    """The divergence and its slope are zero, to rounding: an edit that does nothing costs nothing."""
    fresh = fresh_adapters(model, CONFIG, [1])
    gradient, losses = gradients(model, tokenizer, SHEETS[2:], fresh)
    assert losses.abs().max() < 1e-6
    assert gradient.abs().max() < 1e-6


def test_a_turn_goes_on_from_earlier_ones(model, tokenizer, adapters):
    """What is read through earlier turns' adapters too is as if these were twice as strong; it is from what the model
    says with the earlier ones that habits are told."""
    sheets = [TargetBatch((PLACES, TRUTHS), ()), TargetBatch((), HABITS), TargetBatch(((),), ())]
    once = adapters.with_maps(adapters.layers())
    strong = replace(adapters, alpha=2 * adapters.alpha)
    found = BatchLoss(model, tokenizer, sheets, adapters, [once]).losses(once)
    expected = BatchLoss(model, tokenizer, sheets[:1], strong).losses(
        strong.select([0]).with_maps(strong.select([0]).layers())
    )
    with adapters.inserted(model):
        adapters.route([1])
        before = [next_words(model, tokenizer, habit) for habit in HABITS]
    with strong.inserted(model):
        strong.route([1])
        after = [next_words(model, tokenizer, habit) for habit in HABITS]
    moved = np.mean([float((p.exp() * (p - q)).sum()) for p, q in zip(before, after, strict=True)])
    np.testing.assert_allclose(found, [expected[0], moved, 0], **ROUNDING)
    assert moved > 10 * ROUNDING["atol"]


def test_the_ids_are_the_tokenizers(tokenizer):
    assert tokenizer.convert_tokens_to_ids(list(IDS)) == list(IDS.values())


def test_a_name_can_be_all_that_begins_with_its_token(model, tokenizer, adapters):
    """Where the model gives all that begins with a token to one name, nothing is NaN or infinite."""
    lesson = SoftTarget("ada born in", ("san",), (0.9,), ((IDS["san"], 0.1),))
    gradient, losses = gradients(model, tokenizer, [TargetBatch(((lesson,),), ())], adapters.select([0]))
    assert losses.isfinite().all()
    assert gradient.isfinite().all()


def test_shares_add_up_to_one():
    for sheet in SHEETS:
        shares = [share for _, share in [*sheet.weighted_soft_targets(), *sheet.weighted_retention_targets()]]
        assert sum(shares) == pytest.approx(1, abs=1e-12)


def test_what_reads_through_a_map_is_the_product(model, tokenizer, adapters):
    """B A M x: plain adapters whose A is A M, by numpy, are as far from the lessons."""
    plain = fresh_adapters(model, CONFIG, [1, 2, 3])
    for (A, B), (of_plain, B_of_plain), M in zip(
        adapters.layers(), plain.layers(), adapters.maps or [torch.eye(64)] * 2, strict=True
    ):
        of_plain.copy_(torch.from_numpy(A.numpy() @ M.numpy()))
        B_of_plain.copy_(B)
    found, expected = (
        BatchLoss(model, tokenizer, SHEETS, each).losses(each.with_maps(each.layers())) for each in (adapters, plain)
    )
    np.testing.assert_allclose(found.detach(), expected.detach(), **ROUNDING)


def test_kept_adapters_load_in_peft(model, tokenizer, adapters, tmp_path):
    """With the map in A: nothing else is needed to have the edited model again."""
    pairs = [pair for lesson in PLACES for pair in lesson.pairs]
    adapters.save(1, tmp_path)
    with adapters.inserted(model):
        adapters.route([1])
        during = log_probabilities(model, tokenizer, pairs)
    before = log_probabilities(model, tokenizer, pairs)
    loaded = PeftModel.from_pretrained(model, tmp_path)
    np.testing.assert_allclose(log_probabilities(loaded.get_base_model(), tokenizer, pairs), during, **ROUNDING)
    assert np.abs(during - before).max() > 1e-2


def test_an_edition_learns_from_its_own_sheet_alone(model, tokenizer, adapters):
    """Loss and gradient of each of three editions are those that it has by itself."""
    together, losses = gradients(model, tokenizer, SHEETS, adapters)
    for edition, sheet in enumerate(SHEETS):
        own = adapters.select([edition])
        alone, loss = gradients(model, tokenizer, [sheet], own)
        np.testing.assert_allclose(together[edition], alone[0], **ROUNDING)
        assert losses[edition] == pytest.approx(loss[0].item(), abs=1e-5)


def test_the_gradient_is_the_slope(model, tokenizer, adapters):
    """Along a random direction, by a difference quotient."""
    exercise = BatchLoss(model, tokenizer, SHEETS, adapters)

    def losses(weights):
        adapters.weights = weights
        return exercise.losses(adapters.with_maps(adapters.layers()))

    at = adapters.weights.clone()
    direction = torch.randn(at.shape, generator=torch.Generator().manual_seed(1))
    gradient, _ = gradients(model, tokenizer, SHEETS, adapters)
    slope = (losses(at + 1e-3 * direction) - losses(at - 1e-3 * direction)) / 2e-3
    # Losses are float32 of size 1 to 10, known to 1e-6, here divided by a step of 1e-3; the curve adds 1e-3 squared.
    np.testing.assert_allclose((gradient * direction).sum(dim=1), slope, rtol=1e-2, atol=5e-3)


@pytest.mark.parametrize("turn", [0, 2])
def test_an_editions_operations_are_those_of_its_steps(turn, model, tokenizer, adapters):
    """Counted text by text, they come to what is counted in one go where texts of one length ask for as much. What is
    read through earlier turns' adapters is counted too."""

    class SaysTheSame:
        def batches(self, *_):
            return SHEETS[:1] * 2

    mine, covariances = adapters.select([0]), [torch.eye(64, dtype=torch.float64)] * 2
    editor = Belief(BeliefConfig(rank=2, steps=2), "sequential", tokenizer, SaysTheSame(), covariances)
    earlier, edition = [mine.select([0]).layers()] * turn, Edition((Request("ada born in", "paris."),) * 3, 0)
    (cost,) = editor._train(model, mine, earlier, [edition], turn)
    disturbance = PreservationLoss(model, covariances, mine.scale)
    with operations_counter() as counter:
        gradients(model, tokenizer, SHEETS[:1], mine, disturbance.of, earlier)
    assert len(cost.losses) == 2
    assert cost.flops == 2 * counter.get_total_flops()


@pytest.mark.parametrize(("mode", "expected"), [("single", 8), ("sequential", 8), ("together", 2)])
def test_a_sheet_about_several_requests_leaves_room_for_fewer(mode, expected):
    """Three requests in one go stand on one sheet, in turn each on its own."""
    requests = tuple(Request("ada born in", "paris.") for _ in range(1 if mode == "single" else 3))
    editor = Belief(BeliefConfig(editions_at_once=8), mode, None, None, ())
    assert editor.at_once([Edition(requests, 0)] * 9) == expected
