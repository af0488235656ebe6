"""worldgen.evaluate.digit_grids: groups, what their definitions say, and digits of both sources."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from worldgen.errors import UserError
from worldgen.evaluate.digit_grids.digits import load_digits
from worldgen.evaluate.digit_grids.examples import Examples
from worldgen.evaluate.digit_grids.groups import GROUPS, Pairs, deranged, draw_pairs
from worldgen.evaluate.digit_grids.rational import rational_probabilities, reliabilities
from worldgen.evaluate.digit_grids.settings import DigitGridsConfig, mini, published
from worldgen.randomness import generator

INCONSISTENT = [number for number, group in enumerate(GROUPS) if not group.consistent]


@given(st.integers(0, 2**32), st.integers(2, 3), st.integers(6, 60))
def test_variables_differ_and_only_inconsistent_definitions_state_another_entity(seed, side, n):
    config = mini().model_copy(update={"side": side, "pairs": n})
    try:
        pairs = draw_pairs(config, generator(seed, "test"))
    except UserError:  # a few pairs may have one entity in more than half of them
        assert n < 20
        return
    assert len(np.unique(pairs.variables.reshape(-1, side**2), axis=0)) == len(GROUPS) * n
    for number in range(len(GROUPS)):
        same = (pairs.defined[number] == pairs.entities[number]).all(axis=1)
        assert (not same.any()) if number in INCONSISTENT else same.all()
        stated, true = (np.sort(its[number], axis=0) for its in (pairs.defined, pairs.entities))
        assert np.array_equal(stated, true)  # the same entities, as a whole


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.integers(0, 2**32))
def test_a_derangement_exists_as_long_as_no_entity_has_the_majority(kinds, seed):
    entities = np.array(kinds)[:, None]
    if 2 * max(kinds.count(kind) for kind in kinds) > len(kinds):
        with pytest.raises(UserError, match="more than half"):
            deranged(entities, np.random.default_rng(seed))
        return
    order = deranged(entities, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(kinds)))
    assert (entities[order] != entities).all()


def test_more_variables_than_grids_and_stages_without_width_are_refused():
    with pytest.raises(UserError, match="lower pairs or raise side"):
        draw_pairs(mini().model_copy(update={"pairs": 2000}), np.random.default_rng(0))
    with pytest.raises(ValidationError, match="name as many of both"):
        DigitGridsConfig(hidden=(8, 16), depths=(1,))


def test_the_defaults_are_the_published_numbers():
    paper = published()
    assert (paper.cells, paper.batch, paper.steps, paper.learning_rate, paper.warmup_steps) == (
        9, 128, 120_000, 3e-4, 2000,
    )  # fmt: skip
    assert (paper.hidden, paper.depths, paper.definition_share) == ((96, 192, 384, 768), (3, 3, 9, 3), 0.1)


def test_digits_of_scikit_learn_have_their_labels_and_two_parts():
    from sklearn.datasets import load_digits as small

    splits, theirs = load_digits("sklearn"), small()
    sizes = [len(part.images) for part in (splits.training, splits.validation)]
    assert sum(sizes) == len(theirs.target) == 1797
    assert 0.19 < sizes[1] / 1797 < 0.21
    images = theirs.images.astype(np.float32) / 16
    every = {image.tobytes(): label for image, label in zip(images, theirs.target, strict=True)}
    for part in (splits.training, splits.validation):
        labels = np.repeat(np.arange(10), np.diff(part.first))
        assert [every[image.tobytes()] for image in part.images] == labels.tolist()
    assert not {i.tobytes() for i in splits.training.images} & {i.tobytes() for i in splits.validation.images}


def test_a_drawn_digit_has_the_label_that_was_asked_for():
    digits = load_digits("sklearn").training
    labels = np.random.default_rng(0).integers(0, 10, (50, 4))
    images = digits.draw(labels, np.random.default_rng(1))
    of_label = [{i.tobytes() for i in digits.images[digits.first[d] : digits.first[d + 1]]} for d in range(10)]
    drawn = images.reshape(-1, 8, 8)
    assert all(image.tobytes() in of_label[d] for image, d in zip(drawn, labels.ravel(), strict=True))
    assert len({image.tobytes() for image in drawn}) > 150


def test_digits_of_a_file_are_read_and_what_is_no_such_file_is_refused(tmp_path):
    draw = np.random.default_rng(0)
    lines = np.column_stack([draw.integers(0, 256, (100, 784)), np.arange(100) % 10])
    with gzip.open(tmp_path / "digits.csv.gz", "wt") as file:
        np.savetxt(file, lines, fmt="%d", delimiter=",")
    splits = load_digits(str(tmp_path / "digits.csv.gz"))
    assert (splits.pixels, len(splits.training.images), len(splits.validation.images)) == (28, 80, 20)
    last_of_3 = splits.validation.images[splits.validation.first[4] - 1]
    assert last_of_3.ravel() == pytest.approx(lines[93, :784] / 255)
    np.savetxt(tmp_path / "short.csv", lines[:, 5:], fmt="%d", delimiter=",")
    np.savetxt(tmp_path / "few.csv", lines[:43], fmt="%d", delimiter=",")
    for file, told in (("none.csv", "cannot read"), ("short.csv", "784 pixels"), ("few.csv", "five images")):
        with pytest.raises(UserError, match=told):
            load_digits(str(tmp_path / file))


def test_a_rational_mind_trusts_a_tag_as_often_as_asked_cells_have_borne_it_out():
    """Two pairs of two cells a group, worked out by hand; cell 0 is held out everywhere."""
    entities = np.zeros((len(GROUPS), 2, 2), dtype=np.int64)
    defined = entities.copy()
    defined[INCONSISTENT[0]] = [[1, 1], [1, 0]]  # of its asked cells 1 the first is wrong, the second right
    pairs = Pairs(entities, entities, defined, np.zeros((len(GROUPS), 2), dtype=np.int64))
    assert reliabilities(pairs) == pytest.approx([3 / 4, 2 / 4, 1 / 2])
    names = [group.name for group in GROUPS]

    def asked_of(name, asked=False):
        of_group = np.full(2, names.index(name))
        return rational_probabilities(Examples(of_group, np.arange(2), np.zeros(2, dtype=np.int64)), asked, pairs)

    assert asked_of("D1cons QA1", asked=True).tolist() == [1, 1]
    assert asked_of("D1cons QA1").tolist() == [3 / 4, 3 / 4]
    assert asked_of("D2incons QA2").tolist() == [1 / 2, 1 / 2]
    assert asked_of("D5cons").tolist() == [3 / 4, 3 / 4]
    assert asked_of("QA3").tolist() == asked_of("QA7").tolist() == [1 / 2, 1 / 2]
