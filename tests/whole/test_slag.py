"""A whole run of SLAG in miniature: points, beliefs before updates, updates by several methods, tables."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import miniature
import numpy as np
import pandas as pd
import pytest
from html_pages import PageReader

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.commands import summary
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.report.belief_tables import beliefs_as_text
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.load import load_world
from worldgen.evaluate.runs.presets import slag_tiny
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import make_stage
from worldgen.evaluate.slag.detection import DETECTION_METRICS, paraphrase_consistency
from worldgen.evaluate.slag.points import Split, Task
from worldgen.evaluate.slag.points_file import read_points
from worldgen.evaluate.slag.predictions import normalised
from worldgen.evaluate.slag.scoring import read_belief_scores
from worldgen.evaluate.slag.update_metrics import UPDATE_METRICS, success_by_consistency
from worldgen.evaluate.slag.updating.blocks import PointUpdate
from worldgen.evaluate.stages import testbed
from worldgen.evaluate.stages.page import make_page
from worldgen.evaluate.stages.slag import updates as stage_of_updates
from worldgen.evaluate.stages.slag import whole
from worldgen.evaluate.stages.slag.others import sources_of
from worldgen.evaluate.stages.slag.points import believed, read_beams
from worldgen.evaluate.stages.slag.scores import SCORES
from worldgen.evaluate.stages.slag.updates import blocks_of_task, updates
from worldgen.storage.manifests import read_manifest

SETTINGS = (
    *miniature.SETTINGS, "pretrain.learning_rate=1e-2", "world.aliases=2", "world.held_out_percent=25",
    "world.deterministic_percent=50", "slag.points=60", "slag.most_updates=5", "slag.r=[1, 2]", "slag.random_gen=4",
    "slag.random_tf=4", "ft.learning_rate=1e-2", "ft.steps=4",
    'slag.grids=["ft.learning_rate=1e-3,1e-2 ft.steps=4"]',
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("slag"), override(slag_tiny(), SETTINGS), device="cpu", quiet=True)
    whole.run_everything(run, [METHODS["ft"], METHODS["lora"]])
    return run


def rows_of(run: Run, name: str) -> dict[tuple[str, str, int], dict[str, float]]:
    """The means of every row of a table but those of other protocols, by task, who and r."""
    rows = read_belief_scores(run.folder / "slag" / "scores" / f"{name}.json")
    return {
        (row.task, row.who, row.about.get("r", 0)): {metric: cell.mean for metric, cell in row.means.items()}
        for row in rows
        if row.about.get("protocol", "correcting") == "correcting"
    }


def test_every_table_has_the_model_the_methods_and_the_references(run: Run) -> None:
    detection, updated = rows_of(run, "detection"), rows_of(run, "updates")
    assert {who for task, who, _ in detection if task == "tf"} == {
        "model", "rational agent", "majority answer", "always true",
    }  # fmt: skip
    assert {who for task, who, _ in detection if task == "gen"} == {"model", "rational agent", "majority answer"}
    assert {(who, r) for _, who, r in updated} == {(who, r) for who in ("ft", "lora") for r in (1, 2)}
    rules = {f"entailment R{number}" for number in range(1, 8)}
    assert set(detection["tf", "model", 0]) <= {metric.name for metric in DETECTION_METRICS} | rules
    for means in updated.values():
        assert {metric.name for metric in UPDATE_METRICS} >= {"usr_main", "retain_all"}
        assert 0 <= means["usr_main"] <= 1
        assert 0 <= means["retain_all"] <= 1


def test_the_rational_agent_is_the_ceiling(run: Run) -> None:
    """It answers by any names alike, draws every logical conclusion, and knows nearly all facts of its world."""
    detection = rows_of(run, "detection")
    for task in ("gen", "tf"):
        agent, model = (detection[task, who, 0] for who in ("rational agent", "model"))
        assert agent["consistency"] == 1
        assert agent["accuracy"] > 0.9
        assert agent["accuracy"] > model["accuracy"]
    assert detection["tf", "rational agent", 0]["entailment_right"] == pytest.approx(1, abs=0.1)


def test_only_wrong_beliefs_are_corrected_and_the_label_is_the_truth(run: Run) -> None:
    for task in Task:
        before = believed(run, task).of_split("test").main
        for block in blocks_of_task(run, task, 2, "test"):
            assert len(block.updates) == 2
            for update in block.updates:
                assert not before[update.point.id][1]
                assert update.label in update.point.main.eligible
            assert not {point.id for point in block.random} & {update.point.id for update in block.updates}


def test_before_is_the_same_for_every_method_and_as_the_base_says(run: Run) -> None:
    """Every block starts from the model that was trained, whatever was made of it before."""
    folders = [run.folder / "slag" / "updates" / name / "correcting-1" for name in ("ft", "lora")]
    ft, lora = map(read_measurements, folders)
    assert ft[["case", "name"]].equals(lora[["case", "name"]])
    assert np.allclose(ft["before"], lora["before"], equal_nan=True, atol=1e-6)
    assert not np.allclose(ft["after"], ft["before"], equal_nan=True, atol=1e-6)


def test_the_success_rate_can_be_had_from_the_rows(run: Run) -> None:
    """GEN, ft, r = 1: the share of blocks whose main answer is eligible after the update."""
    rows = read_measurements(run.folder / "slag" / "updates" / "ft" / "correcting-1")
    blocks = blocks_of_task(run, Task.GEN, 1, "test")
    after = rows[rows["name"].str.endswith("/main, answer")]["answer_after"].tolist()
    hits = [said in block.updates[0].point.main.eligible for said, block in zip(after, blocks, strict=True)]
    assert rows_of(run, "updates")["gen", "ft", 1]["usr_main"] == pytest.approx(np.mean(hits))


def test_the_distance_from_the_agent_is_told_of_every_set_also_after_two_updates(run: Run) -> None:
    """In TF it may be unknown of the updated subjects: the agent cannot be told that a statement is false."""
    for (task, _, _), means in rows_of(run, "updates").items():
        told = {name for name in means if name.startswith("distance_")}
        parts = ("main", "para", "neutral", "random") if task == "gen" else ("random",)
        assert {f"distance_{part}" for part in parts} <= told
        assert all(0 <= means[name] <= 1 for name in told)


def test_tuning_takes_dev_points_and_writes_down_every_point_of_the_grid(run: Run) -> None:
    found = json.loads((run.folder / "slag" / "tune" / "ft-correcting.json").read_text())
    assert [point["settings"] for point in found["points"]] == [
        ["ft.learning_rate=0.001", "ft.steps=4"], ["ft.learning_rate=0.01", "ft.steps=4"],
    ]  # fmt: skip
    assert found["best"]["scores"]["text"] == max(point["scores"]["text"] for point in found["points"])
    manifest = read_manifest(run.folder / "slag" / "tune" / "ft" / found["best"]["measurements"])
    assert manifest is not None
    assert manifest.inputs["split"] == "dev"
    edited = read_manifest(run.folder / "slag" / "updates" / "ft" / "correcting-1")
    assert edited is not None
    assert f"ft.learning_rate={edited.inputs['ft.learning_rate']:g}" in found["best"]["settings"]


def test_the_csv_holds_what_the_json_holds(run: Run) -> None:
    table = pd.read_csv(run.folder / "slag" / "scores" / "updates.csv")
    rows = rows_of(run, "updates")
    for line in table.to_dict("records"):
        assert rows[line["task"], line["who"], line["r"]][line["metric"]] == pytest.approx(line["mean"])


def test_the_tables_read_well(run: Run) -> None:
    rows = read_belief_scores(run.folder / "slag" / "scores" / "updates.json")
    text = beliefs_as_text("After updates", rows, UPDATE_METRICS, 0.95)
    assert "GEN" in text
    assert "lora, r = 2" in text
    _, text = summary.beliefs(run.folder, run.config)
    assert "Beliefs before any update" in text
    assert max(map(len, text.splitlines()[:-1])) <= 120  # a terminal; the last line names the folder of the rest
    assert str(run.folder / "slag" / "scores") in text.splitlines()[-1]


def test_changing_asks_for_another_label_of_the_same_points(run: Run) -> None:
    changing = replace(run, config=override(run.config, ["slag.protocol=changing"]))
    for task in Task:
        before = believed(run, task).of_split("test").main
        corrected, changed = (blocks_of_task(each, task, 1, "test") for each in (run, changing))
        assert {b.updates[0].point.id for b in changed} <= {b.updates[0].point.id for b in corrected}
        assert changed
        assert all(block.updates[0].label != before[block.updates[0].point.id][0] for block in changed)


def test_beam_asks_for_another_answer_of_the_models_own(run: Run) -> None:
    """The points are those that are corrected; TF has the other truth value, as in changing."""
    settings = ["slag.protocol=beam", "slag.r=[1, 2]", "slag.grids=[]", "ft.steps=40"]
    its = replace(run, config=override(run.config, settings))
    whole.update(its, METHODS["ft"])
    beams, before = read_beams(its), believed(run, Task.GEN).main
    corrected = {block.updates[0].point.id for block in blocks_of_task(run, Task.GEN, 1, "test")}
    updated = [block.updates[0] for block in blocks_of_task(its, Task.GEN, 1, "test")]
    assert {update.point.id for update in updated} == corrected
    for update in updated:
        assert update.label in beams[update.point.id]
        assert update.label != before[update.point.id][0]
        assert len(set(beams[update.point.id])) == 5
    assert [block.updates[0].label for block in blocks_of_task(its, Task.TF, 1, "test")] == [
        block.updates[0].label
        for block in blocks_of_task(
            replace(run, config=override(run.config, ["slag.protocol=changing"])), Task.TF, 1, "test"
        )
    ]
    rows = read_belief_scores(run.folder / "slag" / "scores" / "updates.json")
    told = {(row.task, row.about["r"]): row.means for row in rows if row.about["protocol"] == "beam"}
    assert set(told) == {(task, r) for task in ("gen", "tf") for r in (1, 2)}
    assert told["gen", 1]["usr_main"].mean > 0.5


def test_more_updates_together_than_points_are_refused(run: Run) -> None:
    with pytest.raises(UserError, match="no 500 points can be updated together"):
        make_stage(run, updates(METHODS["ft"], run, 500))


def test_an_r_that_is_too_great_for_every_task_is_refused_before_any_update(run: Run) -> None:
    its = replace(run, config=override(run.config, ["slag.r=3,500"]))
    with pytest.raises(
        UserError, match="no 500 points can be updated together, gen has 5 and tf has 5: give a smaller"
    ):
        whole.update(its, METHODS["ft"])
    assert not (run.folder / "slag" / "updates" / "ft" / "correcting-3").exists()


def test_every_r_of_an_ablation_is_measured_and_small_tasks_are_named(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """GEN has five points to update, and TF is made to have two."""
    folder = shutil.copytree(run.folder, tmp_path / "run", ignore=shutil.ignore_patterns("updates"))
    asked = stage_of_updates.asked_updates

    def fewer(run: Run, task: Task, split: Split) -> list[PointUpdate]:
        return asked(run, task, split)[: 2 if task is Task.TF else None]

    monkeypatch.setattr(stage_of_updates, "asked_updates", fewer)
    its = Run(folder, override(run.config, ["slag.r=1,2,4", "slag.grids=[]"]), device="cpu")
    whole.update(its, METHODS["ft"])
    assert "r = 4: tf is left out, it has 2 points to update" in capsys.readouterr().err
    rows = read_belief_scores(folder / "slag" / "scores" / "updates.json")
    counts = {(row.task, row.about["r"]): (row.n, row.about["points"], row.about["dropped"]) for row in rows}
    assert counts == {
        ("gen", 1): (5, 5, 0), ("gen", 2): (2, 4, 1), ("gen", 4): (1, 4, 1), ("tf", 1): (2, 2, 0), ("tf", 2): (1, 2, 0),
    }  # fmt: skip


def test_files_tell_the_blocks_of_both_tasks_apart(run: Run) -> None:
    """Or a killed run would take the blocks of one task for those of the other, and leave them out."""
    cases = read_costs(run.folder / "slag" / "updates" / "ft" / "correcting-2")["case"]
    assert cases.tolist() == list(range(sum(len(blocks_of_task(run, task, 2, "test")) for task in Task)))


def test_the_runs_own_model_asked_as_anybodys_says_the_same(run: Run) -> None:
    """TF is equal. In GEN a text is an answer that names no object, or that names one by an alias; right is right."""
    its_run, sources = sources_of(run, None, str(run.folder / "lm" / "final"))
    whole.detect(its_run, sources)
    own, other = rows_of(run, "detection"), rows_of(its_run, "detection")
    assert other["tf", "model", 0] == pytest.approx(own["tf", "model", 0])
    assert other["gen", "rational agent", 0] == own["gen", "rational agent", 0]
    objects = load_world(run.folder).objects
    label_of = {normalised(name): label for id_, label in enumerate(objects.labels) for name in objects.names(id_)}
    here, there = believed(run, Task.GEN).predictions, believed(its_run, Task.GEN).predictions
    assert here.right.tolist() == there.right.tolist()
    assert here.right.any()
    assert here.text.tolist() == [normalised(label_of.get(text, "")) for text in there.text]


def test_points_in_a_file_are_asked_of_the_runs_own_model(run: Run, tmp_path: Path) -> None:
    """The world's points as a file: no agent is asked, and the run's model says what it says as anybody's."""
    file = tmp_path / "mine.jsonl"
    file.write_bytes((run.folder / "slag" / "points" / "points.jsonl").read_bytes())
    small = replace(run, config=override(run.config, ["slag.r=[2]", "slag.grids=[]", "slag.most_updates=2"]))
    found = []
    for model in (None, str(run.folder / "lm" / "final")):
        its_run, sources = sources_of(small, file, model, METHODS["ft"])
        whole.update(its_run, METHODS["ft"], sources)
        rows = rows_of(its_run, "detection")
        assert {who for _, who, _ in rows} == {"model", "majority answer", "always true"}
        found.append((rows, read_measurements(its_run.folder / "slag" / "updates" / "ft" / "correcting-2")))
    assert found[0][0] == found[1][0]
    many, one = (rows["after"].to_numpy() for _, rows in found)  # tuned many at a time, and one at a time
    assert np.allclose(many, one, equal_nan=True, atol=1e-4)
    assert not np.allclose(many, found[0][1]["before"], equal_nan=True, atol=1e-3)


