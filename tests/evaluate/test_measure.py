"""measure: cases in editions, each asked its own questions; batches, memory that runs out, going on."""

from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from worldgen.errors import UserError
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.measure import make_trials, measure, read_costs, read_measurements
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.settings import EditConfig
from worldgen.evaluate.testbed.questions import Probe
from worldgen.facts import Vocabulary
from worldgen.lm.editions import Cost, Edited
from worldgen.lm.editors.lowrank.lora import Lora
from worldgen.lm.editors.unedited import Unedited
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

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


@pytest.fixture(scope="module")
def probes():
    made = []
    for case, subject in enumerate(SUBJECTS):
        prompt, target = f"{subject} born in", OBJECTS.labels[case % 3]
        for name, asked, said in (
            ("s1r1/answer", prompt, ""),
            ("s1r1/requested", prompt, f"{target}."),
            ("requested/tf", f'"{prompt} {target}" is', "true"),
        ):
            made.append(Probe(case, name, asked, said, 0.5, 0.5, 0.5, target, target))
    return made


@dataclass
class Shifting:
    """An editor whose editions lean towards one word, each as far as its seed says; it can run out of memory."""

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
    measure(model, editor, reader, trials, chunk, folder, quiet=True)
    return read_measurements(folder), read_costs(folder)


def test_cases_go_into_editions_in_order_with_a_tail(probes):
    trials = make_trials(probes, 2, seed=3, weights={0: 40.0, 4: 9.0})
    assert [trial.edition.name for trial in trials] == ["0", "2", "4"]
    assert [[request.prompt for request in trial.edition.requests] for trial in trials] == [
        ["ada born in", "bob born in"], ["eve born in", "kay born in"], ["lea born in"],
    ]  # fmt: skip
    assert [request.weight for trial in trials for request in trial.edition.requests] == [40.0, 1.0, 1.0, 1.0, 9.0]
    assert [probe for trial in trials for probe in trial.probes] == probes
    alone = make_trials(probes, 1, seed=3)
    assert [trial.edition.seed for trial in trials] == [alone[case].edition.seed for case in (0, 2, 4)]


def test_every_edition_is_asked_its_own_questions(model, reader, probes, tmp_path):
    word = reader.tokenizer.get_vocab()["true"]
    trials = make_trials(probes, 1, seed=0)
    one, costs = run(model, Shifting(1, word), reader, trials, 99, tmp_path / "one")
    three, _ = run(model, Shifting(3, word), reader, trials, 99, tmp_path / "three")
    assert one["case"].tolist() == [probe.case for probe in probes]
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


def test_an_object_may_be_said_by_any_of_its_names(model, reader, probes, tmp_path):
    from worldgen.lm.score import log_probabilities

    rows, _ = run(model, Unedited(), reader, make_trials(probes, 1, 0), 99, tmp_path / "none")
    measured = rows[(rows["name"] == "s1r1/requested") & (rows["case"] == 1)]
    said = log_probabilities(model, reader.tokenizer, [("bob born in", "rome."), ("bob born in", "roma.")])
    assert measured["before"].item() == pytest.approx(np.exp(said).sum(), rel=1e-5)
    assert np.exp(said).min() > 0
    assert rows["before"].equals(rows["after"])


def test_memory_that_runs_out_halves_the_batch_for_good(model, reader, probes, tmp_path):
    word = reader.tokenizer.get_vocab()["true"]
    trials = make_trials(probes, 1, seed=0)
    whole, _ = run(model, Shifting(4, word), reader, trials, 99, tmp_path / "whole")
    editor = Shifting(4, word, fits=1)
    rows, costs = run(model, editor, reader, trials, 3, tmp_path / "halved")
    # three do not fit, nor would two; the second chunk knows it
    assert editor.calls == [["0", "1", "2"], ["0"], ["1"], ["2"], ["3"], ["4"]]
    assert rows["after"].to_numpy() == pytest.approx(whole["after"].to_numpy(), rel=1e-4, nan_ok=True)
    assert len(costs) == 5


def test_one_edition_that_does_not_fit_is_an_error(model, reader, probes, tmp_path):
    with pytest.raises(torch.OutOfMemoryError):
        run(model, Shifting(4, 0, fits=0), reader, make_trials(probes, 1, 0), 99, tmp_path / "none")


@pytest.mark.parametrize("mode", ["single", "sequential", "together"])
def test_a_killed_run_goes_on_with_the_same_bytes(model, reader, probes, tmp_path, mode):
    config = EditConfig(learning_rate=1e-2, steps=4, mode=mode, requests=1 if mode == "single" else 2)
    trials, lora = make_trials(probes, config.requests, seed=0), Lora(config, config.mode, reader.tokenizer)
    rows, costs = run(model, lora, reader, trials, 2, tmp_path / "whole")
    assert len(rows) == len(probes)
    assert costs["requests"].sum() == len(SUBJECTS)
    folder = tmp_path / "killed"
    run(model, lora, reader, trials[:2], 2, folder)
    (folder / "measurements-00001.parquet").unlink(missing_ok=True)
    kept = (folder / "measurements-00000.parquet").stat().st_mtime_ns
    run(model, lora, reader, trials, 2, folder)
    assert (folder / "measurements-00000.parquet").stat().st_mtime_ns == kept
    for path in (tmp_path / "whole").glob("measurements-*.parquet"):
        assert (folder / path.name).read_bytes() == path.read_bytes()


def test_several_requests_need_a_mode_that_keeps_them():
    assert override(tiny(), ["edit.requests=3", "edit.mode=together"]).edit.requests == 3
    with pytest.raises(UserError, match="choose mode sequential or together"):
        override(tiny(), ["edit.requests=3"])
