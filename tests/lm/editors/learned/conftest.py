"""A tiny model in float64, with updates for it."""

from __future__ import annotations

import pytest
import torch
from small_updates import three_updates
from torch.nn import functional
from transformers import MistralForCausalLM, PreTrainedTokenizerFast
from transformers.models.mistral.modeling_mistral import MistralRMSNorm

from worldgen.lm.editors.learned.updates import Update


@pytest.fixture
def exact(model: MistralForCausalLM, monkeypatch: pytest.MonkeyPatch) -> MistralForCausalLM:
    """The model in float64. transformers' norm computes in float32, so it is replaced by torch's."""

    def forward(norm: MistralRMSNorm, states: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(states, states.shape[-1:], norm.weight, norm.variance_epsilon)

    monkeypatch.setattr(MistralRMSNorm, "forward", forward)
    return model.double().eval().requires_grad_(False)


@pytest.fixture
def updates(tokenizer: PreTrainedTokenizerFast) -> list[Update]:
    return three_updates(tokenizer)
