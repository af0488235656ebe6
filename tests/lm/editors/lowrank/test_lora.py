"""lora and lora_reference: peft's own arithmetic, one edition at a time or many at once, and no trace afterwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import PeftModel, get_peft_model

from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.lowrank.adapters import peft_config
from worldgen.lm.editors.lowrank.lora import Lora
from worldgen.lm.editors.lowrank.lora_reference import LoraReference
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.model import new_model
from worldgen.lm.score import greedy, log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import encode, train_word_tokenizer

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=3, heads=4, kv_heads=2, row_tokens=64)
CONFIG = LoraConfig(learning_rate=1e-2, steps=40)
REQUEST = Request("ada born in", "san salvador.")
PAIR = (REQUEST.prompt, REQUEST.target)


# Of three lengths, two of them twice, with two to four asked tokens.
EDITIONS = [
    Edition((REQUEST,), seed=1, name="a"),
    Edition((Request("ada lovelace studied at", "san salvador university."),), seed=2**62 + 3, name="b"),
    Edition((Request("ada born in", "paris."),), seed=3, name="c"),
    Edition((Request("ada studied at", "san salvador."),), seed=4, name="d"),
    Edition((Request("lovelace born in", "paris."),), seed=5, name="e"),
]


# Both are float32; sums in another order, forty times through AdamW, which divides by the root of small numbers.
ROUNDING = {"rel": 1e-3, "abs": 1e-4}


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "lovelace", "born in", "studied at", "paris", "san salvador university"])


@pytest.fixture
def model(tokenizer):
    model = new_model(SIZE, tokenizer, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)  # so that attention and the MLPs matter, as in a trained model
    return model


def pair_of(edition, number=0):
    return (edition.requests[number].prompt, edition.requests[number].target)


def one_by_one(method, config, tokenizer, model, editions, pairs, mode="single"):
    """Each edition's losses, and its log probability of every pair."""
    costs, scores = [], []
    for edition in editions:
        with method(config, mode, tokenizer).edit(model, [edition]) as edited:
            costs += edited.costs
            scores.append(log_probabilities(edited, tokenizer, pairs))
    return costs, np.stack(scores)


def at_once(config, tokenizer, model, editions, pairs, mode="single"):
    with Lora(config, mode, tokenizer).edit(model, editions) as edited:
        of = [e for e in range(len(editions)) for _ in pairs]
        scores = log_probabilities(edited, tokenizer, pairs * len(editions), editions=of)
    return edited.costs, scores.reshape(len(editions), -1)


@pytest.mark.parametrize("method", [Lora, LoraReference])
def test_the_edit_is_learned_and_then_gone(method, model, tokenizer):
    names = [name for name, _ in model.named_modules()]
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    before = log_probabilities(model, tokenizer, [PAIR])
    with method(CONFIG, "single", tokenizer).edit(model, EDITIONS[:1]) as edited:
        during = log_probabilities(edited, tokenizer, [PAIR])
    (cost,) = edited.costs
    assert len(cost.losses) == 40
    assert cost.losses[0] == pytest.approx(-before[0] / 3, rel=1e-5)  # three tokens; B = 0 changes nothing
    assert -during[0] / 3 < cost.losses[-1] < 0.5 * cost.losses[0]
    assert np.array_equal(log_probabilities(model, tokenizer, [PAIR]), before)
    assert [name for name, _ in model.named_modules()] == names
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert model.training


def test_the_reference_is_peft_step_by_step(model, tokenizer):
    """Compares it with a loop of peft, torch and transformers as their documentation shows it."""
    with LoraReference(CONFIG, "single", tokenizer).edit(model, [replace(EDITIONS[0], seed=7)]) as edited:
        ours = {name: p.clone() for name, p in edited.model.named_parameters() if "lora_" in name}

    torch.manual_seed(7)
    wrapped = get_peft_model(model, peft_config(CONFIG)).eval()
    optimizer = torch.optim.AdamW([p for p in wrapped.parameters() if p.requires_grad], lr=CONFIG.learning_rate)
    prompt, target = encode(tokenizer, PAIR)
    ids = torch.tensor([[1, *prompt, *target]])
    labels = torch.tensor([[-100] * (1 + len(prompt)) + target])
    losses = []
    for _ in range(CONFIG.steps):
        loss = wrapped(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(wrapped.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    theirs = {name: p for name, p in model.named_parameters() if "lora_" in name}
    assert edited.costs[0].losses == pytest.approx(losses, rel=1e-3)
    assert list(theirs) == list(ours)
    assert len(ours) == 2 * SIZE.layers
    # fused and plain AdamW round differently, forty times over
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-3) for name in ours)


