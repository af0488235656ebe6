"""worldgen.evaluate.digit_grids.examples: what is drawn, what images show, which answers are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from worldgen.evaluate.digit_grids.examples import (
    ALL_CELLS,
    NO_ANSWER,
    Canvas,
    Examples,
    answers_of,
    draw_tags,
    draw_training,
    draw_validation,
    images_of,
)
from worldgen.evaluate.digit_grids.experiment import learning_rate
from worldgen.evaluate.digit_grids.groups import GROUPS
from worldgen.evaluate.digit_grids.material import Material
from worldgen.evaluate.digit_grids.network import marks, new_network
from worldgen.evaluate.digit_grids.settings import mini

CONFIG = mini().model_copy(update={"batch": 20_000, "validation": 3000})
NAMES = [group.name for group in GROUPS]


@pytest.fixture(scope="module")
def material():
    return Material.of(CONFIG, seed=0)


def test_training_examples_are_drawn_as_the_paper_says(material):
    drawn = draw_training(CONFIG, material.pairs, np.random.default_rng(0))
    counts = np.bincount(drawn.group, minlength=len(GROUPS))
    assert counts[NAMES.index("QA7")] == 0
    error = 5 * (20_000 * 1 / 6 * 5 / 6) ** 0.5  # five standard errors of a binomial
    assert np.abs(counts[:-1] - 20_000 / 6).max() < error
    definition = drawn.cell == ALL_CELLS
    for number, group in enumerate(GROUPS[:-1]):
        share = definition[drawn.group == number].mean()
        if group.tag is None or not group.questions:
            assert share == (0 if group.tag is None else 1)
        else:
            assert abs(share - 0.1) < 5 * (0.09 / counts[number]) ** 0.5
    held_out = material.pairs.held_out[drawn.group, drawn.pair]
    assert not (drawn.cell == held_out).any()
    others = (drawn.cell - held_out)[~definition] % 4
    assert np.bincount(others)[1:] == pytest.approx(len(others) / 3, rel=0.1)
    assert set(drawn.pair) == set(range(CONFIG.pairs))


def test_questions_for_validation_keep_asked_and_held_out_cells_apart(material):
    drawn = draw_validation(CONFIG, material.pairs, np.random.default_rng(0))
    assert set(drawn) == {(i, asked) for i, g in enumerate(GROUPS) for asked in (False, g.questions)}
    for (number, asked), its in drawn.items():
        held_out = its.cell == material.pairs.held_out[number, its.pair]
        assert set(its.group) == {number}
        if GROUPS[number].questions:
            assert (not held_out.any()) if asked else held_out.all()
        else:
            assert np.bincount(its.cell) == pytest.approx(CONFIG.validation / 4, rel=0.15)


def test_an_image_shows_the_digits_the_tag_and_the_border(material):
    its = Examples(np.array([1, 1]), np.array([3, 3]), np.array([ALL_CELLS, 2]))
    tags = np.zeros((3, 10), dtype=bool)
    tags[1] = [1, 0, 0, 1, 1, 0, 1, 0, 0, 1]
    digits, canvas = material.digits.validation, Canvas(8, 2, 8)
    images = images_of(its, material.pairs, digits, tags, canvas, np.random.default_rng(5))
    definition, question = images[:, 0]
    shown = digits.draw(material.pairs.variables[[1, 1], [3, 3]], np.random.default_rng(5))
    assert images.shape == (2, 1, 24, 24)
    assert definition[0, :20:2].tolist() == definition[1, 1:20:2].tolist() == tags[1].tolist()
    assert not question[:2].any()
    corners = [(2, 0), (2, 10), (12, 0), (12, 10)]
    for image, digits_shown in zip((definition, question), shown, strict=True):
        for (top, left), digit in zip(corners, digits_shown, strict=True):
            assert np.array_equal(image[top + 1 : top + 9, left + 1 : left + 9], digit)
        assert not image[22:].any()
        assert not image[:, 20:].any()
    border = question.copy()
    border[13:21, 1:9] = 0
    assert (border[12:22, :10] == 1).sum() == 36  # the border of 10 x 10 pixels around cell 2
    assert definition[12:22, 0].sum() == 0


def test_a_definition_tells_all_answers_and_a_question_its_own(material):
    pairs = material.pairs
    its = Examples(np.array([1, 1, 0]), np.array([3, 3, 7]), np.array([ALL_CELLS, 2, 0]))
    answers = answers_of(its, pairs)
    assert answers[0].tolist() == pairs.defined[1, 3].tolist()
    assert answers[1].tolist() == [NO_ANSWER, NO_ANSWER, pairs.entities[1, 3, 2], NO_ANSWER]
    assert answers[2, 0] == pairs.entities[0, 7, 0]


def test_tags_differ_and_none_is_black():
    for seed in range(50):
        tags = draw_tags(Canvas(1, 2, 1), np.random.default_rng(seed))  # three squares: eight patterns
        assert len({tuple(tag) for tag in tags}) == 3
        assert tags.any(axis=1).all()


def test_a_batch_is_a_function_of_seed_and_step(material):
    small = CONFIG.model_copy(update={"batch": 8})
    again, other = Material.of(small, 0), Material.of(small, 1)
    assert torch.equal(again.batch(3)[0], again.batch(3)[0])
    assert not torch.equal(again.batch(3)[0], again.batch(4)[0])
    assert not torch.equal(again.batch(3)[0], other.batch(3)[0])


def test_questions_show_digits_that_no_training_image_has(material):
    questions = material.questions()
    known = {image.tobytes() for image in material.digits.training.images}
    image = np.ascontiguousarray(questions[0].images[0, 0, 3:11, 1:9].numpy())
    assert image.tobytes() in {image.tobytes() for image in material.digits.validation.images}
    assert image.tobytes() not in known


def test_marks_are_of_the_asked_cell_alone():
    network = new_network(CONFIG, seed=0).eval()
    with torch.no_grad():
        network.classifier.weight.zero_()
        network.classifier.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 9]))  # A, B, none, none
    answers = torch.tensor([[0, 2, 2, 2], [2, 0, 2, 2], [2, 2, 1, 2], [2, 1, 2, 2]])
    found = marks(network, torch.zeros(4, 1, 24, 24), torch.tensor([0, 1, 2, 1]), answers)
    e = np.exp
    p = [e(1) / (e(1) + 2), 1 / (e(1) + 2), 1 / (2 + e(5)), e(1) / (e(1) + 2)]
    assert found.accuracy == 0.5
    assert found.log_p == pytest.approx(np.mean(np.log(p)), rel=1e-5)


def test_a_network_is_a_function_of_its_seed_and_leaves_the_generator():
    before = torch.get_rng_state()
    weights = [list(new_network(CONFIG, seed).parameters()) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, weights[0], weights[1]))
    assert not all(map(torch.equal, weights[0], weights[2]))


def test_the_rate_rises_and_falls():
    config = mini().model_copy(update={"steps": 110, "warmup_steps": 10, "learning_rate": 1.0})
    rates = [learning_rate(config, step) for step in (0, 9, 10, 60, 109)]
    assert rates == pytest.approx([0.1, 1, 1, 0.5, 0], abs=1e-3)
