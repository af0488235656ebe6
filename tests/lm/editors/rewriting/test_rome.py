"""rome and memit: what is written is what was sought, in every mode, and is gone afterwards to the bit."""

import copy
import itertools

import numpy as np
import pytest
import torch

from worldgen.lm.data import TokenShards
from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.operations import SpentOperations
from worldgen.lm.editors.rewriting.key_covariance import cholesky_factor, key_covariances
from worldgen.lm.editors.rewriting.memit import Memit
from worldgen.lm.editors.rewriting.output_changes import ChangeLoss, log_p_after_places, optimal_changes
from worldgen.lm.editors.rewriting.requests_in_contexts import keys_and_states, requests_in_contexts
from worldgen.lm.editors.rewriting.rome import Rome
from worldgen.lm.editors.rewriting.weight_update import RewriteSite
from worldgen.lm.editors.settings import MemitConfig, RomeConfig
from worldgen.lm.editors.target_loss import mean_loss
from worldgen.lm.log_p import log_p_of_tokens
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import pad, texts_of
from worldgen.lm.tokenizer import encode, load_mistral_tokenizer, train_word_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=3, heads=4, kv_heads=4, row_tokens=64)
ADA = Request("ada byron born in", "san salvador.", subject="ada byron")
BOB = Request("bob job", "baker.", subject="bob")
ADAS_JOB = Request("ada byron job", "paris.", subject="ada byron")
CONTEXTS = ("", "bob born in paris.", '"bob job baker" is true.')
TOKENS = ("subject", "relation")


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada byron", "bob", "born in", "job", "paris", "baker", "san salvador"])


