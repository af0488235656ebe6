"""Trajectories over steps, as stages of a run: what is recorded, what is scored, and the page that draws it."""

from __future__ import annotations

import json

import miniature
import pandas as pd
import pytest

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.report.equal_compute import points_of
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import make_stage
from worldgen.evaluate.stages import testbed
from worldgen.evaluate.stages.page import REPORT
from worldgen.evaluate.stages.trajectory import shorter_edits
from worldgen.evaluate.testbed.scores import read_scores
from worldgen.storage.manifests import verify

SETTINGS = [
    "cases.cases=4", "edit.learning_rate=0.1", "ft.steps=4", "ft.learning_rate=0.01",
    "trajectory.steps=[2,0,1,2,9]",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(built_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A model that nobody trained, edited by three methods; of two of them the trajectory is known."""
    run = miniature.untrained(built_run, tmp_path_factory.mktemp("run"), SETTINGS)
    testbed.record_trajectory(run, METHODS["lora"])
    testbed.record_trajectory(run, METHODS["ft"])
    testbed.edit(run, METHODS["in-context"])
    testbed.score_methods(run)
    return run


def test_a_trajectory_is_the_losses_of_the_longer_edit(run: Run) -> None:
    """After k of its steps a method whose rate is constant is where its edit of k steps ends."""
    for method in ("lora", "ft"):
        whole = read_costs(run.folder / "edits" / method)["losses"]
        folders = sorted((run.folder / "trajectories" / method).iterdir())
        assert [folder.name for folder in folders] == ["steps-00000", "steps-00001", "steps-00002"]
        for steps, folder in enumerate(folders):
            assert verify(folder) == []
            for mine, all_ in zip(read_costs(folder)["losses"], whole, strict=True):
                assert mine.tolist() == all_.tolist()[:steps]
        after = [read_measurements(folder)["after"] for folder in folders]
        assert not after[0].equals(after[1])
        assert not after[1].equals(after[2])


def test_after_no_step_the_model_is_unedited(run: Run) -> None:
    measured = read_measurements(run.folder / "trajectories" / "ft" / "steps-00000")
    assert measured["before"].equals(measured["after"])
    assert measured["answer_before"].equals(measured["answer_after"])


def test_scores_hold_the_trajectory(run: Run) -> None:
    by_method = {scores.method: scores for scores in read_scores(run.folder / "scores")}
    probes = pd.read_parquet(run.folder / "cases" / "probes.parquet")
    for method, most in (("lora", 3), ("ft", 4)):
        points = points_of(by_method[method])
        assert [point.steps for point in points] == [0, 1, 2, most]
        flops = [point.flops for point in points]
        assert flops[0] == 0
        assert flops == sorted(flops)
        folder = run.folder / "trajectories" / method / "steps-00002"
        rows = probes.merge(read_measurements(folder), on=["case", "name"])
        asked = rows[rows["name"] == "s1r1/answer"]
        right = (asked["answer_after"] == asked["expected_after"]).mean()
        assert points[2].scores.groups["all"].post["acc_s1r1"].mean == pytest.approx(right)
    assert [point.steps for point in points_of(by_method["in-context"])] == [None]


def test_other_settings_trajectory_is_left_out(run: Run) -> None:
    """A trajectory recorded with another learning rate than the edits were made with is no part of them."""
    folder = run.folder / "trajectories" / "lora" / "steps-00002"
    text = (folder / "manifest.json").read_text()
    manifest = json.loads(text)
    manifest["inputs"]["edit.learning_rate"] = 0.5
    del manifest["checksum"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert sorted(shorter_edits(run.folder, "lora")) == [0, 1]
    (folder / "manifest.json").write_text(text)
    assert sorted(shorter_edits(run.folder, "lora")) == [0, 1, 2]


def test_a_method_without_steps_has_none(run: Run) -> None:
    for method in ("none", "in-context"):
        assert METHODS[method].steps is None
        with pytest.raises(UserError, match=f"{method} takes no steps.*lora"):
            testbed.record_trajectory(run, METHODS[method])
    assert {method.steps for method in METHODS.values()} >= {"edit.steps", "ft.steps", "belief.steps", "rome.steps"}


def test_the_page_has_all_of_it(run: Run) -> None:
    make_stage(run, REPORT)
    page = (run.folder / "report" / "index.html").read_text()
    for shown in ('id="trajectories"', "At equal compute", "lora, 3 steps", "Small marks"):
        assert shown in page
    assert {"cost.svg", "trajectories.svg"} <= {path.name for path in (run.folder / "report" / "figures").iterdir()}
