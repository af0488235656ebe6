"""ft, ft-l, their reference, in-context and retrain: the model comes back to the bit, and an edit is reproducible."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from small_edits import OTHER, PAIRS, REQUESTS, SIZE

from worldgen.lm.editions import Edition, Editor, Mode
from worldgen.lm.editors.in_context import InContext
from worldgen.lm.editors.retrain import Retrain
from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig, InContextConfig, RetrainConfig
from worldgen.lm.editors.tuning.fine_tuning import FineTuning
from worldgen.lm.editors.tuning.fine_tuning_reference import FineTuningReference
from worldgen.lm.score import log_probabilities

FT = FineTuningConfig(learning_rate=3e-3)
FT_L = ConstrainedFineTuningConfig(learning_rate=3e-3, max_norm=0.1)
RETRAIN = RetrainConfig(learning_rate=3e-3, steps=15, rows_per_step=1)
TUNING = ["ft", "ft-l", "ft-reference", "retrain"]
Make = Callable[..., Editor]


@pytest.fixture
def make(tokenizer, corpus) -> Make:
    """Makes an editor by its name."""

    def make(method: str, mode: Mode = "single") -> Editor:
        match method:
            case "ft":
                return FineTuning(FT, mode, tokenizer, weights=1)
            case "ft-l":
                return FineTuning(FT_L, mode, tokenizer, weights=1, name="ft-l")
            case "ft-reference":
                return FineTuningReference(FT, mode, tokenizer)
            case "in-context":
                return InContext(InContextConfig(sentences=3), tokenizer)
        return Retrain(RETRAIN, SIZE, mode, tokenizer, corpus)

    return make


@pytest.mark.parametrize("method", [*TUNING, "in-context"])
@pytest.mark.parametrize(("mode", "requests"), [("single", 1), ("sequential", 2), ("together", 2)])
def test_the_model_comes_back_to_the_bit(model, tokenizer, make, method, mode, requests):
    editor = make(method, mode)
    assert editor.name == method
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    asked = [*PAIRS, OTHER]
    before = log_probabilities(model, tokenizer, asked)
    with editor.edit(model, [Edition(REQUESTS[:requests], seed=1)]) as edited:
        during = log_probabilities(edited, tokenizer, asked, editions=[0, 0, 0])
    assert (during != before).all()
    assert np.array_equal(log_probabilities(model, tokenizer, asked), before)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert model.training


@pytest.mark.parametrize("method", TUNING)
def test_an_exception_inside_leaves_the_model_as_it_was(model, tokenizer, make, method):
    before = log_probabilities(model, tokenizer, PAIRS)
    with pytest.raises(KeyError), make(method).edit(model, [Edition(REQUESTS[:1], seed=1)]):
        raise KeyError
    assert np.array_equal(log_probabilities(model, tokenizer, PAIRS), before)


@pytest.mark.parametrize("method", TUNING)
@pytest.mark.parametrize("mode", ["sequential", "together"])
def test_the_requests_are_learned_and_the_edit_is_a_function_of_model_and_edition(model, tokenizer, make, method, mode):
    scores, costs = [], []
    for _ in range(2):
        torch.rand(3)
        with make(method, mode).edit(model, [Edition(REQUESTS, seed=5)]) as edited:
            scores.append(log_probabilities(edited, tokenizer, PAIRS))
            costs += edited.costs
    assert np.array_equal(scores[0], scores[1])
    assert costs[0] == costs[1]
    assert costs[0].losses
    assert costs[0].flops > 0
    before = log_probabilities(model, tokenizer, PAIRS)
    assert (scores[0] > before + 1).all()
