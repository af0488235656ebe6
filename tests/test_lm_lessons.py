"""lm.lessons: the divergence is the definition's, its gradient each edition's own."""

import numpy as np
import pytest
import torch
from peft import PeftModel

from lm.editors.adapters import fresh_adapters, leaves_of
from lm.lessons import Lesson, Sheet
from lm.model import new_model
from lm.score import log_probabilities
from lm.tokenizer import train_word_tokenizer
from worldgen.sections import EditConfig, PretrainConfig

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=2, row_tokens=64)
CONFIG = EditConfig(rank=2)
LESSONS = [
    [
        Lesson("ada born in", ("san salvador.", "paris."), (0.7, 0.2)),
        Lesson('"ada born in paris" is', ("true",), (0.25,)),
        Lesson("ada studied at", ("san salvador university.",), (1.0,)),
    ],
    [Lesson("lovelace born in", ("paris.",), (0.0,))],
]
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
    made = fresh_adapters(model, CONFIG, [1, 2], maps)
    made.weights.add_(torch.randn(made.weights.shape, generator=draw) * 0.1)
    return made


def by_definition(lesson, q):
    """KL(p || q) over the named continuations and all others together."""
    p, q = np.array([*lesson.credences, 1 - sum(lesson.credences)]), np.array([*q, 1 - sum(q)])
    return sum(a * np.log(a / b) for a, b in zip(p, q, strict=True) if a > 1e-12)


def test_the_divergence_is_the_definition(model, tokenizer, adapters):
    sheet = Sheet(model, tokenizer, LESSONS, adapters)
    found = sheet.divergences(leaves_of(adapters)).detach().numpy()
    every = [(edition, lesson) for edition, mine in enumerate(LESSONS) for lesson in mine]
    expected = []
    with adapters.in_place(model):
        for edition, lesson in every:
            adapters.route([edition])
            one = [log_probabilities(model, tokenizer, [(lesson.prompt, said)])[0] for said in lesson.continuations]
            expected.append(by_definition(lesson, np.exp(one)))
    np.testing.assert_allclose(found, expected, **ROUNDING)


def test_what_reads_through_a_map_is_the_product(model, tokenizer, adapters):
    """B A M x: plain adapters whose A is A M, by numpy, are as far from the lessons."""
    plain = fresh_adapters(model, CONFIG, [1, 2])
    for (A, B), (of_plain, B_of_plain), M in zip(
        adapters.layers(), plain.layers(), adapters.maps or [torch.eye(64)] * 2, strict=True
    ):
        of_plain.copy_(torch.from_numpy(A.numpy() @ M.numpy()))
        B_of_plain.copy_(B)
    found, expected = (
        Sheet(model, tokenizer, LESSONS, each).divergences(leaves_of(each)) for each in (adapters, plain)
    )
    np.testing.assert_allclose(found.detach(), expected.detach(), **ROUNDING)


def test_kept_adapters_load_in_peft(model, tokenizer, adapters, tmp_path):
    """With the map in A: nothing else is needed to have the edited model again."""
    pairs = [(lesson.prompt, said) for mine in LESSONS for lesson in mine for said in lesson.continuations]
    adapters.save(1, CONFIG, tmp_path)
    with adapters.in_place(model):
        adapters.route([1])
        during = log_probabilities(model, tokenizer, pairs)
    before = log_probabilities(model, tokenizer, pairs)
    loaded = PeftModel.from_pretrained(model, tmp_path)
    np.testing.assert_allclose(log_probabilities(loaded.get_base_model(), tokenizer, pairs), during, **ROUNDING)
    assert np.abs(during - before).max() > 1e-2


def test_an_edition_learns_from_its_own_lessons_alone(model, tokenizer, adapters):
    """Loss and gradient of each of two editions are those that it has by itself."""
    together, losses = Sheet(model, tokenizer, LESSONS, adapters).gradients(leaves_of(adapters))
    for edition, mine in enumerate(LESSONS):
        own = adapters.of([edition])
        alone, loss = Sheet(model, tokenizer, [mine], adapters).gradients(leaves_of(own))
        np.testing.assert_allclose(together[edition], alone[0], **ROUNDING)
        assert losses[edition] == pytest.approx(loss[0].item(), abs=1e-5)


def test_the_gradient_is_the_slope(model, tokenizer, adapters):
    """Along a random direction, by a difference quotient."""
    sheet = Sheet(model, tokenizer, LESSONS, adapters)

    def loss(weights):
        adapters.weights = weights
        divergences = sheet.divergences(leaves_of(adapters))
        return torch.stack([divergences[sheet.edition == e].mean() for e in range(2)]).detach()

    at = adapters.weights.clone()
    direction = torch.randn(at.shape, generator=torch.Generator().manual_seed(1))
    gradient, _ = sheet.gradients(leaves_of(adapters))
    slope = (loss(at + 1e-3 * direction) - loss(at - 1e-3 * direction)) / 2e-3
    # Losses are float32 of size 1 to 10, known to 1e-6, here divided by a step of 1e-3; the curve adds 1e-3 squared.
    np.testing.assert_allclose((gradient * direction).sum(dim=1), slope, rtol=1e-2, atol=5e-3)