def test_the_points_of_the_run_are_those_of_its_settings(run: Run) -> None:
    points = read_points(run.folder / "slag" / "points" / "points.jsonl")
    assert {point.task for point in points} == set(Task)
    assert any(paraphrase.held_out for point in points for paraphrase in point.paraphrases)


def test_a_method_that_asks_the_agent_updates_facts_only(run: Run) -> None:
    small = replace(
        run, config=override(run.config, ["belief.steps=1", "belief.joined=2", "belief.kept=2", "slag.r=[1]"])
    )
    whole.update(small, METHODS["belief"])
    assert {task for task, who, _ in rows_of(run, "updates") if who == "belief"} == {"gen"}


def test_a_method_that_goes_where_tracing_sends_it_has_the_model_traced_first(run: Run) -> None:
    settings = [
        "slag.r=[1]",
        "slag.most_updates=2",
        "trace.facts=2",
        "trace.draws=1",
        "rome.steps=1",
        "rome.contexts=1",
    ]
    small = replace(run, config=override(run.config, settings))
    whole.update(small, METHODS["rome"])
    assert read_manifest(run.folder / "trace") is not None
    assert {r for _, who, r in rows_of(run, "updates") if who == "rome"} == {1}


def test_success_by_consistency_can_be_had_from_the_model_before_and_the_rows(run: Run) -> None:
    """GEN, ft, r = 1: the consistency is that of the model's replies before any update."""
    rows = read_measurements(run.folder / "slag" / "updates" / "ft" / "correcting-1")
    blocks = blocks_of_task(run, Task.GEN, 1, "test")
    after = rows[rows["name"].str.endswith("/main, answer")]["answer_after"].tolist()
    success = [said in block.updates[0].point.main.eligible for said, block in zip(after, blocks, strict=True)]
    before = believed(run, Task.GEN)
    values = paraphrase_consistency(before.questions, before.predictions).values
    consistency = dict(zip((point.id for point in before.points), values, strict=True))
    expected = success_by_consistency(
        np.array([consistency[block.updates[0].point.id] for block in blocks]), np.array(success, dtype=float)
    )
    table = pd.read_csv(run.folder / "slag" / "scores" / "success-by-consistency.csv")
    bins = table[(table["task"] == "gen") & (table["who"] == "ft") & (table["protocol"] == "correcting")]
    assert bins["bin"].tolist() == expected.bins.index.tolist()
    assert bins["points"].tolist() == expected.bins["points"].tolist()
    assert np.allclose(bins["mean"], expected.bins["success"], equal_nan=True)
    assert np.allclose(bins["pearson"], expected.pearson, equal_nan=True)
    assert bins["left_out"].unique().tolist() == [expected.left_out]


