"""Searching settings on a run: held-out cases, and a search that was killed and goes on."""

from __future__ import annotations

import json

import miniature
import pandas as pd
import pytest

from worldgen.errors import UserError
from worldgen.evaluate.asking import measure
from worldgen.evaluate.asking.measurements import read_measurements
from worldgen.evaluate.methods import tune
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.stages import tuning
from worldgen.evaluate.testbed.case_trials import edition_seed
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.evaluate.testbed.coherence import negation_error
from worldgen.evaluate.testbed.sites import SITES

GRID = ["edit.learning_rate=1e-3,1e-1", "edit.steps=1,2"]


@pytest.fixture(scope="module")
def run(built_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A model that nobody trained: any score will do."""
    return miniature.untrained(built_run, tmp_path_factory.mktemp("run"), ["tune.cases=5"])


@pytest.fixture(scope="module")
def found(run: Run) -> dict:
    return tuning.tune(run, METHODS["lora"], GRID)


def test_a_bad_value_is_told_before_anything_is_done(run: Run) -> None:
    with pytest.raises(UserError, match=r"ft\.learning_rate"):
        tuning.tune(run, METHODS["ft"], ["ft.learning_rate=1e-3,-1"])
    assert not (run.folder / "tune" / "ft").exists()


def test_held_out_cases_are_of_other_facts_and_are_not_drawn_alike(run: Run, found: dict) -> None:
    benchmark = load_cases(run.folder / "cases" / "cases.parquet")
    held_out = load_cases(run.folder / "tune" / "cases" / "cases.parquet")
    assert len(held_out) == 5
    assert not {(c.subject, c.relation) for c in benchmark} & {(c.subject, c.relation) for c in held_out}
    # Nor do they share what an editor draws.
    assert not {edition_seed(0, c.case) for c in benchmark} & {edition_seed(0, c.case) for c in held_out}


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