@pytest.mark.parametrize("rank", [1, 3])
def test_many_at_once_are_each_the_reference(model, tokenizer, rank):
    config = LoraConfig(learning_rate=5e-3, rank=rank)
    pairs = [pair_of(edition) for edition in EDITIONS]
    slow_costs, slow = one_by_one(LoraReference, config, tokenizer, model, EDITIONS, pairs)
    costs, fast = at_once(config, tokenizer, model, EDITIONS, pairs)
    for mine, theirs in zip(costs, slow_costs, strict=True):
        assert len(mine.losses) == 40
        assert mine.losses == pytest.approx(theirs.losses, **ROUNDING)
        assert mine.losses[-1] < 0.5 * mine.losses[0]
    assert np.exp(fast) == pytest.approx(np.exp(slow), **ROUNDING)
    assert np.abs(np.exp(fast[0]) - np.exp(fast[2])).max() > 0.05  # editions do differ


def test_one_group_for_all_lengths_is_the_same(model, tokenizer, monkeypatch):
    """Packs as on a GPU: shorter texts are padded, in one group."""
    apart, _ = at_once(CONFIG, tokenizer, model, EDITIONS, [PAIR])
    monkeypatch.setattr(
        "worldgen.lm.editors.lowrank.lora.pack", lambda texts, device, one_group: pack(texts, device, True)
    )
    together, _ = at_once(CONFIG, tokenizer, model, EDITIONS, [PAIR])
    for one, other in zip(apart, together, strict=True):
        assert one.losses == pytest.approx(other.losses, **ROUNDING)
        assert one.flops == other.flops


@pytest.mark.parametrize("mode", ["sequential", "together"])
def test_several_requests_in_an_edition(model, tokenizer, mode):
    """Compares editions of three and two requests at once with one edition at a time through peft."""
    config = LoraConfig(learning_rate=5e-3, steps=15)
    requests = [edition.requests[0] for edition in EDITIONS]
    editions = [Edition(tuple(requests[:3]), 11), Edition(tuple(requests[3:]), 12)]
    pairs = [pair_of(edition) for edition in EDITIONS]
    slow_costs, slow = one_by_one(LoraReference, config, tokenizer, model, editions, pairs, mode)
    costs, fast = at_once(config, tokenizer, model, editions, pairs, mode)
    steps = [45, 30] if mode == "sequential" else [15, 15]
    assert [len(cost.losses) for cost in costs] == [len(cost.losses) for cost in slow_costs] == steps
    for mine, theirs in zip(costs, slow_costs, strict=True):
        assert mine.losses == pytest.approx(theirs.losses, **ROUNDING)
    assert np.exp(fast) == pytest.approx(np.exp(slow), **ROUNDING)
    assert costs[0].flops != costs[1].flops


def test_each_edition_stops_when_its_request_is_learned(model, tokenizer):
    config = LoraConfig(learning_rate=1e-2, steps=40, stop_probability=0.02)
    pairs = [pair_of(edition) for edition in EDITIONS]
    slow_costs, slow = one_by_one(LoraReference, config, tokenizer, model, EDITIONS, pairs)
    costs, fast = at_once(config, tokenizer, model, EDITIONS, pairs)
    steps = [len(cost.losses) for cost in costs]
    assert steps == [len(cost.losses) for cost in slow_costs]
    assert len(set(steps)) > 2
    assert max(steps) == 40  # one is not there yet, and goes on alone
    assert [bool(taken) for taken in np.exp(np.diag(fast)) > 0.02] == [count < 40 for count in steps]
    assert np.exp(fast) == pytest.approx(np.exp(slow), **ROUNDING)


def test_the_other_editions_of_a_batch_do_not_matter(model, tokenizer):
    """Alone or with others, an edition is the same to the rounding of float32, at the same cost."""
    alone = [at_once(CONFIG, tokenizer, model, [edition], [PAIR]) for edition in EDITIONS]
    costs, scores = at_once(CONFIG, tokenizer, model, EDITIONS[::-1], [PAIR])
    for (mine, score), cost, together in zip(alone, costs[::-1], scores[::-1], strict=True):
        assert mine[0].flops == cost.flops
        assert mine[0].losses == pytest.approx(cost.losses, **ROUNDING)
        assert np.exp(score[0]) == pytest.approx(np.exp(together), **ROUNDING)


