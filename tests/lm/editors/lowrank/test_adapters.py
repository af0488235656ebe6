"""adapters: drawn as peft draws them, and saved so that peft loads them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import PeftModel, get_peft_model

from worldgen.lm.editors.lowrank.adapters import fresh_adapters, peft_config
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=3, heads=4, kv_heads=2, row_tokens=64)
PAIRS = [("ada", "paris."), ("ada", "paris ada."), ("paris", "ada.")]
ROUNDING = {"rtol": 0, "atol": 1e-5}  # float32 sums of a dozen terms of size 1 to 10


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "paris"])


@pytest.fixture
def model(tokenizer):
    return new_model(SIZE, tokenizer, seed=0).eval().requires_grad_(False)


def test_fresh_adapters_are_pefts_to_the_bit(model):
    config = LoraConfig(rank=2)
    seeds = [0, 5, 2**62 + 1]
    ours = fresh_adapters(model, config, seeds).layers()
    state = torch.get_rng_state()
    for number, seed in enumerate(seeds):
        torch.manual_seed(seed)
        wrapped = get_peft_model(model, peft_config(config))
        for layer, (A, B) in zip(model.model.layers, ours, strict=True):
            assert torch.equal(layer.mlp.down_proj.lora_A["default"].weight, A[number])
            assert torch.equal(layer.mlp.down_proj.lora_B["default"].weight, B[number])
        wrapped.unload()
    torch.set_rng_state(state)


def test_selected_adapters_are_copies(model):
    adapters = fresh_adapters(model, LoraConfig(), [0, 1, 2])
    two = adapters.select([2, 0])
    assert torch.equal(two.weights, adapters.weights[[2, 0]])
    two.weights.zero_()
    assert adapters.weights[[2, 0]].abs().sum() > 0
    assert replace(two, alpha=2.0).scale == 2.0


@pytest.mark.parametrize("mapped", [False, True])
def test_saved_adapters_load_in_peft(model, tokenizer, mapped, tmp_path):
    """The maps are saved in A, so that peft needs nothing else."""
    draw = torch.Generator().manual_seed(0)
    maps = [torch.randn(64, 64, generator=draw) / 8 for _ in range(3)] if mapped else ()
    adapters = fresh_adapters(model, LoraConfig(rank=2), [1, 2, 3], maps)
    adapters.weights.add_(torch.randn(adapters.weights.shape, generator=draw) * 0.1)
    adapters.save(1, tmp_path)
    with adapters.inserted(model):
        adapters.route([1])
        during = log_probabilities(model, tokenizer, PAIRS)
    before = log_probabilities(model, tokenizer, PAIRS)
    loaded = PeftModel.from_pretrained(model, tmp_path)
    np.testing.assert_allclose(log_probabilities(loaded.get_base_model(), tokenizer, PAIRS), during, **ROUNDING)
    assert np.abs(during - before).max() > 1e-2
