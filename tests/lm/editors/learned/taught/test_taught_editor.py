"""The editor `rational`: requests in turn, costs counted, theta as it was; a training that was killed ends the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from taught_lessons import CONFIG, FRAMES, REQUESTS, three_lessons, writer_for

from worldgen.errors import UserError
from worldgen.lm.editions import Edition
from worldgen.lm.editors.learned.changed_mistral import ChangedMistral
from worldgen.lm.editors.learned.taught.editor import TaughtEditor
from worldgen.lm.editors.learned.taught.learner import TaughtWriter
from worldgen.lm.editors.learned.taught.lessons import Lesson
from worldgen.lm.editors.learned.taught.readings import readings_of
from worldgen.lm.editors.learned.taught.saved import load_writer, save_writer
from worldgen.lm.editors.learned.taught.writer import new_writer, words_of_model
from worldgen.lm.editors.learned.training import Course, Observers, train
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig

PAIRS = [(request.prompt, request.target) for request in REQUESTS]


def by_hand(model, tokenizer, writer, requests) -> np.ndarray:
    """log p of the pairs after these requests, each written into the model's own weights."""
    mistral, theta = ChangedMistral(model), {name: p.clone() for name, p in model.state_dict().items()}
    words = words_of_model(mistral, tokenizer, FRAMES)
    for request in requests:
        changes = writer.changes(ChangedMistral(model), words, readings_of(tokenizer, [request], FRAMES), None)
        with torch.no_grad():
            for name, factors in changes.items():
                model.get_parameter(name).add_(factors.dense()[0])
    scores = log_probabilities(model, tokenizer, PAIRS)
    model.load_state_dict(theta)
    return scores


def test_editions_are_requests_in_turn(model, tokenizer):
    """Editions of one, two and three requests, side by side; no weight of the model moves."""
    writer, model = writer_for(model), model.eval()
    lots, before = [REQUESTS[:1], REQUESTS[1:], REQUESTS], {k: v.clone() for k, v in model.state_dict().items()}
    editor = TaughtEditor(CONFIG, "sequential", tokenizer, writer)
    with editor.edit(model, [Edition(own, 0) for own in lots]) as edited:
        of = [edition for edition in range(3) for _ in PAIRS]
        found = log_probabilities(edited, tokenizer, PAIRS * 3, editions=of).reshape(3, -1)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    for own, scores, cost in zip(lots, found, edited.costs, strict=True):
        assert np.exp(scores) == pytest.approx(np.exp(by_hand(model, tokenizer, writer, own)), rel=1e-3, abs=1e-5)
        assert cost.flops == len(own) * edited.costs[0].flops > 0
    assert not np.allclose(found[0], log_probabilities(model, tokenizer, PAIRS))


def test_requests_together_are_refused(model, tokenizer):
    with pytest.raises(UserError, match="rational makes one request at a time"):
        TaughtEditor(CONFIG, "together", tokenizer, writer_for(model))


def test_a_writer_is_read_back(model, tokenizer, tmp_path):
    writer = writer_for(model)
    save_writer(writer, CONFIG, tmp_path / "final")
    again, config = load_writer(tmp_path / "final", model)
    assert config == CONFIG
    assert again.frames == FRAMES
    assert all(
        torch.equal(one, two)
        for one, two in zip(writer.state_dict().values(), again.state_dict().values(), strict=True)
    )
    with pytest.raises(UserError, match="holds no trained optimizer"):
        load_writer(tmp_path / "none", model)
    other = new_model(PretrainConfig(hidden=16, intermediate=32, layers=1, heads=2, kv_heads=2), tokenizer, 0)
    with pytest.raises(UserError, match="for a model of layers, hidden and intermediate size"):
        load_writer(tmp_path / "final", other)


class KilledError(Exception):
    pass


def test_a_killed_training_ends_with_the_same_bytes(model, tokenizer, tmp_path):
    config = CONFIG.model_copy(update={"updates": 4, "validations": 0, "checkpoint_steps": 1, "learning_rate": 1e-2})
    covariances = {
        layer: torch.eye(model.config.intermediate_size).double() for layer in range(len(model.model.layers))
    }
    theta = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def lessons_until(end: int, step: int) -> Sequence[Sequence[Lesson]]:
        if step == end:
            raise KilledError
        return [three_lessons(tokenizer)[step % 3 : step % 3 + 1]]

    def go(of_step: Callable[[int], Sequence[Sequence[Lesson]]], out: Path) -> bytes:
        course = Course(
            of_step,
            partial(new_writer, model, FRAMES, config, covariances),
            partial(TaughtWriter, ChangedMistral(model), tokenizer),
            lambda writer, folder: save_writer(writer, config, folder),
        )
        train(model, course, config, 0, out, Observers(quiet=True))
        return (out / "final" / "optimizer.safetensors").read_bytes()

    whole = go(partial(lessons_until, -1), tmp_path / "whole")
    with pytest.raises(KilledError):
        go(partial(lessons_until, 2), tmp_path / "killed")
    assert go(partial(lessons_until, -1), tmp_path / "killed") == whole
    assert all(torch.equal(theta[name], tensor) for name, tensor in model.state_dict().items())
    untrained = new_writer(model, FRAMES, config, covariances, 0)
    trained, _ = load_writer(tmp_path / "whole" / "final", model)
    assert not torch.equal(untrained.of_phrases, trained.of_phrases)
