"""Searching settings: grids, the score that selects, the best point, cases apart from others."""

from __future__ import annotations

import math

import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.evaluate.methods import tune
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import field_names, override
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.testbed.cases import make_cases
from worldgen.evaluate.testbed.editing_metrics import ACCURACIES, METRIC_NAMES

GRID = ["edit.learning_rate=1e-3,1e-1", "edit.steps=1,2"]


def test_a_grid_is_every_combination() -> None:
    assert tune.read_grid(METHODS["lora"], GRID) == [
        ("edit.learning_rate=0.001", "edit.steps=1"), ("edit.learning_rate=0.001", "edit.steps=2"),
        ("edit.learning_rate=0.1", "edit.steps=1"), ("edit.learning_rate=0.1", "edit.steps=2"),
    ]  # fmt: skip
    assert tune.read_grid(METHODS["ft-l"], ["ft_l.layers=[0, 1],[2]"]) == [
        ("ft_l.layers=[0, 1]",),
        ("ft_l.layers=[2]",),
    ]
    assert tune.read_grid(METHODS["ft"], ["ft.optimizer=sgd, adamw"]) == [
        ("ft.optimizer=sgd",),
        ("ft.optimizer=adamw",),
    ]
    assert tune.read_grid(METHODS["ft"], ['ft.optimizer="sgd"']) == [("ft.optimizer=sgd",)]


@given(rates=st.lists(st.floats(1e-12, 1e3), min_size=1, max_size=5), steps=st.lists(st.integers(0, 99), min_size=1))
def test_a_point_gives_the_values_that_were_written(rates: list[float], steps: list[int]) -> None:
    grid = [f"ft.learning_rate={','.join(map(str, rates))}", f"ft.steps={','.join(map(str, steps))}"]
    configs = [override(tiny(), point).ft for point in tune.read_grid(METHODS["ft"], grid)]
    assert [(config.learning_rate, config.steps) for config in configs] == [(r, s) for r in rates for s in steps]


@pytest.mark.parametrize(
    ("method", "grid", "message"),
    [
        ("lora", ["edit.lerning_rate=1"], "is no setting of lora: choose from edit.rank"),
        ("lora", ["edit.mode=single,together"], "is no setting of lora"),  # the task is not the method's
        ("ft", ["edit.learning_rate=1"], "is no setting of ft: choose from ft.optimizer"),
        ("none", ["edit.steps=1"], "it has none"),
        ("ft", ["ft.steps=1", "ft.steps=2"], "comes twice"),
        ("ft", ["ft.steps="], "write it as key=value"),
        ("ft", ["ft.steps"], "write it as key=value"),
    ],
)
def test_a_bad_grid_is_told(method: str, grid: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tune.read_grid(METHODS[method], grid)


def test_every_methods_settings_are_settings() -> None:
    for method in METHODS:
        assert set(METHODS[method].settings) <= set(field_names())


def test_any_number_of_held_out_cases_lies_apart() -> None:
    """The benchmark's facts are never asked, and one that has them all leaves none."""
    config = CasesConfig(cases=40)
    # Every fact comes once before any comes twice.
    all_ = make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=len(worlds.world())), seed=3)
    facts = {(case.subject, case.relation) for case in all_}
    few = all_[: len(facts) // 2]
    apart = make_cases(worlds.world(), worlds.agent(), config, seed=3, apart_from=few)
    taken = {(case.subject, case.relation) for case in few}
    assert len(apart) == 40
    assert {(case.subject, case.relation) for case in apart} <= facts - taken
    with pytest.raises(UserError, match="leave no fact for held-out ones"):
        make_cases(worlds.world(), worlds.agent(), config, seed=3, apart_from=all_)


def test_the_score_is_the_mean_of_four_parts_of_two_groups() -> None:
    def row(**means: float) -> dict:
        found = dict.fromkeys(METRIC_NAMES, 0.0) | means
        return {name: Interval(mean, mean, mean) for name, mean in found.items()}

    perfect = tune.parts_of(row(**{metric.name: 1.0 for metric in ACCURACIES}))
    assert perfect == {"request": 1.0, "dependent": 1.0, "others": 1.0, "coherence": 1.0}
    # By hand: 1, 0, (1 + 0) / 2, 1 - (0.4 / 4 + 0.5 / 5) / 2 = 0.9.
    mixed = tune.parts_of(row(acc_s1r1=1.0, acc_s2r1=1.0, coh_s1r2=0.4, logic_and=0.5))
    assert mixed == pytest.approx({"request": 1.0, "dependent": 0.0, "others": 0.5, "coherence": 0.9})
    assert tune.selection_score([perfect, mixed]) == pytest.approx((1 + 0.6) / 2)
    assert tune.selection_score([mixed, tune.parts_of({})]) == pytest.approx(0.6)
    assert tune.selection_score([perfect, tune.parts_of(row(coh_s1r1=math.nan))]) is None


def test_the_best_has_the_highest_score_then_the_lowest_cost() -> None:
    def point(name: str, score: float | None, flops: float) -> dict:
        return {"settings": [name], "score": score, "cost": {"flops_per_edit": flops}}

    rows = [point("a", 0.5, 1), point("b", 0.7, 9), point("c", 0.7, 3), point("d", None, 0), point("e", 0.7, 3)]
    assert tune.best_of(rows)["settings"] == ["c"]
    with pytest.raises(UserError, match="no point of the grid"):
        tune.best_of([point("d", None, 0)])