def test_operations_are_fewer_than_the_references_but_not_free(model, tokenizer):
    reference, _ = one_by_one(LoraReference, CONFIG, tokenizer, model, EDITIONS[:1], [PAIR])
    costs, _ = at_once(CONFIG, tokenizer, model, EDITIONS[:1], [PAIR])
    read, layers = 6, SIZE.layers  # tokens read, the last of the target not among them
    weights = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64  # of a layer: q and o, k and v (half the heads), the MLP
    products = 2 * read * weights
    lower, upper = 40 * (layers - 2) * 2 * products, 40 * (2 * layers + 1) * products
    assert lower < costs[0].flops < reference[0].flops < upper


@pytest.mark.parametrize("method", [Lora, LoraReference])
def test_the_seed_alone_makes_the_edit(method, model, tokenizer):
    scores = []
    for seed in (1, 1, 2):
        torch.rand(3)
        state = torch.get_rng_state()
        with method(CONFIG, "single", tokenizer).edit(model, [replace(EDITIONS[0], seed=seed)]) as edited:
            scores.append(log_probabilities(edited, tokenizer, [PAIR])[0])
        assert torch.equal(torch.get_rng_state(), state)
    assert scores[0] == scores[1] != scores[2]


@pytest.mark.parametrize("method", [Lora, LoraReference])
def test_saved_adapters_load_in_peft(method, model, tokenizer, tmp_path):
    config = LoraConfig(learning_rate=1e-2, rank=2, alpha=12.0, steps=10)
    model.eval()
    number = 1 if method is Lora else 0
    editions = EDITIONS[:2] if method is Lora else EDITIONS[1:2]
    ids = torch.tensor([[1, *encode(tokenizer, [EDITIONS[1].requests[0].prompt])[0]]])
    with method(config, "single", tokenizer, tmp_path).edit(model, editions) as edited, torch.no_grad():
        edited.route([number])
        during = edited.model(ids).logits
    with torch.no_grad():
        before = model(ids).logits
        loaded = PeftModel.from_pretrained(model, tmp_path / "b")
        after = loaded(ids).logits
    assert not torch.allclose(before, during, atol=1e-2)
    assert torch.allclose(after, during, atol=1e-5)  # the two adapter products are added in another order


def test_greedy_answers_come_from_the_edition_asked(model, tokenizer):
    with Lora(CONFIG, "single", tokenizer).edit(model, EDITIONS) as edited:
        prompts, of = [edition.requests[0].prompt for edition in EDITIONS], list(range(len(EDITIONS)))
        said = greedy(edited, tokenizer, prompts, 4, editions=of)
        # another edition, asked the same prompt, need not agree
        others = greedy(edited, tokenizer, [prompts[0]] * 2, 4, editions=[0, 2])
    for edition, ids in zip(EDITIONS, said, strict=True):
        target = encode(tokenizer, [edition.requests[0].target])[0]
        assert ids[: len(target)] == target
    assert others[0] != others[1]


def test_as_many_editions_at_once_as_batch_tokens_allow(tokenizer):
    def fit(**settings):
        return Lora(LoraConfig(**settings), "single", tokenizer).at_once(EDITIONS)

    # the longest: BOS, "ada lovelace studied at", "san salvador university."
    assert fit(batch_tokens=1) == 1
    assert fit(batch_tokens=3 * 9 - 1) == 2
    assert fit(batch_tokens=3 * 9) == 3


@pytest.mark.parametrize("method", [Lora, LoraReference])
def test_an_exception_inside_leaves_the_model_as_it_was(method, model, tokenizer):
    before = log_probabilities(model, tokenizer, [PAIR])
    with pytest.raises(KeyError), method(CONFIG, "single", tokenizer).edit(model, EDITIONS[:1]):
        raise KeyError
    assert not [name for name, _ in model.named_parameters() if "lora_" in name]
    assert not any(module._forward_hooks for module in model.modules())
    assert np.array_equal(log_probabilities(model, tokenizer, [PAIR]), before)


@pytest.mark.parametrize("method", [Lora, LoraReference])
def test_a_target_without_tokens_is_refused(method, model, tokenizer):
    empty = Edition((Request("ada", ""),), 0)
    with pytest.raises(ValueError, match="no tokens"), method(CONFIG, "single", tokenizer).edit(model, [empty]):
        pass
