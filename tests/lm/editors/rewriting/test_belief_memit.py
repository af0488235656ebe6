"""belief-memit: the divergences are those of a slow reference; beliefs are written in every mode, and taken out."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from rewritten_facts import ADA, BOB, CONTEXTS

from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.belief.belief_memit import BeliefLoss, BeliefMemit
from worldgen.lm.editors.belief.targets import SoftTarget, TargetBatch
from worldgen.lm.editors.operations import operations_counter
from worldgen.lm.editors.rewriting.requests_in_contexts import requests_in_contexts
from worldgen.lm.editors.settings import BeliefMemitConfig
from worldgen.lm.score import log_probabilities

BORN = SoftTarget("ada byron born in", ("san salvador.", "paris."), (0.6, 0.4), ())
STATED = SoftTarget('"ada byron job baker" is', ("true",), (0.2,), ((3, 0.8),))
BOBS = SoftTarget("bob job", ("baker.",), (0.9,), ((4, 0.1),))


class Teaches:
    """Ada's beliefs in one batch, and Bob's in that of a second turn."""

    def __init__(self, together: bool) -> None:
        self.together = together

    def batches(self, _, __, turn: int) -> list[TargetBatch]:
        kinds = ((BORN, BOBS), (STATED,)) if self.together else (((BORN,), (STATED,)), ((BOBS,), ()))[turn]
        return [TargetBatch(kinds, ())]


def believed(model, tokenizer, target: SoftTarget, context: str = "") -> list[float]:
    pairs = [(f"{context} {prompt}".strip(), said) for prompt, said in target.pairs]
    return np.exp(log_probabilities(model, tokenizer, pairs)).tolist()


def divergence(model, tokenizer, target: SoftTarget, context: str) -> float:
    """KL(p || q) text by text; the rest's q is what its first token has (no named continuation begins with it)."""
    q = believed(model, tokenizer, target, context)
    kl = sum(p * math.log(p / own) for p, own in zip(target.credences, q, strict=True))
    for token, p in target.rest:
        ids = tokenizer(f"{context} {target.prompt}".strip(), add_special_tokens=False)["input_ids"]
        logits = model(input_ids=torch.tensor([[tokenizer.bos_token_id, *ids]])).logits[0, -1].double()
        kl += p * (math.log(p) - float(logits.log_softmax(-1)[token]))
    return kl


def test_the_loss_is_the_mean_of_the_divergences_after_every_context(model, tokenizer, site_of):
    model.requires_grad_(False)
    site, targets = site_of("relation", [1]), [BORN, STATED, BOBS]
    texts = [Request(*pair) for target in targets for pair in target.pairs]
    batch = requests_in_contexts(tokenizer, texts, site, model.device)
    loss = BeliefLoss(model, batch, site, targets)
    mean, _ = loss.at(torch.zeros(batch.places, model.config.hidden_size))
    expected = [divergence(model, tokenizer, target, context) for target in targets for context in CONTEXTS]
    assert float(mean) == pytest.approx(float(np.mean(expected)), rel=1e-4)


def test_the_gradient_is_that_of_the_divergences(model, tokenizer, site_of):
    """A difference quotient along a random direction."""
    model = copy.deepcopy(model).double().requires_grad_(False)
    site, targets = site_of("relation", [1], ("",)), [BORN, STATED, BOBS]
    texts = [Request(*pair) for target in targets for pair in target.pairs]
    batch = requests_in_contexts(tokenizer, texts, site, model.device)
    loss = BeliefLoss(model, batch, site, targets)
    draw = torch.Generator().manual_seed(0)
    d, way = (torch.randn(3, model.config.hidden_size, generator=draw, dtype=torch.float64) for _ in range(2))
    slope = 3 * (loss.at(d + 1e-3 * way)[0] - loss.at(d - 1e-3 * way)[0]) / 2e-3
    assert float((loss.at(d)[1] * way).sum()) == pytest.approx(float(slope), rel=2e-2)  # the logits are float32


@pytest.mark.parametrize("mode", ["single", "sequential", "together"])
def test_beliefs_are_written_and_taken_out_again(model, tokenizer, site_of, mode):
    config = BeliefMemitConfig(steps=60, old_keys=1e-4)
    editor = BeliefMemit(config, mode, tokenizer, site_of("relation", [0, 1], ("",)), Teaches(mode == "together"))
    requests = (ADA,) if mode == "single" else (ADA, BOB)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with editor.edit(model, [Edition(requests, 0)]) as edited:
        assert len(edited.costs[0].losses) == (120 if mode == "sequential" else 60)
        last = BOBS if mode == "sequential" else BORN
        assert believed(edited.model, tokenizer, last) == pytest.approx(list(last.credences), abs=0.1)
        if mode != "sequential":
            assert believed(edited.model, tokenizer, STATED) == pytest.approx([0.2], abs=0.1)
        changed = {name for name, tensor in model.state_dict().items() if not torch.equal(weights[name], tensor)}
    assert changed == {f"model.layers.{layer}.mlp.down_proj.weight" for layer in (0, 1)}
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert model.training
    assert editor.at_once([Edition(requests, 0)] * 3) == 1


def test_an_edit_costs_what_its_work_counts(model, tokenizer, site_of):
    """The operations of a whole edit, counted from outside, are those that it says; again, they are the same."""
    config, site = BeliefMemitConfig(steps=2), site_of("relation", [1], ("",))
    costs = []
    for _ in range(2):
        editor = BeliefMemit(config, "single", tokenizer, site, Teaches(True))
        with editor.edit(model, [Edition((ADA,), 0)]) as edited:
            costs.append(edited.costs[0])
    assert costs[0] == costs[1]
    counted = BeliefMemit(config, "single", tokenizer, site, Teaches(True))
    with counted.edit(model, [Edition((ADA,), 0)]):
        pass  # every kind of work is counted now, and later only done
    with operations_counter() as counter, counted.edit(model, [Edition((ADA,), 0)]):
        pass
    batch = requests_in_contexts(
        tokenizer, [Request(*p) for t in (BORN, BOBS, STATED) for p in t.pairs], site, model.device
    )
    with operations_counter() as sizes:
        BeliefLoss(model, batch, site, (BORN, BOBS, STATED))
    assert costs[0].flops == counter.get_total_flops() - sizes.get_total_flops()
