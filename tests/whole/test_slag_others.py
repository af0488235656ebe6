"""SLAG on somebody's own model and points, by the commands: the numbers are those of Python, and those by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import exit_code_of
from lookup_model import mean, written_out_updates
from small_causal_models import generated_alone, log_p_alone, model_of, tokenizer_of
from transformers import BertConfig, BertLMHeadModel, LlamaConfig, LlamaModel
from transformers.utils import logging

from worldgen.evaluate.asking.measurements import read_measurements
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.slag.any_model_predictions import ModelReader
from worldgen.evaluate.slag.detection import detect
from worldgen.evaluate.slag.points import Point, Task, questions_of
from worldgen.evaluate.slag.points_file import read_points
from worldgen.evaluate.slag.predictions import PointQuestions, generated_answer
from worldgen.evaluate.stages.slag import graph, others
from worldgen.evaluate.stages.slag.updates import blocks_of_task
from worldgen.lm.any_causal_model import load_causal
from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.tuning.fine_tuning_reference import FineTuningReference

TOKENIZER = tokenizer_of("pieces", True)
PEOPLE = {"ada": "Oxwell", "bob": "York", "eve": "Leeds", "ian": "Bath", "joe": "Hull", "kim": "Ely"}
SETTINGS = (
    "slag.r=[1, 2]", "slag.random_gen=2", "slag.random_tf=2", "ft.learning_rate=3e-3", "ft.steps=6", "slag.grids=[]",
    "ft_l.learning_rate=1e-2", "ft_l.max_norm=0.1", "ft_l.steps=3", "edit.steps=3", "edit.learning_rate=1e-2",
    "score.bootstrap_samples=200", "slag.new_tokens=8",
)  # fmt: skip
OPTIONS = [part for setting in SETTINGS for part in ("--set", setting)]


def lines() -> list[dict[str, object]]:
    """Points of both tasks, of the splits dev and test, some with labels and some without any."""
    found: list[dict[str, object]] = []
    for number, (name, town) in enumerate(PEOPLE.items()):
        shared = {"subject": name, "split": "dev" if number < 2 else "test"}
        found.append(shared | {
            "id": f"g{number}", "task": "gen", "prompt": f"{name} was born in", "labels": [town, f"{town} town"],
            "alternatives": ["Paris"], "paraphrases": [f"{name} is from"],
            "entailed": [{"prompt": f"{name} is a citizen of", "labels": ["England"]}],
            "neutral": [{"prompt": f"{name} works as a", "labels": ["potter"]}, f"{name} likes"],
        })  # fmt: skip
        found.append(shared | {
            "id": f"t{number}", "task": "tf", "prompt": f'"{name} was born in {town}" is', "labels": number % 2 == 1,
            "paraphrases": [f'"{name} is from {town}" is'], "neutral": [f'"{name} likes it" is'],
        })  # fmt: skip
    return found


@pytest.fixture(autouse=True, scope="module")
def no_bars() -> Iterator[None]:
    """The command keeps transformers' bars away by the environment, which must be set before the import."""
    logging.disable_progress_bar()
    yield
    logging.enable_progress_bar()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models of two architectures and a points file."""
    folder = tmp_path_factory.mktemp("others")
    for architecture in ("neox", "gpt2"):
        TOKENIZER.save_pretrained(folder / architecture)
        model_of(architecture, len(TOKENIZER)).save_pretrained(folder / architecture)
    (folder / "points.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines()))
    return folder


def asked(folder: Path, run: str, command: str, *more: object, model: str = "neox") -> int:
    return exit_code_of(
        command, folder / run, "--model", folder / model, "--points", folder / "points.jsonl", *OPTIONS, "--json", *more
    )


def inner(folder: Path, run: str, settings: tuple[str, ...] = ()) -> Run:
    """The run within the run, in which the command has measured the model."""
    (its,) = (folder / run / "slag" / "with").glob("points+neox-*")
    return Run(its, override(tiny(), [*SETTINGS, *settings]), device="cpu", quiet=True)


def test_detection_is_that_of_the_python_interface(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(folder, "detected", "detect") == 0
    rows = json.loads(capsys.readouterr().out)["detection"]
    model, tokenizer = load_causal(str(folder / "neox"), "cpu")
    for task in Task:
        points = tuple(p for p in read_points(folder / "points.jsonl") if p.task is task and p.split == "test")
        questions = PointQuestions(points)
        table = detect(questions, ModelReader(tokenizer, 8).predictions(model, questions))
        (row,) = (row for row in rows if row["task"] == task.value and row["who"] == "model")
        means = {name: value for name, value in table.means.items() if not np.isnan(value)}
        assert {name: row["means"][name]["mean"] for name in means} == pytest.approx(means)
    assert {row["who"] for row in rows} == {"model", "majority answer", "always true"}
    assert not (folder / "detected" / "world").exists()


def table_of(model, points) -> dict[str, str]:
    """What a model says to every prompt, by transformers' own generation and one forward pass a word."""
    table = {}
    for point in points:
        for _, question in questions_of(point):
            prompt = question.prompt
            if point.task is Task.GEN:
                text = generated_alone(model, TOKENIZER, prompt, 8)
                table[prompt] = generated_answer(text, question.eligible)
            else:
                words = {word: log_p_alone(model, TOKENIZER, prompt, word) for word in ("true", "false")}
                table[prompt] = "true" if words["true"] > words["false"] else "false"
    return table


