"""benchmarks/paper.py and pretrain.py: pieces that go on from one another, contenders that must agree."""

import json
import subprocess
import sys

import benchmark_files
import pandas as pd
import pytest
from matplotlib.figure import Figure

from worldgen.evaluate.report.figures.edit_panels import Panel
from worldgen.evaluate.report.one_edit import Answer, Example, Names
from worldgen.evaluate.runs.config import override, to_toml
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import exact_binomial
from worldgen.evaluate.testbed.editing_metrics import ACCURACIES, GROUPS, METRIC_NAMES
from worldgen.evaluate.testbed.scores import GroupScores, MethodScores
from worldgen.storage.manifests import begin, finish


def finished(folder):
    folder.mkdir(parents=True, exist_ok=True)
    started = begin(folder, {})
    finish(folder, folder.name, {}, {}, started)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def half_trained(tmp_path):
    run = tmp_path / "run"
    for name in ("config.toml", "corpus/x", "lm/checkpoint-000000001/a", "lm/checkpoint-000000002/a", "lm/inputs.json"):
        write(run / name, name)
    return run


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_travels_is_the_latest_checkpoint_and_comes_back(half_trained, tmp_path):
    paper = benchmark_files.load("paper")
    size = paper.pack(half_trained, tmp_path / "state")
    assert size == (tmp_path / "state" / "run.tar").stat().st_size > 0
    paper.unpack(tmp_path / "again", tmp_path / "state")
    names = ("config.toml", "lm/checkpoint-000000002/a", "lm/inputs.json")
    assert contents(tmp_path / "again") == {name: name for name in names}


def test_a_trained_model_travels_without_checkpoints(half_trained, tmp_path):
    paper = benchmark_files.load("paper")
    write(half_trained / "lm" / "final" / "model", "weights")
    finished(half_trained / "lm")
    packed = {str(path.relative_to(half_trained)) for path in paper.to_pack(half_trained)}
    assert "lm/final/model" in packed
    assert not [name for name in packed if "checkpoint" in name]


def test_the_order_of_work_and_where_it_stops(tmp_path):
    """Every command in turn; one that does not come to its end, or pauses, ends the piece."""
    paper = benchmark_files.load("paper")

    class Told(paper.Pieces):
        def __init__(self, ends):
            super().__init__(tmp_path, 5, [])
            self.ends, self.commands = ends, []

        def stage(self, command, *options):
            self.commands.append(command)
            folder = {"build": "cases", "pretrain": "lm", "edit": "edits/lora"}.get(command)
            if self.ends and folder:
                finished(tmp_path / folder)
            return command not in ("build", "edit") or self.ends

    stopped = Told(ends=False)
    assert not paper.work(tmp_path, stopped, "lora")
    assert stopped.commands == ["build"]
    finished(tmp_path / "cases")
    paused = Told(ends=False)
    assert not paper.work(tmp_path, paused, "lora")  # exit code 0, but no manifest: it paused
    assert paused.commands == ["pretrain"]
    whole = Told(ends=True)
    assert paper.work(tmp_path, whole, "lora")
    assert whole.commands == ["pretrain", "edit", "score", "report"]


def test_losses_that_do_not_agree_are_told():
    pretrain = benchmark_files.load("pretrain")
    some, other = {"name": "a", "final_loss": 2.0}, {"name": "b", "final_loss": 2.1}
    assert pretrain.check([some, dict(other, final_loss=2.001)], "cpu") == []
    assert pretrain.check([some, other], "cpu") == ["b ends at 2.1, a at 2.0"]
    assert pretrain.check([some, {"name": "c", "error": "no"}], "cpu") == ["c failed: no"]


