"""frozen_mistral: its logits are those of transformers."""

from __future__ import annotations

import pytest
import torch

from worldgen.lm.editors.lowrank.adapters import fresh_adapters
from worldgen.lm.editors.lowrank.frozen_mistral import FrozenMistral
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.model import new_model, next_token_logits
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import Text, pad
from worldgen.lm.tokenizer import train_word_tokenizer

CPU = torch.device("cpu")
TEXTS = [Text([1, 5, 6, 7, 8], 2), Text([1, 9, 4], 1), Text([1, 3, 3, 7, 5], 4), Text([1, 8, 7, 6, 5, 4, 3], 1)]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("one_group", [False, True])
def test_logits_are_those_of_transformers(layers, kv_heads, one_group):
    """Compares them with the model that has the same adapters hooked in; each row has adapters of its own."""
    size = PretrainConfig(hidden=32, intermediate=64, layers=layers, heads=4, kv_heads=kv_heads, row_tokens=64)
    model = new_model(size, train_word_tokenizer(["ada"]), seed=0).requires_grad_(False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4 if parameter.ndim > 1 else 1.3)
    adapters = fresh_adapters(model, LoraConfig(rank=2), list(range(len(TEXTS))))
    adapters.weights.normal_(generator=torch.Generator().manual_seed(0)).mul_(0.1)
    packed = pack(TEXTS, CPU, one_group)
    ours = FrozenMistral(model, packed, adapters.scale).logits(
        [(A[list(packed.order)], B[list(packed.order)]) for A, B in adapters.layers()]
    )
    batch = pad([TEXTS[number] for number in packed.order], CPU)
    with adapters.inserted(model):
        adapters.route(packed.order)
        theirs = next_token_logits(model, batch.input_ids, batch.rows, batch.columns)
    plain = next_token_logits(model, batch.input_ids, batch.rows, batch.columns)
    # float32 sums in another order, through a few layers of weights around one
    assert torch.allclose(ours, theirs, atol=1e-3, rtol=1e-3)
    assert (plain - theirs).abs().max() > 0.1


def test_a_sliding_window_is_refused():
    size = PretrainConfig(hidden=32, intermediate=64, layers=1, heads=4, kv_heads=4, row_tokens=64)
    model = new_model(size, train_word_tokenizer(["ada"]), seed=0)
    model.config.sliding_window = 4
    with pytest.raises(AssertionError, match="whole document"):
        FrozenMistral(model, pack(TEXTS, CPU, one_group=False), 1.0)
