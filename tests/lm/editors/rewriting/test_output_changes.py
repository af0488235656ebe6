"""output_changes: the loss is that of the requests, and its gradient is its slope."""

from __future__ import annotations

import pytest
import torch
from rewritten_facts import ADA, BOB, SIZE

from worldgen.lm.editors.operations import SpentOperations
from worldgen.lm.editors.rewriting.output_changes import ChangeLoss, log_p_after_places, optimal_changes
from worldgen.lm.editors.rewriting.requests_in_contexts import requests_in_contexts
from worldgen.lm.editors.settings import RomeConfig
from worldgen.lm.score import log_probabilities


def test_the_gradient_is_that_of_the_loss(model, tokenizer, site_of):
    """Compares it with a difference quotient of the loss along a random direction, in float64."""
    model = model.double().requires_grad_(False)
    requests = requests_in_contexts(tokenizer, [ADA, BOB], site_of("subject", [1]), model.device)
    generator = torch.Generator().manual_seed(0)
    d, way = (torch.randn(2, SIZE.hidden, generator=generator, dtype=torch.float64) for _ in range(2))
    scale, unedited = torch.full((2, 1), 0.7, dtype=torch.float64), log_p_after_places(model, requests)

    def loss_at(changes):
        return ChangeLoss(model, requests, 1, scale, unedited, kl_weight=2.0).at(changes)

    slope = (loss_at(d + 1e-3 * way).mean_loss - loss_at(d - 1e-3 * way).mean_loss) / 2e-3
    # `mean_loss` is over the two places, `gradient` is that of each place's own loss; the logits are float32.
    assert float((loss_at(d).gradient * way).sum() / 2) == pytest.approx(float(slope), rel=2e-2)
    unchanged = loss_at(torch.zeros_like(d))
    without_kl = ChangeLoss(model, requests, 1, scale, None, kl_weight=2.0)
    expected = float(without_kl.at(torch.zeros_like(d)).mean_loss)  # KL(p || p) = 0
    assert float(unchanged.mean_loss) == pytest.approx(expected, rel=1e-6)
    assert loss_at(d).mean_loss > without_kl.at(d).mean_loss


def test_the_loss_is_that_of_the_request_and_the_search_ends_when_it_is_learned(model, tokenizer, site_of):
    config = RomeConfig(contexts=1, stop_probability=0.6, steps=200)
    requests = requests_in_contexts(tokenizer, [BOB], site_of("relation", [1], ("",)), model.device)
    model.requires_grad_(False)
    before = log_probabilities(model, tokenizer, [(BOB.prompt, BOB.target)])[0]
    d, losses = optimal_changes(model, requests, 1, config, SpentOperations())
    assert losses[0] == pytest.approx(-before / 2, rel=1e-4)  # two tokens
    loss = ChangeLoss(model, requests, 1, torch.ones(1, 1), None, 0.0)
    assert len(losses) < 200
    assert loss.at(d).least_probability > 0.6
    shorter = config.model_copy(update={"steps": len(losses) - 1})
    one_less, _ = optimal_changes(model, requests, 1, shorter, SpentOperations())
    assert loss.at(one_less).least_probability <= 0.6
