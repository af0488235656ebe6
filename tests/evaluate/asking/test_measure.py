"""Measurements: every edition is asked its own questions; batches, memory that runs out, killed runs that go on."""

from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
import torch

from worldgen.errors import UserError
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.measure import measure
from worldgen.evaluate.asking.measurements import ChunkedFiles, read_costs, read_measurements
from worldgen.evaluate.asking.questions import Question, QuestionKind
from worldgen.evaluate.asking.trials import Trial
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.settings import EditConfig
from worldgen.facts import Vocabulary
from worldgen.lm.editions import Cost, Edited, Edition, Request
from worldgen.lm.editors.lowrank.lora import Lora
from worldgen.lm.editors.unedited import Unedited
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=4, row_tokens=64)
OBJECTS = Vocabulary("object", ("paris", "rome", "san salvador"), spoken=((), ("roma",), ()))
SUBJECTS = ("ada", "bob", "eve", "kay", "lea")


@pytest.fixture(scope="module")
def reader():
    names = [*OBJECTS.labels, "roma", *SUBJECTS, "born in"]
    return AnswerReader(train_word_tokenizer(names), OBJECTS)


@pytest.fixture
def model(reader):
    model = new_model(SIZE, reader.tokenizer, seed=0).eval()
    with torch.no_grad():
        model.lm_head.weight.mul_(20)  # far from uniform
    return model


def questions_of(case: int) -> list[Question]:
    prompt, target = f"{SUBJECTS[case]} born in", OBJECTS.labels[case % 3]
    return [
        Question(case, "s1r1", "answer", QuestionKind.ANSWER, prompt, ""),
        Question(case, "s1r1", "requested", QuestionKind.OBJECT, prompt, f"{target}."),
        Question(case, "requested", "tf", QuestionKind.WORDS, f'"{prompt} {target}" is', "true"),
    ]


def trials_of(requests_per_edition: int) -> list[Trial]:
    """All cases in editions, the last of which may be smaller; every edition has a seed of its own."""
    trials = []
    for first in range(0, len(SUBJECTS), requests_per_edition):
        cases = range(len(SUBJECTS))[first : first + requests_per_edition]
        requests = tuple(Request(f"{SUBJECTS[case]} born in", f"{OBJECTS.labels[case % 3]}.") for case in cases)
        questions = [question for case in cases for question in questions_of(case)]
        trials.append(Trial(Edition(requests, 13 * first + 5, str(first)), questions))
    return trials


@dataclass
class Shifting:
    """An editor whose editions lean towards one word, as far as the seed of each says. It can run out of memory."""

    most: int
    word: int
    fits: int = 99
    calls: list[list[str]] = field(default_factory=list)
    name: str = "shifting"

    def at_once(self, editions):
        return min(self.most, len(editions))

    @contextmanager
    def edit(self, model, editions):
        self.calls.append([edition.name for edition in editions])
        if len(editions) > self.fits:
            raise torch.OutOfMemoryError
        rows = [0]
        how_far = torch.tensor([edition.seed % 97 / 10 for edition in editions])
        towards = torch.nn.functional.normalize(model.lm_head.weight[self.word].detach(), dim=0)
        hook = model.model.norm.register_forward_hook(
            lambda _, __, states: states + how_far[rows][:, None, None] * towards
        )
        try:
            yield Edited(model, tuple(Cost((1.0,), 7) for _ in editions), lambda of: rows.__setitem__(slice(None), of))
        finally:
            hook.remove()


def run(model, editor, reader, trials, chunk, folder):
    folder.mkdir(exist_ok=True)
    measure(model, editor, reader, trials, ChunkedFiles(folder, chunk), quiet=True)
    return read_measurements(folder), read_costs(folder)


def test_every_edition_is_asked_its_own_questions(model, reader, tmp_path):
    word = reader.tokenizer.get_vocab()["true"]
    trials = trials_of(1)
    one, costs = run(model, Shifting(1, word), reader, trials, 99, tmp_path / "one")
    three, _ = run(model, Shifting(3, word), reader, trials, 99, tmp_path / "three")
    assert one["case"].tolist() == [question.case for trial in trials for question in trial.questions]
    assert costs["case"].tolist() == [0, 1, 2, 3, 4]
    assert (costs["flops"] == 7).all()
    assert one["answer_after"].tolist() == three["answer_after"].tolist()
    # float32, in batches of other widths
    assert three["after"].to_numpy() == pytest.approx(one["after"].to_numpy(), rel=1e-4, nan_ok=True)
    moved = one[one["name"] == "requested/tf"]
    gains = (moved["after"] - moved["before"]).tolist()
    how_far = [trial.edition.seed % 97 for trial in trials]
    assert len(set(how_far)) == len(set(np.round(gains, 4))) == 5
    assert min(gains) > 0


