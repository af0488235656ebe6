"""Measurements of other programs, and of other models: checked row by row, then scored like any method."""

from __future__ import annotations

import json
from pathlib import Path

import miniature
import numpy as np
import pandas as pd
import pytest
from command_line import exit_code_of
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import read_measurements
from worldgen.evaluate.asking.other_programs import COLUMNS
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.stages import testbed
from worldgen.evaluate.stages.other_programs import probe_model, take_measurements
from worldgen.evaluate.testbed.editing_metrics import ACCURACIES, COHERENCES
from worldgen.evaluate.testbed.scores import read_scores
from worldgen.lm.any_causal_model import load_causal
from worldgen.lm.score import log_probabilities
from worldgen.storage.manifests import verify


@pytest.fixture(scope="module")
def run(built_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return miniature.variant(built_run, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def probes(run: Run) -> pd.DataFrame:
    return pd.read_parquet(run.folder / "cases" / "probes.parquet")


@pytest.fixture(scope="module")
def perfect(probes: pd.DataFrame) -> pd.DataFrame:
    """The measurements of a program whose beliefs are the agent's."""
    scored = probes["target"] != ""
    return pd.DataFrame(
        {
            "case": probes["case"],
            "name": probes["name"],
            "before": probes["credence_before"].where(scored),
            "after": probes["credence_after"].where(scored),
            "answer_before": probes["expected_before"],
            "answer_after": probes["expected_after"],
        }
    )


def write(table: pd.DataFrame, path: Path) -> Path:
    match path.suffix:
        case ".parquet":
            table.to_parquet(path)
        case ".csv":
            table.to_csv(path, index=False)
        case _:
            rows = table.astype(object).where(table.notna(), None).to_dict("records")
            path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_program_that_believes_what_the_agent_does_is_perfect(run, perfect, tmp_path, suffix):
    shuffled = perfect.sample(frac=1, random_state=0)
    take_measurements(run, write(shuffled, tmp_path / f"agent-{suffix}.{suffix}"), None)
    testbed.score_methods(run)
    assert verify(run.folder / "edits" / f"agent-{suffix}") == []
    kept = read_measurements(run.folder / "edits" / f"agent-{suffix}")
    pd.testing.assert_frame_equal(kept, perfect, check_exact=True)
    (scores,) = [scores for scores in read_scores(run.folder / "scores") if scores.method == f"agent-{suffix}"]
    assert scores.cost is None
    everything = scores.groups["all"]
    for cells in (everything.pre, everything.post):
        assert {cells[metric.name].mean for metric in ACCURACIES} == {1}
        assert {cells[metric.name].mean for metric in COHERENCES} == {0}


def test_measurements_that_changed_are_scored_anew(run, perfect, tmp_path):
    def answers(said: str) -> float:
        changed = perfect.assign(answer_after=perfect["answer_after"].where(perfect["answer_after"] == "", said))
        take_measurements(run, write(changed, tmp_path / "changing.parquet"), None)
        testbed.score_methods(run)
        (scores,) = [scores for scores in read_scores(run.folder / "scores") if scores.method == "changing"]
        return scores.groups["all"].post["acc_s2r2"].mean

    said = perfect.loc[perfect["name"] == "s2r2/answer", "answer_after"].iloc[0]
    assert answers("nothing") == 0
    assert answers(said) > 0


def spoiled(table: pd.DataFrame, how: str) -> pd.DataFrame:
    scored = table.index[table["before"].notna()]
    match how:
        case "a missing row":
            return table.drop(index=[table.index[3], table.index[9]])
        case "a stranger":
            return pd.concat([table, table.iloc[:1].assign(name="s3r3/truth")])
        case "a row twice":
            return pd.concat([table, table.iloc[[4]]])
        case "no column":
            return table.drop(columns="answer_after")
    value = {"a hole": np.nan, "a log probability": -0.5, "a percentage": 37.0}[how]
    return table.assign(after=table["after"].where(table.index != scored[5], value))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("a missing row", r"has no row for case 0, \S+ and 1 more: give every row of probes.parquet"),
        ("a stranger", r"has rows for what is no probe: case 0, s3r3/truth: give no others"),
        ("a row twice", r"has two rows for case 0, \S+: give one of each"),
        ("no column", r"has no column 'answer_after': its columns are to be case, name, before, after, answer_before"),
        ("a hole", r"has no probability as 'after' of case 0, \S+: give 0 to 1"),
        ("a log probability", r"has no probability as 'after' of case 0, \S+: give 0 to 1"),
        ("a percentage", r"has no probability as 'after' of case 0, \S+: give 0 to 1"),
    ],
)
@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_table_with_a_wrong_row_is_refused_in_one_line(run, perfect, tmp_path, how, message, suffix):
    path = write(spoiled(perfect, how), tmp_path / f"theirs.{suffix}")
    with pytest.raises(UserError, match=message) as refusal:
        take_measurements(run, path, None)
    assert "\n" not in str(refusal.value)
    assert not (run.folder / "edits" / "theirs").exists()


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_a_truth_value_is_no_probability(run, perfect, tmp_path, suffix):
    said = perfect["after"].map(lambda value: None if np.isnan(value) else value > 0.5)
    path = write(perfect.assign(after=said), tmp_path / f"theirs.{suffix}")
    with pytest.raises(UserError, match=r"has no probability as 'after' of case 0, \S+"):
        take_measurements(run, path, None)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("theirs.xlsx", "", "measurements are read from .parquet, .csv or .jsonl"),
        ("theirs.parquet", "no parquet", "cannot read"),
        ("theirs.jsonl", '{"case": 0}\n{', "cannot read .*: line 2: "),
        ("theirs.jsonl", '{"case": 0}\n[0]', "cannot read .*: line 2 is no JSON object"),
        ("theirs.csv", "", "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(run, tmp_path, file, text, message):
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=message):
        take_measurements(run, tmp_path / file, None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lora", "method of ours"),
        ("../x", "take letters"),
        ("x" * 101, "at most 100"),
        ("manifest", "a file that every stage has"),
        ("inputs", "a file that every stage has"),
    ],
)
def test_a_name_that_is_taken_or_impossible_is_refused(run, perfect, tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        take_measurements(run, write(perfect, tmp_path / "theirs.parquet"), name)


@pytest.fixture(scope="module")
def gpt2(run, probes, tmp_path_factory) -> Path:
    """A GPT-2 whose pieces are the bytes of words."""
    folder = tmp_path_factory.mktemp("models") / "small-gpt2"
    alphabet = {letter: number for number, letter in enumerate(["<|end|>", *pre_tokenizers.ByteLevel.alphabet()])}
    backend = Tokenizer(models.BPE(alphabet, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<|end|>", eos_token="<|end|>")
    tokenizer.save_pretrained(folder)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=256, initializer_range=0.2
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def test_a_model_of_transformers_is_asked_every_probe(run, probes, gpt2):
    probe_model(run, str(gpt2), None)
    kept = read_measurements(run.folder / "edits" / "small-gpt2")
    assert list(kept) == list(COLUMNS)
    assert kept["before"].equals(kept["after"])
    model, tokenizer = load_causal(str(gpt2), "cpu")
    for row in (1, 40, 77):
        asked = probes.iloc[row]
        if asked["target"]:
            (score,) = log_probabilities(model, tokenizer, [(asked["prompt"], asked["target"])])
            # float32 rounding of a batch against a single text.
            assert kept.iloc[row]["before"] == pytest.approx(np.exp(score), rel=1e-4)


def test_the_score_command_takes_measurements_and_models(run, perfect, gpt2, tmp_path, capsys):
    path = write(perfect, tmp_path / "answers.csv")
    assert exit_code_of("score", run.folder, "--measurements", path, "--name", "theirs", "--json") == 0
    assert "theirs" in json.loads(capsys.readouterr().out)
    assert exit_code_of("score", run.folder, "--model", gpt2, "--json") == 0
    assert {"theirs", "small-gpt2"} <= json.loads(capsys.readouterr().out).keys()
    assert exit_code_of("report", run.folder) == 0
    page = (run.folder / "report" / "index.html").read_text()
    assert "Editing with theirs" in page
    assert "The methods side by side" in page
    assert "before: small-gpt2" in page
    capsys.readouterr()


def test_options_that_do_not_go_together_are_refused(run, perfect, gpt2, tmp_path, capsys):
    path = write(perfect, tmp_path / "answers.csv")
    assert exit_code_of("score", run.folder, "--measurements", path, "--model", gpt2) == 2
    assert "give one of them at a time" in capsys.readouterr().err
    assert exit_code_of("score", run.folder, "--name", "theirs") == 2
    assert "--name goes with" in capsys.readouterr().err
