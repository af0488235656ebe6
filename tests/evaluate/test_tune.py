"""Searching settings: grids, held-out cases, the score that selects, and a search that was killed and goes on."""

from __future__ import annotations

import json
import math

import miniature
import pandas as pd
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.evaluate.asking import measure
from worldgen.evaluate.asking.measurements import read_measurements
from worldgen.evaluate.methods import tune
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import field_names, override
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.stages import tuning
from worldgen.evaluate.statistics.bootstrap import Interval
from worldgen.evaluate.testbed.case_trials import edition_seed
from worldgen.evaluate.testbed.cases import load_cases, make_cases
from worldgen.evaluate.testbed.coherence import negation_error
from worldgen.evaluate.testbed.editing_metrics import ACCURACIES, METRIC_NAMES
from worldgen.evaluate.testbed.sites import SITES

pytestmark = pytest.mark.usefixtures("one_thread")

GRID = ["edit.learning_rate=1e-3,1e-1", "edit.steps=1,2"]


@pytest.fixture(scope="module")
def run(built_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A model that nobody trained: any score will do."""
    return miniature.untrained(built_run, tmp_path_factory.mktemp("run"), ["tune.cases=5"])


@pytest.fixture(scope="module")
def found(run: Run) -> dict:
    return tuning.tune(run, METHODS["lora"], GRID)


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


def test_a_bad_value_is_told_before_anything_is_done(run: Run) -> None:
    with pytest.raises(UserError, match=r"ft\.learning_rate"):
        tuning.tune(run, METHODS["ft"], ["ft.learning_rate=1e-3,-1"])
    assert not (run.folder / "tune" / "ft").exists()


def test_every_methods_settings_are_settings() -> None:
    for method in METHODS:
        assert set(METHODS[method].settings) <= set(field_names())


def test_held_out_cases_are_of_other_facts_and_are_not_drawn_alike(run: Run, found: dict) -> None:
    benchmark = load_cases(run.folder / "cases" / "cases.parquet")
    held_out = load_cases(run.folder / "tune" / "cases" / "cases.parquet")
    assert len(held_out) == 5
    assert not {(c.subject, c.relation) for c in benchmark} & {(c.subject, c.relation) for c in held_out}
    # Nor do they share what an editor draws.
    assert not {edition_seed(0, c.case) for c in benchmark} & {edition_seed(0, c.case) for c in held_out}


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


def test_every_point_is_scored_and_the_best_can_be_edited_with(run: Run, found: dict) -> None:
    assert found == json.loads((run.folder / "tune" / "lora.json").read_text())
    assert len(found["points"]) == len(pd.read_csv(run.folder / "tune" / "lora.csv")) == 4
    assert found["best"]["score"] == max(point["score"] for point in found["points"])
    assert [point["cost"]["steps"] for point in found["points"]] == [1, 2, 1, 2]
    assert found["options"] == " ".join(f"--set {setting}" for setting in found["best"]["settings"])
    assert found["options"] in tune.in_words(found)


def test_a_points_parts_are_those_of_its_measurements(run: Run, found: dict) -> None:
    """From the raw rows, without the scores: the answers that are expected, and one of the logical errors."""
    probes = pd.read_parquet(run.folder / "tune" / "cases" / "probes.parquet")
    point = found["points"][-1]
    rows = probes.merge(read_measurements(run.folder / "tune" / "lora" / point["measurements"]), on=["case", "name"])
    right = (rows["answer_after"] == rows["expected_after"]).groupby(rows["name"]).mean()
    parts = point["parts"]["all"]
    assert parts["request"] == right["s1r1/answer"]
    assert parts["dependent"] == right["s1r2/answer"]
    assert parts["others"] == pytest.approx((right["s2r1/answer"] + right["s2r2/answer"]) / 2)
    p = rows.pivot(index="case", columns="name", values="after")
    agent = rows.pivot(index="case", columns="name", values="credence_after")
    against_agent = [abs(p[f"{site}/new_mode"] - agent[f"{site}/new_mode"]).mean() for site in SITES]
    a, b, both = p["requested/tf"], p["b/tf"], p["requested/and"]
    against_itself = [
        abs(p["s1r1/requested"] - a), negation_error(a, p["requested/not"]), abs(both - a * b),
        abs(p["requested/or"] - (a + b - a * b)), abs(both - p["requested/and_swapped"]),
    ]  # fmt: skip
    errors = sum(against_agent) / 4 + sum(error.mean() for error in against_itself) / 5
    assert parts["coherence"] == pytest.approx(1 - errors / 2)


def test_a_killed_search_goes_on_and_a_larger_grid_asks_its_own_points(
    run: Run, found: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    whole = measure.measure
    monkeypatch.setattr(measure, "measure", lambda *args: (asked.append(args[4].folder.name), whole(*args)))
    assert tuning.tune(run, METHODS["lora"], GRID) == found
    assert asked == []
    # A point that was half done: its second chunk and its manifest are not there.
    folder = run.folder / "tune" / "lora" / found["points"][2]["measurements"]
    for name in ("manifest.json", "measurements-00002.parquet", "costs-00002.parquet"):
        (folder / name).unlink()
    again = tuning.tune(run, METHODS["lora"], [GRID[0], "edit.steps=1,2,3"])
    assert len(again["points"]) == 6
    assert len(asked) == 3
    assert folder.name in asked
    before = {tuple(point["settings"]): point["score"] for point in found["points"]}
    after = {tuple(point["settings"]): point["score"] for point in again["points"]}
    assert after | before == after


def test_nothing_of_a_search_is_taken_for_the_benchmark(run: Run, found: dict) -> None:
    """A method's files beside its measurements are the point's own; kept adapters, and the cases that are taught."""
    config = override(run.config, ["edit.keep_adapters=true", "belief.steps=1", "tune.cases=2"])
    point = tuning.tune(Run(run.folder, config, device="cpu", quiet=True), METHODS["belief"], ["belief.rank=1"])[
        "points"
    ][0]
    kept = run.folder / "tune" / "belief" / point["measurements"] / "adapters"
    assert len(list(kept.iterdir())) == 2
    assert not (run.folder / "edits").exists()


def test_belief_keeps_out_the_held_out_cases_subjects(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from worldgen.evaluate.teaching import teacher as teaching

    told = []
    whole = teaching.teacher_of
    monkeypatch.setattr(teaching, "teacher_of", lambda *args: (told.extend(args[5]), whole(*args))[1])
    config = override(run.config, ["belief.steps=1", "tune.cases=2"])
    tuning.tune(Run(run.folder, config, device="cpu", quiet=True), METHODS["belief"], ["belief.rank=2"])
    assert told == load_cases(run.folder / "tune" / "cases" / "cases.parquet")