@pytest.fixture(scope="module")
def trained(tokenizer):
    """A model that has learned to speak: whoever it is about, any object may follow either relation."""
    model = new_model(SIZE, tokenizer, seed=0)
    facts = itertools.product(("ada byron", "bob"), ("born in", "job"), ("paris", "baker", "san salvador"))
    said = [f"{s} {r} {o}." for s, r, o in facts]
    documents = [*said, *(f"{context} {text}" for context in CONTEXTS[1:] for text in said)]
    batch = pad(texts_of(tokenizer, [("", text) for text in documents]), model.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = mean_loss(log_p_of_tokens(model, batch), batch)
        loss.backward()
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return model


@pytest.fixture
def model(trained):
    return copy.deepcopy(trained)


@pytest.fixture(scope="module")
def shards(tmp_path_factory, tokenizer):
    folder, rng = tmp_path_factory.mktemp("tokens"), np.random.default_rng(0)
    documents = [[1, *rng.integers(3, len(tokenizer), 8), 2] for _ in range(60)]
    np.save(folder / "train-00000.npy", np.concatenate(documents).astype(np.uint16))
    return TokenShards(folder, tokenizer.bos_token_id)


def located(model, shards, token, layers, contexts=CONTEXTS):
    covariances = key_covariances(model, shards, layers, 10**6, seed=0)
    return RewriteSite(token, layers[-1], {layer: cholesky_factor(C) for layer, C in covariances.items()}, contexts)


def probability(model, tokenizer, request):
    return float(torch.tensor(log_probabilities(model, tokenizer, [(request.prompt, request.target)])).exp())


def untouched(model, tokenizer, editor, requests):
    """The edit, with all that must be so before, within and after it; gives p(target) of each request within."""
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


@pytest.mark.parametrize("token", TOKENS)
def test_the_edited_layer_says_what_was_sought(model, tokenizer, shards, token):
    editor = Rome(RomeConfig(), "single", tokenizer, located(model, shards, token, [1]))
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
def test_requests_are_taken_in_every_mode(model, tokenizer, shards, mode, method):
    """Each at once; one after another the last is, and the first is not forgotten: far more likely than without it."""
    if method == "rome":
        editor = Rome(RomeConfig(), mode, tokenizer, located(model, shards, "relation", [1], ("",)))
    else:
        config = MemitConfig(old_keys=1e-3)
        editor = Memit(config, mode, tokenizer, located(model, shards, "relation", [0, 1], ("",)))
    first, last = untouched(model, tokenizer, editor, [ADA, BOB])
    with editor.edit(model, [Edition((BOB,), seed=1)]) as edited:
        without = probability(edited.model, tokenizer, ADA)
    assert last > 0.8
    assert first > (0.8 if mode == "together" else 3 * without)
    assert editor.at_once([Edition((ADA,), 0)] * 5) == 1


def test_with_contexts_it_is_taken_after_each_of_them(model, tokenizer, shards):
    editor = Rome(RomeConfig(steps=80), "single", tokenizer, located(model, shards, "relation", [1]))
    with editor.edit(model, [Edition((ADA,), 0)]) as edited:
        found = [
            probability(edited.model, tokenizer, Request(f"{context} {ADA.prompt}".strip(), ADA.target))
            for context in CONTEXTS
        ]
    assert min(found) > 0.5


def test_requests_about_one_subject_share_its_place(model, tokenizer, shards):
    place = located(model, shards, "subject", [0])
    requests = requests_in_contexts(tokenizer, [ADA, BOB, ADAS_JOB], place, model.device)
    assert requests.places == 2
    assert requests.place_of_row.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    ids, last = requests.batch.input_ids, [encode(tokenizer, [r.subject])[0][-1] for r in (ADA, BOB, ADAS_JOB)]
    assert requests.at_places(ids).tolist() == [last[0]] * 3 + [last[1]] * 3 + [last[2]] * 3
    prompts = requests_in_contexts(tokenizer, [ADA, BOB, ADAS_JOB], RewriteSite("relation", 0, {}), model.device)
    assert prompts.places == 3
    assert prompts.at_places(prompts.batch.input_ids).tolist() == [
        encode(tokenizer, [r.prompt])[0][-1] for r in (ADA, BOB, ADAS_JOB)
    ]
    editor = Rome(RomeConfig(steps=100), "together", tokenizer, place)
    assert len(untouched(model, tokenizer, editor, [ADA, ADAS_JOB])) == 2
    with pytest.raises(AssertionError, match="does not begin with its subject"):
        requests_in_contexts(tokenizer, [Request("bob job", "baker.", subject="ada")], place, model.device)


def test_memit_of_one_layer_and_one_request_is_rome(model, tokenizer, shards):
    place = located(model, shards, "relation", [1])
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


def test_memits_layers_reach_the_wanted_state_together(model, tokenizer, shards):
    editor = Memit(MemitConfig(old_keys=1e-9), "together", tokenizer, located(model, shards, "subject", [0, 1]))
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


def test_old_keys_hold_the_weights_back(model, tokenizer, shards):
    place, moved = located(model, shards, "relation", [1]), []
    weight = model.model.layers[1].mlp.down_proj.weight
    before = weight.detach().clone()
    for old_keys in (1e-3, 10.0, 1e4):
        with Memit(MemitConfig(old_keys=old_keys), "single", tokenizer, place).edit(model, [Edition((ADA,), 0)]):
            moved.append(float((weight - before).norm()))
    assert moved[0] > 1.05 * moved[1] > 10 * moved[2] > 0


def test_the_gradient_is_that_of_the_loss(model, tokenizer, shards):
    """Against differences of the loss along random directions, in float64."""
    model = model.double().requires_grad_(False)
    requests = requests_in_contexts(tokenizer, [ADA, BOB], located(model, shards, "subject", [1]), model.device)
    generator = torch.Generator().manual_seed(0)
    d, way = (torch.randn(2, SIZE.hidden, generator=generator, dtype=torch.float64) for _ in range(2))
    scale, unedited = torch.full((2, 1), 0.7, dtype=torch.float64), log_p_after_places(model, requests)

    def step(moved):
        return ChangeLoss(model, requests, 1, scale, unedited, kl_weight=2.0).at(moved)

    slope = (step(d + 1e-3 * way).mean_loss - step(d - 1e-3 * way).mean_loss) / 2e-3
    # `mean_loss` is over the two places, `gradient` is that of each place's own loss; the logits are float32.
    assert float((step(d).gradient * way).sum() / 2) == pytest.approx(float(slope), rel=2e-2)
    at_rest = step(torch.zeros_like(d))
    without_kl = ChangeLoss(model, requests, 1, scale, None, kl_weight=2.0)
    assert float(at_rest.mean_loss) == pytest.approx(
        float(without_kl.at(torch.zeros_like(d)).mean_loss), rel=1e-6
    )  # KL(p || p) = 0
    assert step(d).mean_loss > without_kl.at(d).mean_loss


def test_the_loss_is_the_requests_and_it_stops_when_taken(model, tokenizer, shards):
    config = RomeConfig(contexts=1, stop_probability=0.6, steps=200)
    requests = requests_in_contexts(tokenizer, [BOB], located(model, shards, "relation", [1], ("",)), model.device)
    model.requires_grad_(False)
    before = log_probabilities(model, tokenizer, [(BOB.prompt, BOB.target)])[0]
    d, losses = optimal_changes(model, requests, 1, config, SpentOperations())
    assert losses[0] == pytest.approx(-before / 2, rel=1e-4)  # two tokens
    loss = ChangeLoss(model, requests, 1, torch.ones(1, 1), None, 0.0)
    assert len(losses) < 200
    assert loss.at(d).least_probability > 0.6
    one_less, _ = optimal_changes(
        model, requests, 1, config.model_copy(update={"steps": len(losses) - 1}), SpentOperations()
    )
    assert loss.at(one_less).least_probability <= 0.6


def test_what_is_spent_is_counted_once_and_added_every_time(model, tokenizer, shards):
    place = located(model, shards, "relation", [1], ("",))
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
    # A pass forward is two operations a weight and token, the way back through the last layer two more.
    forward = 2 * sum(p.numel() for layer in model.model.layers for p in layer.parameters() if p.ndim > 1) * 4
    assert forward < step < 2 * forward


def test_mistrals_tokenizer_finds_the_place_too():
    tokenizer = load_mistral_tokenizer()
    request = Request("Enid Steineau educated at", "Benbourne Law School.", subject="Enid Steineau")
    place = RewriteSite("subject", 0, {}, ("", "Knut Monic citizenship Koristan."))
    requests = requests_in_contexts(tokenizer, [request], place, torch.device("cpu"))
    ids = requests.batch.input_ids
    for row, column in enumerate(requests.columns.tolist()):
        assert tokenizer.decode(ids[row, 1 : column + 1].tolist()).endswith("Enid Steineau")
    assert requests.columns[0] == len(encode(tokenizer, ["Enid Steineau"])[0])