@pytest.mark.parametrize("protocol", ["correcting", "changing"])
def test_update_metrics_are_those_by_hand(folder: Path, protocol: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block is edited alone, asked with transformers' own generation, and counted with loops."""
    assert asked(folder, protocol, "update", "--method", "ft", "--set", f"slag.protocol={protocol}") == 0
    rows = json.loads(capsys.readouterr().out)["updates"]
    run = inner(folder, protocol, (f"slag.protocol={protocol}",))
    model, tokenizer = load_causal(str(folder / "neox"), "cpu")
    before = table_of(model, read_points(folder / "points.jsonl"))
    editor = FineTuningReference(run.config.ft, "sequential", tokenizer)
    moved = 0
    for task in Task:
        for r in (1, 2):
            found = []
            for block in blocks_of_task(run, task, r, "test"):
                points: list[Point] = [update.point for update in block.updates]
                stop = "." if task is Task.GEN else ""
                requests = tuple(Request(u.point.main.prompt, u.label + stop) for u in block.updates)
                desired = [u.point.main.eligible if protocol == "correcting" else (u.label,) for u in block.updates]
                with editor.edit(model, [Edition(requests, 0)]) as edited:
                    after = table_of(edited.model, [*points, *block.random])
                moved += sum(after[prompt] != before[prompt] for prompt in after)
                found.append(written_out_updates(points, desired, before, after, [p.main for p in block.random]))
            (row,) = (row for row in rows if row["task"] == task.value and row["about"]["r"] == r)
            assert row["n"] == len(found) > 0
            for name, cell in row["means"].items():
                if name in found[0] and name != "other_entailed_accuracy":
                    values = [block[name] for block in found if not np.isnan(block[name])]
                    assert cell["mean"] == pytest.approx(mean(values)), (task, r, name)
            assert {"usr_main", "usr_para", "retain_neutral", "retain_all", "delta_accuracy"} <= set(row["means"])
    assert moved > 0, "the updates change answers, or nothing was compared"


def test_methods_of_any_model_start_from_the_same_model_and_tune_on_dev_points(folder: Path) -> None:
    """GPT-2's matrices are transposed and its embeddings tied; after each method the model is what it was."""
    grid = ("--set", 'slag.grids=["ft.optimizer=adamw,sgd,rmsprop ft.steps=2"]', "--set", "slag.r=[1]")
    for method in ("ft", "ft-l", "lora", "in-context", "none"):
        assert asked(folder, "methods", "update", "--method", method, *grid, model="gpt2") == 0
    (its,) = (folder / "methods" / "slag" / "with").glob("points+gpt2-*")
    measured = {path.parent.name: read_measurements(path) for path in (its / "slag" / "updates").glob("*/correcting-1")}
    assert set(measured) == {"ft", "ft-l", "lora", "in-context", "none"}
    for name, rows in measured.items():
        assert rows["answer_before"].equals(measured["none"]["answer_before"])
        changes = not np.allclose(rows["after"], rows["before"], equal_nan=True, rtol=1e-9)
        assert changes == (name != "none"), name
    tuned = json.loads((its / "slag" / "tune" / "ft-correcting.json").read_text())
    assert [point["settings"][0] for point in tuned["points"]] == [
        f"ft.optimizer={name}" for name in ("adamw", "sgd", "rmsprop")
    ]


def test_a_killed_measurement_goes_on_and_others_have_folders_of_their_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(others, "_POINTS_A_FILE", 5)
    more = ("--method", "in-context", "--set", "slag.r=[1]", "--set", "slag.chunk_points=2")
    assert asked(folder, "killed", "update", *more) == 0
    stages = inner(folder, "killed").folder / "slag"
    base, update = stages / "base", stages / "updates" / "in-context" / "correcting-1"
    assert len(list(base.glob("replies-*.parquet"))) == 3
    assert len(list(update.glob("measurements-*.parquet"))) > 1
    kept = {path: path.stat().st_mtime_ns for path in (*base.glob("replies*"), *update.glob("measurements*"))}
    whole = {path: path.read_bytes() for path in kept}
    gone = [base / "replies-0000005.parquet", *sorted(update.glob("measurements*"))[-1:]]
    for path in (*gone, base / "manifest.json", update / "manifest.json"):
        path.unlink()
    assert asked(folder, "killed", "update", *more) == 0
    assert {path: path.read_bytes() for path in kept} == whole
    assert all((path.stat().st_mtime_ns == time) == (path not in gone) for path, time in kept.items())
    (folder / "fewer").mkdir()
    other = folder / "fewer" / "points.jsonl"
    other.write_text("".join(json.dumps(line) + "\n" for line in lines()[:-1]))
    assert exit_code_of("detect", folder / "killed", "--model", folder / "neox", "--points", other, *OPTIONS) == 0
    assert len(list((folder / "killed" / "slag" / "with").iterdir())) == 2


def test_requests_that_take_the_room_of_the_prompt_are_refused_while_asking(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A request said eight times alone fits into 160 positions, but not with a prompt and its answer after it."""
    more = ("--method", "in-context", "--set", "slag.r=[1]", "--set", "in_context.sentences=8")
    assert asked(folder, "full", "update", *more) == 2
    told = capsys.readouterr().err
    assert "the requests before a prompt, the prompt and the answer have up to" in told
    assert "the model reads 160: lower slag.r or in_context.sentences" in told


def refused(folder: Path, capsys: pytest.CaptureFixture[str], command: str, *options: object) -> str:
    """The one line that refuses a command; nothing is written."""
    assert exit_code_of(command, folder / "refused", *OPTIONS, "--quiet", *options) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("worldgen: ")
    assert told.err.count("\n") == 1
    assert not (folder / "refused").exists()
    return told.err


@pytest.mark.parametrize("task", ["tf", "gen"])
def test_a_graph_of_ones_own_model_and_points_has_no_agent(
    folder: Path, task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each belief is flipped alone by the slow editor, and all are asked again with transformers' own generation."""
    assert asked(folder, "graphs", "graph", "--method", "ft", "--task", task, "--points", 3) == 0
    found = json.loads(capsys.readouterr().out)
    run = inner(folder, "graphs")
    edges = pd.read_parquet(run.folder / "slag" / "graph" / ("ft" if task == "tf" else "ft-gen") / "edges.parquet")
    model, tokenizer = load_causal(str(folder / "neox"), "cpu")
    before = table_of(model, read_points(folder / "points.jsonl"))
    config = override(run.config, ["ft.stop=predicted"]).ft
    editor, expected = FineTuningReference(config, "single", tokenizer), set()
    nodes = graph._nodes(run, graph.Wanted(3, task=Task(task)))
    for u, node in enumerate(nodes):
        request = Request(node.point.main.prompt, node.flip.label + ("." if task == "gen" else ""))
        with editor.edit(model, [Edition((request,), 0)]) as edited:
            after = table_of(edited.model, read_points(folder / "points.jsonl"))
        prompts = [other.point.main.prompt for other in nodes]
        expected |= {(u, v) for v, prompt in enumerate(prompts) if v != u and after[prompt] != before[prompt]}
    assert set(zip(edges["source"], edges["target"], strict=True)) == expected
    assert found["model"]["nodes"] == 3
    assert (found["rational"], found["agreement"]) == (None, {})


def test_bad_input_is_refused_in_one_line_and_nothing_is_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def points(*its: dict[str, object]) -> list[object]:
        file = tmp_path / "bad.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in its))
        return ["--model", folder / "neox", "--points", file]

    def told(command: str, *options: object) -> str:
        return refused(folder, capsys, command, *options)

    good, *rest = lines()
    mine = ["--points", folder / "points.jsonl"]
    assert "line 1: there is no field 'paraphrase'" in told("detect", *points(good | {"paraphrase": []}))
    assert "line 1: the field 'labels' is missing" in told("detect", *points({"id": 1, "task": "gen", "prompt": "a"}))
    assert "line 2: the id 'g0' is that of line 1" in told("detect", *points(good, good))
    assert "no point of the split test" in told("detect", *points(good))
    assert "the prompt has" in told("detect", *points(rest[-2] | {"prompt": "a" * 500}))
    assert "raise slag.new_tokens" in told("detect", *points(rest[-2] | {"labels": ["qqqqqqqqqqqqqqqq"]}))
    assert "no 9 points" in told("update", "--model", folder / "neox", *mine, "--set", "slag.r=[9]")
    no_dev = points(*[line for line in lines() if line["split"] == "test"])
    grid = ["--method", "ft", "--set", 'slag.grids=["ft.steps=1,2"]']
    assert "ft cannot be tuned" in told("update", *no_dev, *grid)
    assert "--set 'slag.grids=[]'" in told("update", *no_dev, *grid)
    beam = told("update", "--model", folder / "neox", *mine, "--set", "slag.protocol=beam")
    assert "take correcting or changing" in beam
    assert "there are 4 test points of TF" in told("graph", "--model", folder / "neox", *mine, "--points", 9)
    no_gen = points(*(line for line in lines() if line["task"] == "tf"))
    none = told("graph", *no_gen, "--task", "gen")
    assert "there are no test points of GEN with an alternative: a belief graph needs some, give more in" in none
    assert "rome needs the run's own points and model" in told("graph", *no_gen, "--method", "rome")
    for method in ("belief", "rome", "retrain", "closure-lora", "documents", "belief-memit"):
        line = told("update", "--model", folder / "neox", *mine, "--method", method)
        assert f"{method} needs the run's own points and model" in line
        assert all(name in line for name, each in METHODS.items() if each.make_for_any)
    learned = told("update", "--model", folder / "neox", *mine, "--method", "slag")
    assert "slag is trained for the run's own model on its own points" in learned
    assert "there is no folder" in told("detect", "--model", folder / "nothing", *mine)
    assert "there is no folder" in told("detect", "--model", folder / "points.jsonl", *mine)
    assert "is not there" in told("detect", *mine)  # the run's own model
    assert "is not there" in told("detect", "--model", folder / "neox")  # the points of the run's world


def test_a_model_that_is_no_causal_one_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"vocab_size": len(TOKENIZER), "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    bert = BertLMHeadModel(BertConfig(**sizes, intermediate_size=64))
    headless = LlamaModel(LlamaConfig(**sizes, intermediate_size=64))
    for model, reason in ((bert, "depend on the words that follow"), (headless, "no weights for its lm_head")):
        TOKENIZER.save_pretrained(tmp_path)
        model.save_pretrained(tmp_path)
        line = refused(folder, capsys, "detect", "--model", tmp_path, "--points", folder / "points.jsonl")
        assert "no causal language model" in line
        assert reason in line