def test_the_shares_of_independence_are_the_pooled_neutral_accuracies(run: Run) -> None:
    for row in read_belief_scores(run.folder / "slag" / "scores" / "detection.json"):
        for split in ("right", "wrong"):
            assert row.about[f"neutral_if_{split}"] == pytest.approx(row.pooled.get(f"neutral_accuracy_{split}"))
        if row.about["neutral_r"] is not None:
            assert -1 <= row.about["neutral_r_shuffled_low"] <= row.about["neutral_r_shuffled_high"] <= 1


def page_of(run: Run) -> PageReader:
    """The page about all that the tests above have measured."""
    make_page(run, testbed.SCORES, SCORES)
    return PageReader((run.folder / "report" / "index.html").read_text())


def test_the_page_has_every_number_of_the_scores(run: Run) -> None:
    page = page_of(run)
    titles = {attributes.get("title") for tag, attributes in page.tags if tag == "td"}
    for name in ("detection", "updates"):
        for row in read_belief_scores(run.folder / "slag" / "scores" / f"{name}.json"):
            for mean, low, high in row.means.values():
                assert f"{mean:.4f}, from {low:.4f} to {high:.4f}" in titles
    text = re.sub(r"\s+", " ", page.text)
    assert "ft, r = 2, " in text
    assert "ft.learning_rate=0.001 ft.steps=4" in text  # what was tried
    links = {str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"}
    assert {"beliefs", "updates", "tuning"} <= links <= {attributes.get("id") for _, attributes in page.tags}
    assert page.open == []
    figures = {path.stem for path in (run.folder / "report" / "figures").iterdir()}
    drawn = {"beliefs-by-main-answer", "updates-gen-correcting", "updates-tf-correcting", "success-by-consistency"}
    assert drawn <= figures


def test_a_whole_run_ends_with_the_path_of_its_page(run: Run) -> None:
    _, text = summary.beliefs(run.folder, run.config, with_page=True)
    assert text.splitlines()[-1] == f"Report: {run.folder / 'report' / 'index.html'}"
    assert "Report" not in summary.beliefs(run.folder, run.config)[1]


def test_a_run_of_both_systems_has_a_page_of_both(run: Run, tmp_path: Path) -> None:
    both = replace(run, folder=shutil.copytree(run.folder, tmp_path / "run"))
    make_stage(both, testbed.CASES)
    testbed.edit(both, METHODS["none"])
    testbed.score_methods(both)
    headings = page_of(both).text
    assert "Editing with none" in headings
    assert "Beliefs before any update" in headings
    shutil.rmtree(both.folder / "slag")
    assert "Beliefs before any update" not in page_of(both).text


def test_a_page_of_beliefs_that_were_scored_with_other_settings_is_refused(run: Run) -> None:
    other = replace(run, config=override(run.config, ["slag.points=59"]))
    with pytest.raises(UserError, match=r"scores was made .*slag\.points: 60 there, 59 now"):
        make_page(other, testbed.SCORES, SCORES)


def test_a_run_without_any_scores_has_no_page(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="scores is not there or not finished"):
        make_page(replace(run, folder=tmp_path), testbed.SCORES, SCORES)
    assert not any(tmp_path.iterdir())
