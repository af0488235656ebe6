"""rome and memit: the edited layers return what was sought, in every mode, and the model comes back to the bit."""

from __future__ import annotations

import pytest
import torch
from rewritten_facts import ADA, ADAS_JOB, BOB, CONTEXTS, probability

from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.operations import SpentOperations
from worldgen.lm.editors.rewriting.memit import Memit
from worldgen.lm.editors.rewriting.output_changes import optimal_changes
from worldgen.lm.editors.rewriting.requests_in_contexts import keys_and_states, requests_in_contexts
from worldgen.lm.editors.rewriting.rome import Rome
from worldgen.lm.editors.settings import MemitConfig, RomeConfig


def probabilities_within(model, tokenizer, editor, requests):
    """Makes the edit and checks the model before, within and after it; returns p(target) of each request within."""
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    before = [probability(model, tokenizer, request) for request in requests]
    with editor.edit(model, [Edition(tuple(requests), seed=1)]) as edited:
        within = [probability(edited.model, tokenizer, request) for request in requests]
        changed = {name for name, tensor in model.state_dict().items() if not torch.equal(weights[name], tensor)}
    assert changed == {f"model.layers.{layer}.mlp.down_proj.weight" for layer in editor.site.factors}
    assert [probability(model, tokenizer, request) for request in requests] == before
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert model.training
    assert max(before) < 0.5
    return within


@pytest.mark.parametrize("token", ["subject", "relation"])
def test_the_edited_layer_returns_the_change_that_was_sought(model, tokenizer, site_of, token):
    editor = Rome(RomeConfig(), "single", tokenizer, site_of(token, [1]))
    requests = requests_in_contexts(tokenizer, [ADA], editor.site, model.device)
    model.requires_grad_(False)
    d, losses = optimal_changes(model, requests, 1, editor.config, SpentOperations())
    keys, before = keys_and_states(model, requests, 1, 1)
    with editor.edit(model, [Edition((ADA,), 0)]) as edited:
        assert edited.costs[0].losses == losses
        again, after = keys_and_states(model, requests, 1, 1)
    assert torch.equal(again, keys)
    assert torch.allclose(after - before, d, atol=1e-4 * d.abs().max())
    assert d.abs().max() > 0.1


@pytest.mark.parametrize("mode", ["sequential", "together"])
@pytest.mark.parametrize("method", ["rome", "memit"])
def test_requests_are_learned_in_every_mode(model, tokenizer, site_of, mode, method):
    """Together, both are learned. In turn, the last is, and the first is far more probable than without its edit."""
    if method == "rome":
        editor = Rome(RomeConfig(), mode, tokenizer, site_of("relation", [1], ("",)))
    else:
        config = MemitConfig(old_keys=1e-3)
        editor = Memit(config, mode, tokenizer, site_of("relation", [0, 1], ("",)))
    first, last = probabilities_within(model, tokenizer, editor, [ADA, BOB])
    with editor.edit(model, [Edition((BOB,), seed=1)]) as edited:
        without = probability(edited.model, tokenizer, ADA)
    assert last > 0.8
    assert first > (0.8 if mode == "together" else 3 * without)
    assert editor.at_once([Edition((ADA,), 0)] * 5) == 1


def test_with_contexts_a_request_is_learned_after_each_of_them(model, tokenizer, site_of):
    editor = Rome(RomeConfig(steps=80), "single", tokenizer, site_of("relation", [1]))
    with editor.edit(model, [Edition((ADA,), 0)]) as edited:
        found = [
            probability(edited.model, tokenizer, Request(f"{context} {ADA.prompt}".strip(), ADA.target))
            for context in CONTEXTS
        ]
    assert min(found) > 0.5


def test_two_requests_about_one_subject_are_written_as_one(model, tokenizer, site_of):
    editor = Rome(RomeConfig(steps=100), "together", tokenizer, site_of("subject", [0]))
    assert len(probabilities_within(model, tokenizer, editor, [ADA, ADAS_JOB])) == 2


def test_memit_of_one_layer_and_one_request_is_rome(model, tokenizer, site_of):
    place = site_of("relation", [1])
    weights = []
    for editor in (
        Rome(RomeConfig(), "single", tokenizer, place),
        Memit(MemitConfig(old_keys=1e-9), "single", tokenizer, place),
    ):
        with editor.edit(model, [Edition((ADA,), 0)]) as edited:
            weights.append(model.model.layers[1].mlp.down_proj.weight.clone())
            losses = edited.costs[0].losses
    assert torch.allclose(*weights, atol=1e-5)
    assert not torch.allclose(weights[0], model.model.layers[1].mlp.down_proj.weight, atol=1e-2)
    assert losses[-1] < losses[0]


def test_memits_layers_reach_the_wanted_state_together(model, tokenizer, site_of):
    editor = Memit(MemitConfig(old_keys=1e-9), "together", tokenizer, site_of("subject", [0, 1]))
    requests = requests_in_contexts(tokenizer, [ADA, BOB], editor.site, model.device)
    model.requires_grad_(False)
    d, _ = optimal_changes(model, requests, 1, editor.config, SpentOperations())
    _, before = keys_and_states(model, requests, 1, 1)
    keys, _ = keys_and_states(model, requests, 0, 0)
    first = model.model.layers[0].mlp.down_proj.weight.clone()
    with editor.edit(model, [Edition((ADA, BOB), 0)]):
        _, after = keys_and_states(model, requests, 1, 1)
        said = keys @ (model.model.layers[0].mlp.down_proj.weight - first).T
    assert torch.allclose(said, d / 2, atol=1e-3 * d.abs().max())  # the first of two layers takes on half of it
    assert torch.allclose(after - before, d, atol=1e-3 * d.abs().max())


def test_old_keys_hold_the_weights_back(model, tokenizer, site_of):
    place, moved = site_of("relation", [1]), []
    weight = model.model.layers[1].mlp.down_proj.weight
    before = weight.detach().clone()
    for old_keys in (1e-3, 10.0, 1e4):
        with Memit(MemitConfig(old_keys=old_keys), "single", tokenizer, place).edit(model, [Edition((ADA,), 0)]):
            moved.append(float((weight - before).norm()))
    assert moved[0] > 1.05 * moved[1] > 10 * moved[2] > 0


def test_operations_are_counted_once_and_added_every_time(model, tokenizer, site_of):
    place = site_of("relation", [1], ("",))
    editor = Rome(RomeConfig(steps=3, stop_probability=1.0), "single", tokenizer, place)
    costs = []
    for _ in range(2):
        with editor.edit(model, [Edition((BOB,), 0)]) as edited:
            costs.append(edited.costs[0])
    assert costs[0] == costs[1]
    assert len(costs[0].losses) == 3
    longer = Rome(RomeConfig(steps=5, stop_probability=1.0), "single", tokenizer, place)
    with longer.edit(model, [Edition((BOB,), 0)]) as edited:
        step = (edited.costs[0].flops - costs[0].flops) / 2
    # A pass forward takes two operations a weight and token; the pass backward through the last layer takes two more.
    forward = 2 * sum(p.numel() for layer in model.model.layers for p in layer.parameters() if p.ndim > 1) * 4
    assert forward < step < 2 * forward
