"""Two models of one world in one table: the testbed's and SLAG's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import miniature
import numpy as np
import pytest
from click.testing import CliRunner, Result

from worldgen.cli import cli
from worldgen.errors import UserError
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import slag_tiny
from worldgen.evaluate.runs.run import Run, keeping_config, locked
from worldgen.evaluate.runs.stage import make_stage
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.scoring import read_belief_scores
from worldgen.evaluate.stages import testbed
from worldgen.evaluate.stages.slag import whole
from worldgen.evaluate.stages.slag.points import believed

SETTINGS = (
    *miniature.SETTINGS, "pretrain.learning_rate=1e-2", "world.aliases=2", "world.held_out_percent=25",
    "slag.points=60", "slag.split_percents=[20, 20, 60]", "slag.most_updates=5", "slag.r=[1, 2]", "slag.random_gen=4",
    "slag.random_tf=4", "slag.grids=[]", "ft.learning_rate=1e-2", "ft.steps=3", "score.bootstrap_samples=300",
)  # fmt: skip


def made(folder: Path, model_seed: int) -> Run:
    run = Run(folder, override(slag_tiny(), (*SETTINGS, f"model_seed={model_seed}")), device="cpu", quiet=True)
    with locked(folder), keeping_config(run):
        whole.run_everything(run, [METHODS["ft"]])
        make_stage(run, testbed.CASES)
        testbed.edit(run, METHODS["none"])
        testbed.score_methods(run)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    folder = tmp_path_factory.mktemp("seeds")
    return made(folder / "one", 1), made(folder / "two", 2)


def seeds(*folders: Path, options: tuple[str, ...] = ("--json",)) -> Result:
    return CliRunner().invoke(cli, ["seeds", *map(str, folders), *options])


def test_means_of_two_models_are_those_of_their_values(runs: tuple[Run, Run]) -> None:
    done = seeds(*(run.folder for run in runs))
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    scores = [read_belief_scores(run.folder / "slag" / "scores" / "detection.json") for run in runs]
    alone = [{row.task: row.means["accuracy"].mean for row in rows if row.who == "model"} for rows in scores]
    for row in said["detection"]:
        # Every test point has a main answer of both models, so that the mean is that of the means.
        mean = np.mean([accuracy[row["task"]] for accuracy in alone])
        assert row["means"]["accuracy"]["mean"] == pytest.approx(mean)
        assert row["counts"]["accuracy"] == len(believed(runs[0], Task(row["task"])).of_split("test").points)
    updated = {(row["task"], row["about"]["r"]): row for row in said["updates"]}
    assert set(updated) == {("gen", 1), ("gen", 2), ("tf", 1), ("tf", 2)}
    for (task, r), row in updated.items():
        its = [
            each
            for run in runs
            for each in read_belief_scores(run.folder / "slag" / "scores" / "updates.json")
            if (each.task, each.about["r"]) == (task, r)
        ]
        weighed = sum(each.means["usr_main"].mean * each.n for each in its) / sum(each.n for each in its)
        assert row["means"]["usr_main"]["mean"] == pytest.approx(weighed)
        assert row["about"]["points"] == sum(each.about["points"] for each in its)
        assert row["about"]["seeds"] == 2
    edited = [json.loads((run.folder / "scores" / "none.json").read_text())["groups"]["all"]["pre"] for run in runs]
    for name, cell in said["edits"]["none"]["groups"]["all"]["pre"].items():
        assert cell["mean"] == pytest.approx(np.mean([pre[name]["mean"] for pre in edited]))


def test_a_run_beside_its_own_copy_has_its_own_means(runs: tuple[Run, Run], tmp_path: Path) -> None:
    copy = shutil.copytree(runs[0].folder, tmp_path / "copy")
    done = json.loads(seeds(runs[0].folder, copy).stdout)
    alone = read_belief_scores(copy / "slag" / "scores" / "updates.json")
    for row in done["updates"]:
        (mine,) = [each for each in alone if (each.task, each.about["r"]) == (row["task"], row["about"]["r"])]
        assert {name: cell["mean"] for name, cell in row["means"].items() if name in mine.means} == pytest.approx(
            {name: cell.mean for name, cell in mine.means.items() if name in row["means"]}
        )


def test_it_prints_tables(runs: tuple[Run, Run]) -> None:
    text = seeds(*(run.folder for run in runs), options=()).stdout
    assert "Beliefs before any update" in text
    assert "ft, r = 2" in text
    assert "Pre-edit" in text


def test_what_has_no_common_table_is_refused(runs: tuple[Run, Run], tmp_path: Path) -> None:
    one, two = (run.folder for run in runs)
    other = shutil.copytree(two, tmp_path / "other")
    inputs = json.loads((other / "cases" / "manifest.json").read_text())
    inputs["inputs"]["seed"] = 99
    del inputs["checksum"]
    (other / "cases" / "manifest.json").write_text(json.dumps(inputs))
    for folders, word in (((one,), "two run folders or more"), ((one, one), "each once"), ((one, other), "seed")):
        refused = seeds(*folders)
        assert isinstance(refused.exception, UserError)
        assert word in str(refused.exception)
