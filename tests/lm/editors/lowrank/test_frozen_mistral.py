"""frozen_mistral, packing, adamw: transformers' logits, every token in its place, torch's optimizer by rows."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from worldgen.lm.editors.lowrank.adapters import fresh_adapters
from worldgen.lm.editors.lowrank.frozen_mistral import FrozenMistral
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.editors.stacked_adamw import StackedAdamW
from worldgen.lm.model import new_model, next_token_logits
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import Text, pad
from worldgen.lm.tokenizer import train_word_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
TEXTS = [Text([1, 5, 6, 7, 8], 2), Text([1, 9, 4], 1), Text([1, 3, 3, 7, 5], 4), Text([1, 8, 7, 6, 5, 4, 3], 1)]
texts = st.lists(
    st.lists(st.integers(1, 9), min_size=2, max_size=9).flatmap(
        lambda ids: st.integers(1, len(ids) - 1).map(lambda asked: Text(ids, asked))
    ),
    min_size=1,
    max_size=8,
)


@given(texts, st.booleans())
def test_every_token_is_where_it_should_be(written, one_group):
    packed = pack(written, CPU, one_group)
    assert sorted(packed.order) == list(range(len(written)))
    assert sum(group.rows for group in packed.groups) == len(written)
    if one_group:
        assert len(packed.groups) == 1
    else:
        assert len(packed.ids) == sum(len(text.ids) - 1 for text in written)  # no padding at all
    begin, seen = 0, 0
    of_rows = iter(packed.order)
    for group in packed.groups:
        for _ in range(group.rows):
            text = written[next(of_rows)]
            read = len(text.ids) - 1
            assert packed.ids[begin : begin + read].tolist() == text.ids[:-1]
            assert packed.positions[begin : begin + group.width].tolist() == list(range(group.width))
            predicts = range(begin + read - text.asked, begin + read)
            asked = slice(seen, seen + text.asked)
            assert packed.kept[packed.asked[asked]].tolist() == list(predicts)
            assert packed.targets[asked].tolist() == text.ids[-text.asked :]
            begin, seen = begin + group.width, seen + text.asked
    assert packed.rows.tolist() == [r for r, n in enumerate(packed.order) for _ in range(written[n].asked)]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("one_group", [False, True])
def test_logits_are_those_of_transformers(layers, kv_heads, one_group):
    """With adapters that do something, each row's its own: against the same adapters hooked into the model."""
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


def test_each_row_has_torchs_optimizer_to_itself():
    """Rows of gradients a million times apart in size, so that some are clipped and some are not; one stops."""
    draw = torch.Generator().manual_seed(0)
    E, P, steps, stopped_after = 4, 7, 30, 11
    start = torch.randn(E, P, generator=draw)
    sizes = torch.tensor([1e-4, 0.3, 5.0, 100.0])[:, None]
    gradients = [torch.randn(E, P, generator=draw) * sizes for _ in range(steps)]
    stacked = StackedAdamW(start.clone(), learning_rate=1e-2, clip=1.0)
    for number, gradient in enumerate(gradients):
        stacked.step(gradient, torch.tensor([True, True, number < stopped_after, True]))
    for row in range(E):
        alone = torch.nn.Parameter(start[row].clone())
        optimizer = torch.optim.AdamW([alone], lr=1e-2)
        for gradient in gradients[: stopped_after if row == 2 else steps]:
            alone.grad = gradient[row].clone()
            torch.nn.utils.clip_grad_norm_([alone], 1.0)
            optimizer.step()
        # thirty steps of float32
        assert torch.allclose(stacked.weights[row], alone, rtol=1e-5, atol=1e-6)
        assert not torch.allclose(start[row], alone, atol=1e-2)


def test_editions_are_copied_not_shared():
    size = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=4, row_tokens=64)
    model = new_model(size, train_word_tokenizer(["ada"]), seed=0)
    adapters = fresh_adapters(model, LoraConfig(), [0, 1, 2])
    two = adapters.select([2, 0])
    assert torch.equal(two.weights, adapters.weights[[2, 0]])
    two.weights.zero_()
    assert adapters.weights[[2, 0]].abs().sum() > 0
    assert replace(two, alpha=2.0).scale == 2.0