def test_a_record_holds_every_cell_and_a_table(tmp_path):
    """Two methods in each of two runs, one group that is empty: by hand .4 ± half of .3."""
    cells = dict.fromkeys(METRIC_NAMES, Interval(0.4, 0.25, 0.55))
    full, empty = GroupScores(3, cells, cells, cells), GroupScores(0, {}, {}, {})
    groups = {"all": full, "output_changing": full, "downstream_changes": full, "fixes_error": empty}
    for run, mode in (("a", []), ("b", ["edit.mode=together", "edit.requests=10"])):
        write(tmp_path / run / "config.toml", to_toml(override(tiny(), mode)))
        for method in ("ft", "lora"):
            scores = MethodScores(method, 3, 0.95, groups)
            write(tmp_path / run / "scores" / f"{method}.json", json.dumps(scores.as_json()))
    record = benchmark_files.FOLDER / "record.py"
    command = [sys.executable, record, "scores", tmp_path / "a", tmp_path / "b", tmp_path / "record.csv"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    table = pd.read_csv(tmp_path / "record.csv")
    assert len(table) == 2 * 2 * 3 * 3 * len(METRIC_NAMES)
    assert set(table["method"]) == {"ft", "lora"}
    assert set(zip(table["mode"], table["requests"], strict=True)) == {("single", 1), ("together", 10)}
    assert len(said) == 2 * (2 + 2 * 3)
    assert said[0].startswith("|  | acc s1r1 | ")
    assert said[0].endswith(" | true/false | not | and | or | order |")
    assert said[3].startswith("| after `ft` | 0.40±.15 | ")
    assert len({line.count("|") for line in said}) == 1


def test_a_record_read_back_gives_the_same_table(tmp_path):
    record = benchmark_files.load("record")
    cells = {name: Interval(number / 100, 0.2, 0.5) for number, name in enumerate(METRIC_NAMES)}
    shares = {metric.name: exact_binomial(right, 3, 0.95) for right, metric in enumerate(ACCURACIES)}
    full, empty = GroupScores(3, cells | shares, cells | shares, cells), GroupScores(0, {}, {}, {})
    groups = {"all": full, "output_changing": empty, "downstream_changes": full, "fixes_error": empty}
    scores = [MethodScores(method, 3, 0.95, groups) for method in ("lora", "ft")]
    record.every_cell(scores, "single", 1).to_csv(tmp_path / "scores.csv", index=False, float_format="%.4f")
    read = record.from_csv(tmp_path / "scores.csv")
    assert read == scores
    assert list(record.wide(read)) == list(record.wide(scores))


def test_a_record_of_before_gets_exact_intervals_of_its_accuracies(tmp_path):
    """60 of 60 with a bootstrap interval without width; 55 of 60, rounded to .9167. Differences stay as they are."""
    record = benchmark_files.load("record")
    cells = dict.fromkeys(METRIC_NAMES, Interval(1.0, 1.0, 1.0)) | {"acc_s2r2": Interval(55 / 60, 0.85, 0.98)}
    scores = MethodScores("ft", 60, 0.95, dict.fromkeys(GROUPS, GroupScores(60, cells, cells, cells)))
    record.every_cell([scores], "single", 1).to_csv(tmp_path / "scores.csv", index=False, float_format="%.4f")
    (read,) = record.from_csv(tmp_path / "scores.csv")
    everything = read.groups["all"]
    assert everything.pre["acc_s1r1"] == everything.post["acc_s1r1"] == exact_binomial(60, 60, 0.95)
    assert everything.post["acc_s2r2"] == exact_binomial(55, 60, 0.95)
    assert everything.post["coh_s1r1"] == everything.delta["acc_s1r1"] == Interval(1, 1, 1)
    assert "| 1.00 [.94, 1.00] | " in "\n".join(record.wide([read]))


def test_the_short_table_by_hand():
    """Two columns of metrics by their means, the mean of two accuracies, and 1 less the mean of the five errors."""
    record = benchmark_files.load("record")
    accuracies = {"acc_s1r1": 1.0, "acc_s1r2": 0.5, "acc_s2r1": 0.8, "acc_s2r2": 0.9}
    errors = {"logic_tf_both": 0.5, "logic_not_both": 0.4, "logic_and_both": 0.3, "logic_or_both": 0.2}
    means = dict.fromkeys(METRIC_NAMES, 0.0) | accuracies | errors | {"logic_commute_both": 0.1}
    cells = {name: Interval(mean, mean, mean) for name, mean in means.items()}
    groups = {"downstream_changes": GroupScores(2, cells, cells, cells)}
    scores = [MethodScores(method, 2, 0.95, groups) for method in record.SHORT_METHODS]
    said = list(record.short(scores, {"lora": 7.2e8, "ft": 4e9, "belief": 5.131e11}))
    assert said[0] == (
        "|  | the request | what follows from it | other subjects | agrees with itself | cost of an edit |"
    )
    assert said[2] == "| before | 1.00 | 0.50 | 0.85 | 0.70 |  |"
    assert said[3] == "| after `lora` | 1.00 | 0.50 | 0.85 | 0.70 | 0.7 GFLOP |"
    assert said[5] == "| after `belief` | 1.00 | 0.50 | 0.85 | 0.70 | 513 GFLOP |"


def test_the_figure_of_one_edit_has_four_pairs_of_bars():
    one_edit = benchmark_files.load("one_edit")
    request, downstream = Panel("", "Lund", (0.0, 0.95), (0.01, 0.98)), Panel("", "judge", (0.2, 0.6), (0.1, 0.15))
    asked = [Answer("s1r1", "Ada school", ("", ""), ("", "")), Answer("s1r2", "Ada job", ("", ""), ("", ""))]
    names = Names("Ada", "school", "Oslo", "Lund", "", "")
    figure = Figure((7, 3), layout="constrained")
    one_edit.draw(figure, Example(None, names, True, asked, [request, downstream]))
    left, right = figure.axes
    assert [bar.get_height() for bar in left.patches] == [0.0, 0.95, 0.01, 0.98]
    assert [bar.get_height() for bar in right.patches] == [0.2, 0.6, 0.1, 0.15]
    assert "“Ada job judge”" in {text.get_text() for text in right.texts}
