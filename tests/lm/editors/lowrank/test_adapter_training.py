"""adapter_training: each turn has adapters of its own, or goes on with those of the turn before."""

import json

import numpy as np
import pytest
import torch
from peft import PeftModel

from worldgen.lm.editions import Cost, Edition, Request
from worldgen.lm.editors.lowrank.adapter_training import AdapterPlan, trained_adapters
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=2, row_tokens=64)
CONFIG = LoraConfig(rank=2, alpha=3.0)
TEXTS = [("ada", "paris"), ("paris", "ada ada")]
EDITIONS = [
    Edition(tuple(Request("ada", f"{turn}.") for turn in range(turns)), 5 + turns, name=str(turns)) for turns in (1, 20)
]


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "paris"])


@pytest.fixture
def model(tokenizer):
    return new_model(SIZE, tokenizer, seed=0)


def products(layers, edition):
    """Returns B A of each layer, by numpy."""
    return [B[edition].double().numpy() @ A[edition].double().numpy() for A, B in layers]


class RecordedTraining:
    """Adds random numbers, drawn by edition and turn, to an edition's weights; records its arguments."""

    def __init__(self):
        self.learned, self.earlier, self.ranks = {}, {}, []

    def __call__(self, adapters, earlier, editions, turn):
        for number, edition in enumerate(editions):
            draw = torch.Generator().manual_seed(10 * turn + len(edition.requests))
            adapters.weights[number] += 0.1 * torch.randn(adapters.weights.shape[1], generator=draw)
            self.learned[edition.name, turn] = products(adapters.with_maps(adapters.layers()), number)
            self.earlier[edition.name, turn] = sum(np.array(products(layers, number)) for layers in earlier)
            self.ranks.append(sum(A.shape[1] for (A, _), *_ in earlier))
        return [Cost((float(turn),), 1) for _ in editions]


def edited(model, tokenizer, editions, fresh_each_turn, folder=None, maps=()):
    """Returns the recorded training, the costs, and log p of the texts, [editions, texts]."""
    learning, said = RecordedTraining(), []
    plan = AdapterPlan(CONFIG, "sequential", folder, maps, fresh_each_turn)
    with trained_adapters(model, plan, editions, learning) as model_with_adapters:
        for number in range(len(editions)):
            model_with_adapters.route([number])
            said.append(log_probabilities(model_with_adapters.model, tokenizer, TEXTS))
    return learning, model_with_adapters.costs, np.array(said)


@pytest.fixture(params=["plain", "through maps"])
def maps(request):
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(64, 64, generator=draw) / 8 for _ in range(2)] if request.param == "through maps" else ()


def test_fresh_adapters_leave_earlier_turns_adapters_unchanged(model, tokenizer, maps):
    learning, costs, _ = edited(model, tokenizer, EDITIONS, fresh_each_turn=True, maps=maps)
    assert set(learning.learned) == {("1", 0), *(("20", turn) for turn in range(20))}
    for (name, turn), earlier in learning.earlier.items():
        expected = sum(np.array(learning.learned[name, before]) for before in range(turn))
        np.testing.assert_allclose(earlier, expected, atol=1e-5)
    assert [cost.losses for cost in costs] == [(0.0,), tuple(range(20))]
    assert [cost.flops for cost in costs] == [1, 20]


def test_earlier_turns_adapters_have_at_most_full_rank(model, tokenizer):
    """The rank grows by two a turn, until it is the number of outputs."""
    learning, _, _ = edited(model, tokenizer, EDITIONS[1:], fresh_each_turn=True)
    assert learning.ranks == [min(2 * turn, SIZE.hidden) for turn in range(20)]


def test_all_turns_are_in_the_model(model, tokenizer, maps):
    """Compares it with a model whose weights are changed by what each turn has learned."""
    learning, _, said = edited(model, tokenizer, EDITIONS, fresh_each_turn=True, maps=maps)
    for edition, scores in zip(EDITIONS, said, strict=True):
        changed = new_model(SIZE, tokenizer, seed=0).requires_grad_(False)
        for turn in range(len(edition.requests)):
            for layer, change in zip(changed.model.layers, learning.learned[edition.name, turn], strict=True):
                layer.mlp.down_proj.weight += torch.from_numpy(CONFIG.alpha / CONFIG.rank * change).float()
        np.testing.assert_allclose(scores, log_probabilities(changed, tokenizer, TEXTS), atol=1e-4)
    assert np.abs(said[0] - said[1]).max() > 1e-2


def test_without_fresh_adapters_a_turn_goes_on_from_the_last(model, tokenizer):
    learning, _, said = edited(model, tokenizer, EDITIONS[1:], fresh_each_turn=False)
    assert set(learning.ranks) == {0}
    changed = new_model(SIZE, tokenizer, seed=0).requires_grad_(False)
    for layer, change in zip(changed.model.layers, learning.learned["20", 19], strict=True):
        layer.mlp.down_proj.weight += torch.from_numpy(CONFIG.alpha / CONFIG.rank * change).float()
    np.testing.assert_allclose(said[0], log_probabilities(changed, tokenizer, TEXTS), atol=1e-4)


@pytest.mark.parametrize("fresh_each_turn", [False, True])
def test_saved_adapters_are_an_editions_own(fresh_each_turn, model, tokenizer, tmp_path, maps):
    """Alone or with others, they have the size of the edition's turns, and peft predicts the same with them."""
    _, _, said = edited(model, tokenizer, EDITIONS, fresh_each_turn, tmp_path, maps)
    for number, edition in enumerate(EDITIONS):
        _, _, alone = edited(model, tokenizer, [edition], fresh_each_turn, tmp_path / "alone", maps)
        np.testing.assert_allclose(alone[0], said[number], atol=1e-5)
        kept = [folder / edition.name / "adapter_config.json" for folder in (tmp_path, tmp_path / "alone")]
        size = [(config["r"], config["lora_alpha"]) for config in (json.loads(path.read_text()) for path in kept)]
        parts = len(edition.requests) if fresh_each_turn else 1
        assert size == [(2 * parts, 3.0 * parts)] * 2
        loaded = PeftModel.from_pretrained(new_model(SIZE, tokenizer, seed=0), tmp_path / edition.name)
        scores = log_probabilities(loaded.get_base_model(), tokenizer, TEXTS)
        np.testing.assert_allclose(scores, said[number], atol=1e-4)


def test_turns_read_the_keys_in_different_directions(model, tokenizer):
    """With equal A, a turn's adapters would respond to the keys that the last turn's adapters respond to."""
    drawn = []

    def look(adapters, _, editions, turn):
        drawn.append([A[0] for A, _ in adapters.layers()])
        return [Cost()] * len(editions)

    plan = AdapterPlan(CONFIG, "sequential", fresh_each_turn=True)
    with trained_adapters(model, plan, EDITIONS[1:], look):
        pass
    for first, second in zip(drawn[0], drawn[1], strict=True):
        cosines = torch.nn.functional.normalize(first) @ torch.nn.functional.normalize(second).T
        assert cosines.abs().max() < 0.6  # of 64 numbers each: 0.125 on average
