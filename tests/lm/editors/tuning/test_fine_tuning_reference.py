"""fine_tuning_reference: steps are the optimizer's, tuning ends in time, and ft-l stays within its ball."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_edits import PAIRS, REQUESTS, ROUNDING

from worldgen.errors import UserError
from worldgen.lm.editions import Edition
from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig
from worldgen.lm.editors.tuning.fine_tuning_reference import FineTuningReference
from worldgen.lm.score import greedy, log_probabilities
from worldgen.lm.tokenizer import encode

FT = FineTuningConfig(learning_rate=3e-3)
FT_L = ConstrainedFineTuningConfig(learning_rate=3e-3, max_norm=0.1)


@pytest.mark.parametrize("config", [FT, FT_L])
def test_tuning_ends_when_the_request_is_learned(model, tokenizer, config):
    editor = FineTuningReference(config, "single", tokenizer)
    with editor.edit(model, [Edition(REQUESTS[:1], seed=0)]) as edited:
        (taken,) = np.exp(log_probabilities(edited, tokenizer, PAIRS[:1]))
        (answer,) = greedy(edited, tokenizer, [REQUESTS[0].prompt], 3)
    steps = len(edited.costs[0].losses)
    assert taken > 0.95
    assert answer == encode(tokenizer, [REQUESTS[0].target])[0]
    assert 0 < steps < 100
    short = replace(editor, config=config.model_copy(update={"steps": steps - 1}))
    with short.edit(model, [Edition(REQUESTS[:1], seed=0)]) as edited:
        assert np.exp(log_probabilities(edited, tokenizer, PAIRS[:1]))[0] <= 0.95


def test_a_predicted_request_needs_no_more_steps(model, tokenizer):
    """After the last step the greedy answer is the target, and after the step before it is not."""
    target = encode(tokenizer, [REQUESTS[0].target])[0]
    editor = FineTuningReference(FT.model_copy(update={"stop": "predicted"}), "single", tokenizer)

    def answer_after(most: int) -> tuple[list[int], int]:
        limited = replace(editor, config=editor.config.model_copy(update={"steps": most}))
        with limited.edit(model, [Edition(REQUESTS[:1], seed=0)]) as edited:
            return greedy(edited, tokenizer, [REQUESTS[0].prompt], len(target))[0], len(edited.costs[0].losses)

    answer, steps = answer_after(100)
    assert answer == target
    assert 0 < steps < 100
    assert answer_after(steps - 1)[0] != target


def test_a_request_that_the_model_believes_already_takes_no_step(model, tokenizer):
    easy = FT.model_copy(update={"stop_probability": 1e-12})
    with FineTuningReference(easy, "single", tokenizer).edit(model, [Edition(REQUESTS[:1], seed=0)]) as edited:
        assert edited.costs[0].losses == ()
        assert edited.costs[0].flops == 0


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize(("decay", "centered"), [(1e-4, True), (0.3, False)])
def test_a_step_is_that_of_torchs_optimizer(model, tokenizer, optimizer, decay, centered):
    """Compares one step with the same step by transformers' own loss, on the logits of the whole text."""
    settings = {"optimizer": optimizer, "steps": 1, "gradient_clip": 0.5, "weight_decay": decay, "centered": centered}
    config = FT.model_copy(update=settings)
    with FineTuningReference(config, "single", tokenizer).edit(model, [Edition(REQUESTS[:1], seed=0)]) as edited:
        ours = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    prompt, target = encode(tokenizer, PAIRS[0])
    ids = torch.tensor([[1, *prompt, *target]])
    loss = model(input_ids=ids, labels=torch.tensor([[-100] * (1 + len(prompt)) + target])).loss
    loss.backward()
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    torch.nn.utils.clip_grad_norm_(matrices, 0.5)
    makers = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}
    special = {"centered": centered} if optimizer == "rmsprop" else {}
    makers[optimizer](matrices, lr=FT.learning_rate, weight_decay=decay, **special).step()
    assert edited.costs[0].losses == pytest.approx([loss.item()], rel=ROUNDING)
    for name, parameter in model.named_parameters():
        # A first step of these optimizers is about as large as the learning rate, whatever the gradient: where that is
        # rounding, so is the step's sign.
        close = (ours[name] - parameter).abs() <= 1e-6
        assert close.float().mean() > 0.99, name


@pytest.mark.parametrize("layers", [(), (1,)])
def test_no_weight_leaves_the_ball(model, tokenizer, layers):
    config = FT_L.model_copy(update={"max_norm": 0.01, "layers": layers, "stop_probability": 1.0, "steps": 12})
    base = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    with FineTuningReference(config, "sequential", tokenizer).edit(model, [Edition(REQUESTS, seed=0)]):
        moved = {name: (parameter - base[name]).abs().max().item() for name, parameter in model.named_parameters()}
    chosen = [f"model.layers.{layer}.mlp." for layer in layers or (0, 1)]
    for name, distance in moved.items():
        tuned = name.startswith(tuple(chosen))
        # A weight of up to 1 is added to 0.01 in float32: its last place is 6e-8.
        assert distance == (pytest.approx(0.01, abs=1e-7) if tuned else 0.0), name


def test_a_layer_that_the_model_does_not_have_is_refused(model, tokenizer):
    config = FT_L.model_copy(update={"layers": (0, 2)})
    editor = FineTuningReference(config, "single", tokenizer)
    with pytest.raises(UserError, match="names layer 2, but the model has the layers 0 to 1"):
        editor.edit(model, [Edition(REQUESTS[:1], seed=0)]).__enter__()
