"""Trajectories over steps, and methods at equal compute: what is recorded, what is chosen, and that it is drawn."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import miniature
import pandas as pd
import pytest

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.report.equal_compute import at_equal_compute, cheapest, points_of
from worldgen.evaluate.report.figures.compute_curves import draw_cost
from worldgen.evaluate.report.figures.svg import svg_of
from worldgen.evaluate.report.methods_compared import curves_of
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import make_stage
from worldgen.evaluate.stages import testbed
from worldgen.evaluate.stages.page import REPORT
from worldgen.evaluate.stages.trajectory import shorter_edits
from worldgen.evaluate.statistics.bootstrap import Interval
from worldgen.evaluate.testbed.editing_metrics import GROUPS, METRIC_NAMES
from worldgen.evaluate.testbed.scores import EditCost, GroupScores, MethodScores, read_scores
from worldgen.storage.manifests import verify

pytestmark = pytest.mark.usefixtures("one_thread")

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


def scored(method: str, flops: float | None, *shorter: tuple[int, float, float], mean: float = 0.5) -> MethodScores:
    """Scores with every mean the same; `shorter`: steps, FLOPs and mean."""

    def row(mean: float, flops: float | None, steps: int | None, *trajectory: MethodScores) -> MethodScores:
        cells = dict.fromkeys(METRIC_NAMES, Interval(mean, mean, mean))
        groups = dict.fromkeys(GROUPS, GroupScores(3, cells, cells, cells))
        cost = None if flops is None else EditCost(steps or 0, 0.0, flops, 0)
        return MethodScores(method, 3, 0.95, groups, cost, steps=steps, trajectory=trajectory)

    trajectory = [row(value, cost, steps) for steps, cost, value in shorter]
    return row(mean, flops, 40 if flops else None, *trajectory)


SCORES = [
    scored("cheap", 100.0, (0, 0.0, 0.1), (10, 25.0, 0.2)),
    scored("dear", 4000.0, (0, 0.0, 0.1), (1, 100.0, 0.3), (10, 1000.0, 0.4)),
    scored("whole", 101.0),
    scored("free", 0.0),
    scored("outside", None),
]


def test_equal_compute_is_the_most_steps_within_the_cheapest() -> None:
    assert cheapest(SCORES) == 100
    equal = at_equal_compute(SCORES, 0.0)
    assert equal is not None
    assert equal.budget == 100
    assert equal.left_out == ["whole", "outside"]
    for group in equal.groups:
        rows = {title: cells[0].mean for title, cells in group.rows.items() if not title.startswith("before")}
        assert rows == {"cheap, 40 steps": "0.50", "dear, 1 step": "0.30", "free": "0.50"}


def test_equal_compute_within_a_budget() -> None:
    for budget, dear, left_out in (
        (1000.0, "dear, 10 steps", 1),
        (99.0, "dear, 0 steps", 2),
        (1e9, "dear, 40 steps", 1),
    ):
        equal = at_equal_compute(SCORES, budget)
        assert equal is not None
        assert dear in equal.groups[0].rows
        assert len(equal.left_out) == left_out
    assert at_equal_compute([scored("free", 0.0), scored("outside", None)], 0.0) is None


def test_every_method_is_on_the_figure() -> None:
    svg = svg_of("cost", (9, 3), lambda figure: draw_cost(figure, curves_of(SCORES)))
    for scores in SCORES:
        assert len(re.findall(f">{scores.method}</text>", svg)) == 1
    # Five marks in one place: no name lies on another.
    same = curves_of([scored(name, 100.0) for name in "abcde"])
    svg = svg_of("cost", (9, 3), lambda figure: draw_cost(figure, same))
    heights = [float(y) for name in "abcde" for y in re.findall(rf' y="([0-9.]+)"[^<]*>{name}</text>', svg)]
    assert len(heights) == 5
    assert all(below - above > 9 for below, above in pairwise(heights))


def test_the_page_has_all_of_it(run: Run) -> None:
    make_stage(run, REPORT)
    page = (run.folder / "report" / "index.html").read_text()
    for shown in ('id="trajectories"', "At equal compute", "lora, 3 steps", "Small marks"):
        assert shown in page
    assert {"cost.svg", "trajectories.svg"} <= {path.name for path in (run.folder / "report" / "figures").iterdir()}
