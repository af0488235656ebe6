"""Learned optimizers in a run: trained on training subjects, resumed, and methods of `update` like any other."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import miniature
import pandas as pd
import pytest
from command_line import exit_code_of

from worldgen.errors import UserError
from worldgen.evaluate.methods.methods import LEARNED, METHODS
from worldgen.evaluate.runs.config import override, to_toml
from worldgen.evaluate.runs.load import load_world
from worldgen.evaluate.runs.presets import slag_tiny
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import in_order, make_stage
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.scoring import read_belief_scores
from worldgen.evaluate.stages.report_material import write_report
from worldgen.evaluate.stages.slag import whole
from worldgen.evaluate.stages.slag.graph import Wanted, draw_graph
from worldgen.evaluate.stages.slag.optimizers import points_to_learn, train_editor, trained_for, training_of
from worldgen.evaluate.stages.slag.points import BEAM, POINTS, believed, read_beams
from worldgen.evaluate.stages.slag.sources import OWN
from worldgen.evaluate.stages.slag.updates import updates
from worldgen.evaluate.stages.testbed import CASES, record_trajectory, score_methods
from worldgen.evaluate.stages.tuning import HELD_OUT, tune
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.storage.manifests import read_manifest

EVERY = [METHODS[name] for name in LEARNED]
TRAINED = "updates=6 sequences=1 validations=2 checkpoint_steps=2"
SMALL = f"condition=8 head=4 lstm=4 steps=2 {TRAINED}"
OF_POINTS = [method for method in EVERY if method.name != "rational"]
SETTINGS = (
    *miniature.SETTINGS, "pretrain.learning_rate=1e-2", "world.aliases=2", "world.deterministic_percent=50",
    "tune.cases=3", "slag.points=60", "slag.most_updates=3", "slag.r=[1, 2]", "slag.random_gen=4", "slag.random_tf=4",
    *(f"{method.section}.{part}" for method in OF_POINTS for part in SMALL.split()),
    *(f"rational.{part}" for part in f"{TRAINED} warmup_steps=0 width=8 blocks=1 kept=2".split()),
    *(f"{method.section}.random_points=3" for method in OF_POINTS),
    "slag_editor.training_steps=2", "slag_editor.sequence=2", "ke_constrained.warmup_steps=0",
)  # fmt: skip
each_method = pytest.mark.parametrize("method", EVERY, ids=lambda method: method.name)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("learned"), override(slag_tiny(), SETTINGS), device="cpu", quiet=True)
    whole.run_everything(run, [METHODS["none"]])
    make_stage(run, CASES)
    for method in EVERY:
        train_editor(run, method)
        whole.update(run, method)
    return run


@each_method
def test_an_optimizer_is_trained_and_validated(run, method):
    folder = run.folder / "optimizers" / method.name
    history = pd.read_parquet(folder / "training.parquet")
    assert len(history) == getattr(run.config, method.section).optimizer_steps
    assert history["score"].notna().sum() == 2
    assert (history["steps"] > 0).any()
    assert {path.name for path in (folder / "final").iterdir()} == {"optimizer.json", "optimizer.safetensors"}


@each_method
def test_it_updates_points_as_other_methods_do(run, method):
    rows = read_belief_scores(run.folder / "slag" / "scores" / "updates.json")
    mine = [row for row in rows if row.who == method.name]
    assert {(row.task, row.about["r"]) for row in mine} == {(task, r) for task in ("gen", "tf") for r in (1, 2)}
    for row in mine:
        assert row.about["flops"] > 0
        assert 0 <= row.about["steps"] <= 2 * row.about["r"]


def test_only_points_of_training_subjects_are_learned_from(run):
    manifest = read_manifest(run.folder / "optimizers" / "slag")
    assert manifest is not None
    points = [point for task in Task for point in believed(run, task).points]
    learned, others = ({p.subject for p in points if (p.split == "train") is of} for of in (True, False))
    assert manifest.rows["points"] == sum(point.subject in learned for point in points)
    assert not learned & others


def test_labels_of_the_beam_are_other_answers_than_the_models(run):
    """`ke` asks for them, `slag` for hard labels. The agent says what follows from each, also where it is the truth."""
    of_beams = points_to_learn(run, run.config.ke)
    (points, labels), beams = of_beams, read_beams(run)
    predicted = {id_: said for id_, (said, _) in believed(run, Task.GEN).main.items()}
    gen = [point for point in points if point.task is Task.GEN]
    assert gen
    for point in gen:
        assert list(labels[point.id]) == [label for label in beams[point.id] if label != predicted[point.id]]
        assert point.alternatives == tuple(label for label in labels[point.id] if label not in point.main.eligible)
    points, labels = points_to_learn(run, run.config.slag_editor)
    assert not labels
    assert [point.main for point in points] == [point.main for point in of_beams[0]]


def test_one_optimizer_makes_updates_to_any_label(run):
    """What it is validated on is always the truth: another protocol of updates asks for no other training."""
    for protocol in ("changing", "beam"):
        asked = replace(run, config=override(run.config, [f"slag.protocol={protocol}", "slag.r=[1]"]))
        whole.update(asked, METHODS["slag"])
        assert (run.folder / "slag" / "updates" / "slag" / f"{protocol}-1").is_dir()


def test_no_case_is_about_a_subject_that_the_agent_taught(run):
    cases = [load_cases(run.folder / stage.name / "cases.parquet") for stage in (CASES, HELD_OUT)]
    about = {case.subject for some in cases for case in some}
    manifest = read_manifest(run.folder / "optimizers" / "rational")
    assert manifest is not None
    assert manifest.rows["training_subjects"] == len(set(load_world(run.folder).subject.tolist()) - about) > 0
    assert {CASES.name, HELD_OUT.name} <= {each.name for each in training_of(run, METHODS["rational"]).reads}


@each_method
def test_an_update_depends_on_the_optimizers_training(run, method):
    sources = replace(OWN, reads=(*OWN.reads, trained_for(run, method)))
    stage = updates(method, run, 1, sources=sources)
    of_training = {"rational": HELD_OUT, "slag": POINTS}.get(method.name, BEAM)
    assert {of_training.name, f"optimizers/{method.name}"} <= {each.name for each in in_order((stage,))}
    retrained = replace(run, config=override(run.config, [f"{method.section}.learning_rate=4e-3"]))
    with pytest.raises(UserError, match="was made with another config"):
        make_stage(retrained, stage)
    with pytest.raises(UserError, match="was made with another config"):
        make_stage(retrained, training_of(retrained, method))


def test_the_page_says_how_each_was_trained(run, tmp_path):
    write_report(run, [], tmp_path)
    page = (tmp_path / "index.html").read_text()
    for row in (
        ["ke", "request, paraphrases, random", "beam", "1", "1", "2", "6"],
        ["slag", "request, random", "hard", "2", "2", "2", "6"],
    ):
        assert (
            "".join(f'<td class="number">{cell}</td>' if cell.isdigit() else f"<td>{cell}</td>" for cell in row) in page
        )
    assert (tmp_path / "figures" / "learned-optimizers.svg").exists()


def test_an_optimizer_that_is_not_trained_is_asked_for(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "new", ignore=shutil.ignore_patterns("optimizers", "updates"))
    new = replace(run, folder=tmp_path / "new")
    with pytest.raises(UserError, match=r"ke is not trained: run `worldgen train-editor .*new --method ke` first"):
        whole.update(new, METHODS["ke"])
    assert not (new.folder / "slag" / "updates").exists()


@pytest.mark.parametrize("method", ["slag", "rational"])
def test_it_edits_for_the_testbeds_cases_too(run, method):
    (run.folder / "config.toml").write_text(to_toml(run.config))
    assert exit_code_of("edit", run.folder, "--method", method) == 0
    score_methods(run)
    scores = json.loads((run.folder / "scores" / f"{method}.json").read_text())
    assert scores["cost"]["flops_per_edit"] > 0
    assert scores["steps"] is None


def test_every_point_of_a_grid_trains_an_optimizer_of_its_own(run):
    method, grid = METHODS["ke"], ["ke.steps=1,2"]
    found = tune(run, method, grid, training_of(run, method))
    assert len(list((run.folder / "tune" / "ke").glob("optimizer-*/final"))) == 2
    steps = [point["cost"]["steps"] for point in found["points"]]
    assert steps[0] <= 1
    assert found["best"]["settings"] in (["ke.steps=1"], ["ke.steps=2"])


def test_a_method_that_is_trained_for_its_steps_has_no_trajectory(run):
    with pytest.raises(UserError, match="it has no trajectory: choose one of lora"):
        record_trajectory(run, METHODS["slag"])


def test_the_command_does_nothing_twice(run, capsys):
    (run.folder / "config.toml").write_text(to_toml(run.config))
    before = (run.folder / "optimizers" / "ke" / "final" / "optimizer.safetensors").stat().st_mtime_ns
    assert exit_code_of("train-editor", run.folder, "--method", "ke", "--json") == 0
    assert json.loads(capsys.readouterr().out)["optimizers/ke"]["updates"] == 6
    assert (run.folder / "optimizers" / "ke" / "final" / "optimizer.safetensors").stat().st_mtime_ns == before


@each_method
def test_it_flips_beliefs_and_draws_graphs(run, method):
    folder = draw_graph(run, method, Wanted(4))
    manifest = read_manifest(run.folder / "slag" / "flips" / method.name)
    assert manifest is not None
    assert f"{method.section}.updates" in manifest.inputs  # the training's settings decide the graph
    assert len(pd.read_parquet(folder / "nodes.parquet")) == 4
