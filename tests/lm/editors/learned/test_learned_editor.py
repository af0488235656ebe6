"""learned_editor: an edition is what steps one at a time make of the model, and it costs what they cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_updates import SIZES, embolden

from worldgen.errors import UserError
from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.learned.learned_editor import LearnedEditor, predictions
from worldgen.lm.editors.learned.network import conditions_of, new_network
from worldgen.lm.editors.learned.one_at_a_time import OneAtATime
from worldgen.lm.editors.learned.settings import ConstrainedConfig, LearnedConfig
from worldgen.lm.editors.learned.updates import Update
from worldgen.lm.editors.target_loss import request_texts
from worldgen.lm.score import greedy, log_probabilities

# The model predicts "is" after the first prompt: no step. The others are learned after some steps, or not at all.
REQUESTS = (
    Request("ada born in", "is"),
    Request("ada born in", "paris."),
    Request("bob bob likes", "not"),
    Request("bob likes", "san salvador."),
)
PAIRS = [(request.prompt, request.target) for request in REQUESTS]
CONFIG = LearnedConfig(**SIZES, steps=4, prediction_tokens=3)
CONSTRAINED = ConstrainedConfig(**SIZES, steps=4, prediction_tokens=3)
ROUNDING = {"rel": 1e-3, "abs": 1e-5}  # float32 in another order, through several steps


@pytest.fixture
def network(model):
    return embolden(new_network(model, CONFIG, seed=1))


def editor(tokenizer, network, config=CONFIG, mode="single") -> LearnedEditor:
    return LearnedEditor(config, mode, tokenizer, network, "slag")


def by_hand(model, tokenizer, network, config, requests) -> tuple[dict[str, torch.Tensor], list[int]]:
    """The edited weights after these requests in turn, one step at a time with whole matrices; the steps of each."""
    model.eval()
    reference = OneAtATime(model, network, config)
    weights = {name: dict(model.named_parameters())[name].detach() for name in network.shapes}
    said, counts = predictions(model, tokenizer, requests, 3), []
    for request, own in zip(requests, said, strict=True):
        (condition,) = conditions_of(tokenizer, [(own, request.target, request.prompt)])
        update, steps = Update(condition, request_texts(tokenizer, [request])[0]), 0
        change = None
        while steps < config.steps and not reference._predicts(weights, update.main):
            following = {name: matrix.detach() for name, matrix in reference.step(weights, update).items()}
            if change is None or config == CONFIG:
                change = {name: following[name] - weights[name] for name in weights}
            weights = {name: weights[name] + change[name] for name in weights}
            steps += 1
        counts.append(steps)
    model.train()
    return weights, counts


@pytest.mark.parametrize("config", [CONFIG, CONSTRAINED])
@pytest.mark.parametrize("mode", ["single", "sequential"])
def test_editions_are_steps_one_at_a_time(model, tokenizer, network, config, mode):
    """Sequences of one, three and two requests, side by side."""
    lots = [REQUESTS[:1], REQUESTS[1:], REQUESTS[:2]] if mode == "sequential" else [(each,) for each in REQUESTS]
    editions = [Edition(own, 0) for own in lots]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with editor(tokenizer, network, config, mode).edit(model, editions) as edited:
        of = [edition for edition in range(len(editions)) for _ in PAIRS]
        scores = log_probabilities(edited, tokenizer, PAIRS * len(editions), editions=of).reshape(len(editions), -1)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    taken = set()
    for own, cost, found in zip(lots, edited.costs, scores, strict=True):
        weights, steps = by_hand(model, tokenizer, network, config, own)
        assert len(cost.losses) == sum(steps)
        taken |= set(steps)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(weights.get(name, before[name]))
        expected = np.exp(log_probabilities(model, tokenizer, PAIRS))
        model.load_state_dict(before)
        assert np.exp(found) == pytest.approx(expected, **ROUNDING)
    assert {0, 4} < taken  # no step, some, all


def test_the_loss_before_a_step_is_the_models(model, tokenizer, network):
    with editor(tokenizer, network).edit(model, [Edition(REQUESTS[1:2], 0)]) as edited:
        pass
    (loss,) = -log_probabilities(model, tokenizer, PAIRS[1:2]) / 2  # two tokens
    assert edited.costs[0].losses[0] == pytest.approx(loss, rel=1e-4)


def test_a_cost_is_that_of_the_edition_alone(model, tokenizer, network):
    editions = [Edition((request,), 0) for request in REQUESTS]
    with editor(tokenizer, network).edit(model, editions) as edited:
        together = edited.costs
    for edition, cost in zip(editions, together, strict=True):
        with editor(tokenizer, network).edit(model, [edition]) as edited:
            assert edited.costs[0].flops == cost.flops
            assert edited.costs[0].losses == pytest.approx(cost.losses, **ROUNDING)
    assert together[0].flops > 0  # reading is not free, even where nothing changes


def test_a_repeated_step_costs_less_than_a_new_one(model, tokenizer, network):
    """Both read the request and add the change; the new step also goes backward."""
    edition = Edition(REQUESTS[3:], 0)
    flops = {}
    for config in (CONFIG, CONSTRAINED):
        for steps in (1, 2):
            own = config.model_copy(update={"steps": steps})
            with editor(tokenizer, network, own).edit(model, [edition]) as edited:
                assert len(edited.costs[0].losses) == steps
            flops[type(config), steps] = edited.costs[0].flops
    assert flops[LearnedConfig, 1] == flops[ConstrainedConfig, 1]
    assert flops[ConstrainedConfig, 1] < flops[ConstrainedConfig, 2] < flops[LearnedConfig, 2]


def test_a_steps_operations_by_hand(model, tokenizer, network):
    """Of T tokens read and N asked: forward, back to the inputs of every product but the first three, the change.

    In each of two layers attention counts two products of all pairs of tokens forward and, as torch does, five back.
    """
    (text,) = request_texts(tokenizer, REQUESTS[1:2])
    T, N, H, P = len(text.ids) - 1, text.asked, 32, sum(d1 * d2 for d1, d2 in network.shapes.values())
    first, head = 3 * H * H, model.lm_head.weight.numel()
    expected = 2 * T * (2 * P - first) + 2 * 2 * N * head + 2 * (2 + 5) * 2 * T * T * H + 2 * (T + 1) * P
    made = editor(tokenizer, network)
    with made.edit(model, [Edition(REQUESTS[1:2], 0)]):
        pass
    assert made._counts.known(("step", len(text.ids), text.asked)) == expected


def test_a_prediction_is_the_greedy_answer(model, tokenizer):
    """Up to its full stop where the target has one, else of as many tokens as the target."""
    completions = greedy(model, tokenizer, [request.prompt for request in REQUESTS], 3)
    said = predictions(model, tokenizer, REQUESTS, 3)
    for request, ids, answer in zip(REQUESTS, completions, said, strict=True):
        whole = tokenizer.decode(ids)
        assert answer == (whole.partition(".")[0].strip() if "." in request.target else tokenizer.decode(ids[:1]))


def test_an_exception_inside_leaves_the_model_as_it_was(model, tokenizer, network):
    before = log_probabilities(model, tokenizer, PAIRS)
    with pytest.raises(KeyError), editor(tokenizer, network).edit(model, [Edition(REQUESTS[:1], seed=1)]):
        raise KeyError
    assert np.array_equal(log_probabilities(model, tokenizer, PAIRS), before)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_several_requests_as_one_are_refused(tokenizer, network):
    with pytest.raises(UserError, match=r"slag makes one request at a time: set edit\.mode to single or sequential"):
        editor(tokenizer, network, mode="together")


def test_as_many_editions_at_once_as_the_weights_allow(tokenizer, network):
    weights = sum(d1 * d2 for d1, d2 in network.shapes.values())

    def fit(most: int) -> int:
        config = CONFIG.model_copy(update={"weights_at_once": most})
        return editor(tokenizer, network, config).at_once([Edition(REQUESTS[:1], 0)])

    assert [fit(1), fit(2 * weights - 1), fit(2 * weights)] == [1, 1, 2]
