"""worldgen.lm.training.optimizer: the learning rate by hand; weight decay is for matrices only."""

import pytest

from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer
from worldgen.lm.training.optimizer import learning_rate, new_optimizer

CONFIG = PretrainConfig(
    hidden=32, intermediate=64, layers=2, heads=4, kv_heads=4, tokens=6000, row_tokens=64, learning_rate=5e-3,
    warmup_share=0.1,
)  # fmt: skip


def test_the_rate_goes_up_and_comes_down():
    tokens = [1, 300, 600, 3300, 6000, 7000]
    rates = [learning_rate(CONFIG, count) / CONFIG.learning_rate for count in tokens]
    assert rates == pytest.approx([1 / 600, 0.5, 1.0, 0.55, 0.1, 0.1])


def test_gains_do_not_decay():
    model = new_model(CONFIG, train_word_tokenizer(["ada", "lives in"]), 0)
    decaying, still = new_optimizer(model, CONFIG).param_groups
    assert decaying["weight_decay"] == CONFIG.weight_decay
    assert still["weight_decay"] == 0
    assert len(still["params"]) == 2 * CONFIG.layers + 1
    assert len(decaying["params"]) + len(still["params"]) == len(list(model.parameters()))
