"""settings: what cannot be meant is refused in one line; the constraint follows its formula."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from small_updates import SIZES

from worldgen.lm.editors.learned.constrained import Constraint, constraint_of
from worldgen.lm.editors.learned.settings import ConstrainedConfig, KeConfig, LearnedConfig
from worldgen.lm.editors.learned.training import learning_rate


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (LearnedConfig, {"sequence": 10, "updates": 25}, "updates is 25, no multiple of sequence"),
        (LearnedConfig, {"updates": 10, "warmup_steps": 10}, "warmup_steps is 10, but there are 10 steps"),
        (LearnedConfig, {"updates": 4, "validations": 5}, "validations is 5, but there are 4 steps"),
        (LearnedConfig, {"random_points": 0}, "random_points is 0, but random_weight is not"),
        (LearnedConfig, {"main_weight": 0}, "greater than 0"),
        (LearnedConfig, {"kl_direction": "both"}, "orig||new"),
        (LearnedConfig, {"steps": 0}, "greater than or equal to 1"),
        (ConstrainedConfig, {"training_steps": 5}, "training_steps and sequence are 1"),
        (ConstrainedConfig, {"sequence": 10}, "training_steps and sequence are 1"),
        (ConstrainedConfig, {"neutral_weight": 1}, "no entailed or neutral term"),
        (ConstrainedConfig, {"random_weight": 0}, "no entailed or neutral term, and needs its random one"),
        (ConstrainedConfig, {"kl_direction": "new||orig"}, "kl_direction is orig||new"),
        (ConstrainedConfig, {"margin_floor": 1}, "margin_floor is 1.0, more than the margin, 0.001"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(kind, settings, message):
    with pytest.raises(ValidationError) as refused:
        kind(**settings)
    (error,) = refused.value.errors()
    assert message.replace("||", "") in error["msg"].replace("||", "")
    assert "\n" not in error["msg"]


def test_the_defaults_are_the_papers():
    slag, ke, constrained = LearnedConfig(), KeConfig(), ConstrainedConfig()
    assert (slag.training_steps, slag.steps, slag.paraphrase_weight, slag.random_weight) == (5, 5, 0, 1)
    assert (ke.training_steps, ke.steps, ke.paraphrase_weight, ke.random_weight) == (1, 5, 1, 1)
    assert (constrained.training_steps, constrained.label_smoothing, constrained.margin) == (1, 0.1, 1e-3)


def test_the_rate_falls_linearly_to_nothing_after_the_warm_up():
    config = LearnedConfig(updates=10, learning_rate=1.0, validations=0)
    assert [learning_rate(config, step) for step in (0, 5, 9)] == pytest.approx([1.0, 0.5, 0.1])
    warm = LearnedConfig(updates=10, learning_rate=1.0, warmup_steps=4, validations=0)
    assert [learning_rate(warm, step) for step in (0, 1, 4, 7, 9)] == pytest.approx([0, 0.25, 1, 0.5, 1 / 6])


def test_the_price_rises_above_the_margin_and_falls_below_it():
    """1 + .1 (.501 - .001) = 1.05; - .1 * .001 below the margin; never below 0."""
    config = ConstrainedConfig(**SIZES)
    start = constraint_of(config, [])
    assert start == Constraint(1.0, 1e-3)
    assert start.after({"kept": 0.501}, config) == Constraint(pytest.approx(1.05), 1e-3)
    assert start.after({"kept": 0.0}, config) == Constraint(pytest.approx(0.9999), 1e-3)
    assert Constraint(1e-5, 1e-3).after({"kept": 0.0}, config).price == 0


def test_the_margin_shrinks_after_good_validations_down_to_its_floor():
    config = ConstrainedConfig(**SIZES)
    row = {"kept": 0.0}
    assert constraint_of(config, [row | {"success": 0.9}]).margin == 1e-3
    assert constraint_of(config, [row | {"success": 0.91}] * 2).margin == pytest.approx(0.64e-3)
    assert constraint_of(config, [row | {"success": 1.0}] * 50).margin == 1e-5


def test_without_a_constraint_the_price_is_one_and_nothing_is_free():
    assert constraint_of(LearnedConfig(**SIZES), [{"kept": 5.0, "success": 1.0}]) == Constraint(1.0, 0.0)
