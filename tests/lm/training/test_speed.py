"""worldgen.lm.training.speed: operations a token by hand; the device's speed is measured and leaves no trace."""

import pytest
import torch

from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.training.speed import flops_per_token, matmul_flops


class Mistral32k:
    """Stands for the tokenizer of Mistral-7B-v0.1: has all that `new_model` reads."""

    bos_token_id, eos_token_id = 1, 2

    def __len__(self):
        return 32_000


def test_the_operations_a_token_are_those_of_all_matrices_but_the_embedding():
    with torch.device("meta"):
        model = new_model(PretrainConfig(), Mistral32k(), seed=0)
    assert flops_per_token(model) == 6 * (32_000 * 512 + 12 * (4 * 512**2 + 3 * 512 * 2048))
    assert flops_per_token(model) == pytest.approx(0.40e9, rel=0.01)


def test_the_speed_of_a_device_is_measured():
    state = torch.get_rng_state()
    assert 1e8 < matmul_flops(torch.device("cpu")) < 1e14  # a slide rule; a rack
    assert torch.equal(torch.get_rng_state(), state)
