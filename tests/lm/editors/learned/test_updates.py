"""updates: a draw is a function of seed and step, and keeps to the paper's shares."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_updates import SIZES, four_points

from worldgen.errors import UserError
from worldgen.lm.editors.learned.settings import ConstrainedConfig, LearnedConfig
from worldgen.lm.editors.learned.updates import DrawnUpdates, check_points

CONFIG = LearnedConfig(**SIZES, random_points=2, sequences=2, sequence=3, updates=6, validations=1)
MANY = LearnedConfig(**SIZES, random_points=0, random_weight=0, sequences=2000, updates=2000, validations=1)


def test_a_draw_is_a_function_of_seed_and_step(tokenizer):
    points = four_points(tokenizer)
    drawn = DrawnUpdates(points, CONFIG, 1).of_step(7)
    assert [len(sequence) for sequence in drawn] == [3, 3]
    assert drawn == DrawnUpdates(points, CONFIG, 1).of_step(7)
    assert drawn != DrawnUpdates(points, CONFIG, 1).of_step(8)
    assert drawn != DrawnUpdates(points, CONFIG, 2).of_step(7)


def test_random_texts_are_other_points_and_all_different(tokenizer):
    points = four_points(tokenizer)[1:]  # whose updates differ
    for (update,) in DrawnUpdates(points, MANY.model_copy(update={"random_points": 2, "sequences": 50}), 0).of_step(0):
        (own,) = [point for point in points if replace(update, random=()) in point.updates]
        assert own.known not in update.random
        assert len({tuple(text.ids) for text in update.random}) == 2


def test_every_label_of_every_point_is_drawn(tokenizer):
    """Of four points the first has two labels, 1/8 each: one is also the last point's label, the other the second's."""
    points = four_points(tokenizer)
    drawn = [update for (update,) in DrawnUpdates(points, MANY, 0).of_step(0)]
    one, two = points[0].updates
    three = points[2].updates[0]
    # 2000 draws: a share's standard deviation is about .01
    for update, share in ((one, 3 / 8), (two, 3 / 8), (three, 1 / 4)):
        assert drawn.count(update) / len(drawn) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        # of the second update, the only one without paraphrases and without entailed texts: 3/8 of plain draws
        ({"paraphrase_weight": 1.0}, 0.3 * 3 / 8),
        ({"entailed_weight": 1.0}, 0.5 * 3 / 8),
        ({"entailed_weight": 1.0, "paraphrase_weight": 1.0}, 0.5 * 0.3 * 3 / 8),
    ],
)
def test_points_with_paraphrases_and_entailed_texts_are_drawn_more_often(tokenizer, settings, share):
    points = four_points(tokenizer)
    drawn = DrawnUpdates(points, MANY.model_copy(update=settings), 0).of_step(0)
    without = sum(not update.paraphrases for (update,) in drawn)
    assert without / len(drawn) == pytest.approx(share, abs=0.05)


def test_the_constrained_objective_sees_one_paraphrase_at_a_time(tokenizer):
    points = four_points(tokenizer)
    config = ConstrainedConfig(**SIZES, random_points=1, sequences=50, updates=100, warmup_steps=0, validations=1)
    drawn = [update for (update,) in DrawnUpdates(points, config, 0).of_step(0)]
    assert {len(update.paraphrases) for update in drawn} == {0, 1}
    seen = {tuple(tuple(text.ids) for text in update.paraphrases) for update in drawn}
    assert len(seen) == 1 + 2 + 1  # none, each of two, the only one


def test_points_that_cannot_be_drawn_from_are_refused(tokenizer):
    points = four_points(tokenizer)
    with pytest.raises(UserError, match="4 training points, too few for one and 4 random ones"):
        check_points(points, CONFIG.model_copy(update={"random_points": 4}))
    with pytest.raises(UserError, match="no training point has a label"):
        check_points([replace(points[0], updates=())], MANY)
    for term in ("paraphrase", "entailed"):
        with pytest.raises(UserError, match=f"no training point has {term}"):
            check_points(points[1:2], MANY.model_copy(update={f"{term}_weight": 1.0}))
    check_points(points, CONFIG.model_copy(update={"paraphrase_weight": 1.0, "entailed_weight": 1.0}))
