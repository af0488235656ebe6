"""Rows without padding: every sequence is predicted as it is alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM, PreTrainedModel

from worldgen.errors import UserError
from worldgen.lm.staged import passes
from worldgen.lm.staged.attention import BY_LENGTH
from worldgen.lm.staged.models import Shape, new_neox
from worldgen.lm.staged.optimizers import rate_at
from worldgen.lm.staged.passes import mean_loss, predict
from worldgen.lm.staged.sequences import Block, Row, Sequences

VOCABULARY = 17
ROUNDING = 1e-4  # of log p in float32, summed in another order


def grouped_mistral() -> MistralForCausalLM:
    """A Mistral whose keys have fewer heads than its queries."""
    config = MistralConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=None,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MistralForCausalLM(config)


MODELS = {"neox": lambda: new_neox(Shape(32, 48, 2, 4), VOCABULARY, 16, seed=0), "mistral": grouped_mistral}


@pytest.fixture
def sequences() -> Sequences:
    draw = np.random.default_rng(0)
    rows = [draw.integers(0, VOCABULARY, length).tolist() for length in (4, 7, 4, 2, 7, 3, 4)]
    return Sequences.of(rows, [1, 6, 2, 1, 3, 2, 3])


def alone(model: PreTrainedModel, sequences: Sequences) -> tuple[list[float], list[bool]]:
    """Log p of each sequence's targets and whether all are most probable, one sequence at a time."""
    model.set_attn_implementation("eager")
    log_p, exact = [], []
    for number in range(len(sequences)):
        ids = torch.tensor(sequences.where(np.array([number])).tokens, dtype=torch.long)
        first = int(sequences.first_target[number])
        logits = model(input_ids=ids[None]).logits[0, first - 1 : -1].log_softmax(-1)
        log_p.append(float(logits[torch.arange(len(ids) - first), ids[first:]].sum().detach()))
        exact.append(bool((logits.argmax(-1) == ids[first:]).all()))
    return log_p, exact


@pytest.mark.parametrize("at_once", [3, 100])
@pytest.mark.parametrize("name", list(MODELS))
def test_a_row_predicts_each_sequence_as_it_is_alone(
    name: str, at_once: int, sequences: Sequences, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS[name]().eval()
    model.set_attn_implementation(BY_LENGTH)
    monkeypatch.setattr(passes, "AT_ONCE", at_once)
    predicted = predict(model, sequences)
    log_p, exact = alone(model, sequences)
    np.testing.assert_allclose(predicted.log_p, log_p, atol=ROUNDING)
    assert predicted.exact.tolist() == exact


@pytest.mark.parametrize("name", list(MODELS))
def test_loss_and_gradient_are_those_of_the_sequences_alone(name: str, sequences: Sequences) -> None:
    model = MODELS[name]()
    model.set_attn_implementation(BY_LENGTH)
    mean_loss(model, Row.of(sequences, "cpu")).backward()
    packed = {key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    model.set_attn_implementation("eager")
    targets = int((np.diff(sequences.start) - sequences.first_target).sum())
    for number in range(len(sequences)):
        ids = torch.tensor(sequences.where(np.array([number])).tokens, dtype=torch.long)
        first = int(sequences.first_target[number])
        logits = model(input_ids=ids[None]).logits[0, first - 1 : -1]
        (torch.nn.functional.cross_entropy(logits, ids[first:], reduction="sum") / targets).backward()
    for key, parameter in model.named_parameters():
        torch.testing.assert_close(packed[key], parameter.grad, atol=1e-5, rtol=1e-3)


def test_exact_answers_are_what_greedy_decoding_writes(sequences: Sequences) -> None:
    """A model's own greedy continuation is exact; with another last token it is not."""
    model = MODELS["neox"]().eval()
    prompts = [row[:2].tolist() for row in np.split(sequences.tokens, sequences.start[1:-1])]
    written = []
    for prompt in prompts:
        ids, seen = torch.tensor([prompt]), torch.ones((1, 2), dtype=torch.long)
        ids = model.generate(ids, attention_mask=seen, max_new_tokens=3, do_sample=False, pad_token_id=0)
        written.append(ids[0].tolist())
    others = [[*row[:-1], (row[-1] + 1) % VOCABULARY] for row in written]
    model.set_attn_implementation(BY_LENGTH)
    predicted = predict(model, Sequences.of([*written, *others], 2))
    assert predicted.exact.tolist() == [True] * len(written) + [False] * len(others)


def test_a_row_has_no_padding_and_keeps_the_order_within_a_length(sequences: Sequences) -> None:
    row = Row.of(sequences, "cpu")
    assert row.blocks == (Block(1, 2), Block(1, 3), Block(3, 4), Block(2, 7))
    assert row.input_ids.shape == (1, len(sequences.tokens))
    assert row.input_ids[0, :2].tolist() == sequences.where(np.array([3])).tokens.tolist()
    assert row.sequence.tolist() == [3, 5, 0, 0, 0, 2, 2, 6, 1, 4, 4, 4, 4]
    assert row.position_ids[0, :9].tolist() == [0, 1, 0, 1, 2, 0, 1, 2, 3]


def test_joined_sequences_are_those_of_the_parts(sequences: Sequences) -> None:
    order = np.arange(len(sequences))
    joined = Sequences.joined([sequences.where(order[:3]), sequences.where(order[3:])])
    assert all(np.array_equal(getattr(joined, name), getattr(sequences, name)) for name in ("tokens", "start"))
    assert joined.first_target.tolist() == sequences.first_target.tolist()


def test_rates_fall_linearly_to_nothing_or_stay() -> None:
    assert [rate_at(step, 4, 2.0, "linear") for step in range(4)] == [2.0, 1.5, 1.0, 0.5]
    assert [rate_at(step, 4, 2.0, "none") for step in range(4)] == [2.0] * 4


def test_a_model_is_a_function_of_its_seed() -> None:
    one, same, other = (new_neox(Shape(32, 48, 1, 4), 9, 8, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(UserError, match="heads"):
        new_neox(Shape(30, 48, 1, 4), 9, 8, 0)