def test_an_object_may_be_said_by_any_of_its_names(model, reader, tmp_path):
    from worldgen.lm.score import log_probabilities

    rows, _ = run(model, Unedited(), reader, trials_of(1), 99, tmp_path / "none")
    measured = rows[(rows["name"] == "s1r1/requested") & (rows["case"] == 1)]
    said = log_probabilities(model, reader.tokenizer, [("bob born in", "rome."), ("bob born in", "roma.")])
    assert measured["before"].item() == pytest.approx(np.exp(said).sum(), rel=1e-5)
    assert np.exp(said).min() > 0
    assert rows["before"].equals(rows["after"])


def test_memory_that_runs_out_halves_the_batch_for_good(model, reader, tmp_path):
    word = reader.tokenizer.get_vocab()["true"]
    trials = trials_of(1)
    whole, _ = run(model, Shifting(4, word), reader, trials, 99, tmp_path / "whole")
    editor = Shifting(4, word, fits=1)
    rows, costs = run(model, editor, reader, trials, 3, tmp_path / "halved")
    # three do not fit, nor would two; the second chunk knows it
    assert editor.calls == [["0", "1", "2"], ["0"], ["1"], ["2"], ["3"], ["4"]]
    assert rows["after"].to_numpy() == pytest.approx(whole["after"].to_numpy(), rel=1e-4, nan_ok=True)
    assert len(costs) == 5


def test_one_edition_that_does_not_fit_is_an_error(model, reader, tmp_path):
    with pytest.raises(torch.OutOfMemoryError):
        run(model, Shifting(4, 0, fits=0), reader, trials_of(1), 99, tmp_path / "none")


@pytest.mark.parametrize("mode", ["single", "sequential", "together"])
def test_a_killed_run_goes_on_with_the_same_bytes(model, reader, tmp_path, mode):
    config = EditConfig(learning_rate=1e-2, steps=4, mode=mode, requests=1 if mode == "single" else 2)
    trials, lora = trials_of(config.requests), Lora(config, config.mode, reader.tokenizer)
    rows, costs = run(model, lora, reader, trials, 2, tmp_path / "whole")
    assert len(rows) == 3 * len(SUBJECTS)
    assert costs["requests"].sum() == len(SUBJECTS)
    folder = tmp_path / "killed"
    run(model, lora, reader, trials[:2], 2, folder)
    for path in folder.glob("measurements-00002.parquet"):
        path.unlink()  # as if killed between the two files of a chunk
    kept = (folder / "measurements-00000.parquet").stat().st_mtime_ns
    run(model, lora, reader, trials, 2, folder)
    assert (folder / "measurements-00000.parquet").stat().st_mtime_ns == kept
    for path in (tmp_path / "whole").glob("measurements-*.parquet"):
        assert (folder / path.name).read_bytes() == path.read_bytes()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("size", [1, 2, 3, 99])
def test_a_killed_run_goes_on_in_chunks_of_another_size(model, reader, tmp_path, size):
    """The files say which editions are done. The others are cut anew, and files sort in the order of the editions."""
    editor, trials = Shifting(1, reader.tokenizer.get_vocab()["true"]), trials_of(1)
    whole, costs = run(model, editor, reader, trials, 2, tmp_path / "whole")
    assert names_in(tmp_path / "whole")[3:] == [f"measurements-0000{first}.parquet" for first in (0, 2, 4)]
    folder = tmp_path / "killed"
    run(model, editor, reader, trials[:2], 2, folder)
    (folder / "costs-00002.parquet").write_bytes(b"half a chunk")
    editor.calls.clear()
    rows, its_costs = run(model, editor, reader, trials, size, folder)
    assert editor.calls == [["2"], ["3"], ["4"]]
    assert len(names_in(folder)) == 2 * (1 + -(-3 // size))
    pd.testing.assert_frame_equal(rows, whole, rtol=1e-6)  # float32, in batches of other widths
    assert its_costs["case"].tolist() == costs["case"].tolist()


def test_a_gap_is_filled_in_its_place(model, reader, tmp_path):
    """A chunk is missing between two others, and another has lost one of its two files."""
    editor, trials, folder = Shifting(1, reader.tokenizer.get_vocab()["true"]), trials_of(1), tmp_path / "run"
    whole, _ = run(model, editor, reader, trials, 1, folder)
    for name in ("measurements-00001.parquet", "costs-00001.parquet", "measurements-00002.parquet"):
        (folder / name).unlink()
    editor.calls.clear()
    rows, costs = run(model, editor, reader, trials, 99, folder)
    assert editor.calls == [["1"], ["2"]]
    assert costs["case"].tolist() == [0, 1, 2, 3, 4]
    pd.testing.assert_frame_equal(rows, whole, rtol=1e-6)


def test_several_requests_need_a_mode_that_keeps_them():
    assert override(tiny(), ["edit.requests=3", "edit.mode=together"]).edit.requests == 3
    with pytest.raises(UserError, match="choose mode sequential or together"):
        override(tiny(), ["edit.requests=3"])
