"""network: the paper's numbers of parameters, maps of rank one, and an embedding of its own."""

from __future__ import annotations

import pytest
import torch
from small_updates import SIZES, embolden
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from worldgen.errors import UserError
from worldgen.lm.editors.learned.edited_matrices import edited_matrices, shapes_of
from worldgen.lm.editors.learned.network import LearnedOptimizer, conditions_of, new_network
from worldgen.lm.editors.learned.settings import SMALL, LearnedConfig
from worldgen.lm.model import count_parameters
from worldgen.lm.tokenizer import encode, load_mistral_tokenizer

CONFIG = LearnedConfig(**SIZES)


def roberta_base() -> PreTrainedModel:
    return RobertaForSequenceClassification(RobertaConfig(vocab_size=50265, max_position_embeddings=514))


def bart_base() -> PreTrainedModel:
    sides = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in BART_BASE.items()}
    return BartForConditionalGeneration(BartConfig(vocab_size=50265, d_model=768, **sides))


BART_BASE = {"layers": 6, "ffn_dim": 3072, "attention_heads": 12}


# 92m and 105m in the paper (supplement B.1); the exact numbers are the formula's in `network`, worked out by hand:
# RoBERTa 50265 * 768 + 1024 (768 + 130) + 257 * 1024 + 48 (1026 * 128 + 130 * 3073) + 24 (1026 * 128 + 130 * 7681)
@pytest.mark.parametrize(
    ("model", "matrices", "expected"), [(roberta_base, 72, 92_382_096), (bart_base, 96, 105_121_728)]
)
def test_the_number_of_parameters_is_the_papers(model, matrices, expected):
    with torch.device("meta"):
        model = model()
        shapes = shapes_of(edited_matrices(model))
        network = LearnedOptimizer(model.get_input_embeddings().weight, shapes, LearnedConfig())
    assert len(shapes) == matrices
    assert count_parameters(network) == expected


def test_the_matrices_of_attention_and_mlps_are_edited_and_no_other(model):
    names = edited_matrices(model)
    assert len(names) == 2 * 7
    kinds = {name.split(".")[-2] for name in names}
    assert kinds == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_embeddings_and_heads_are_left_out_whatever_they_are_called():
    model = GPT2LMHeadModel(GPT2Config(vocab_size=9, n_embd=8, n_layer=1, n_head=2, n_positions=8))
    assert {name.split(".")[-2] for name in edited_matrices(model)} == {"c_attn", "c_proj", "c_fc"}
    with pytest.raises(UserError, match="no matrices"):
        edited_matrices(GPT2LMHeadModel(GPT2Config(vocab_size=9, n_embd=8, n_layer=0, n_head=2, n_positions=8)))


def test_a_head_says_as_much_as_the_formula_counts(model):
    network = new_network(model, CONFIG, seed=0)
    outputs = network([[1, 2, 3], [4]])
    for name, (d1, d2) in network.shapes.items():
        assert outputs[name].shape == (2, 2 * (d1 + d2) + 1)
    c, m, h = 12, 6, 5
    V, e = model.get_input_embeddings().weight.shape
    heads = sum((c + 2) * m + (m + 2) * (2 * (d1 + d2) + 1) for d1, d2 in network.shapes.values())
    assert count_parameters(network) == V * e + 8 * h * (e + h + 2) + (2 * h + 1) * c + heads


def test_what_is_read_beside_a_condition_does_not_matter(model):
    """Padding is packed away: a condition alone says what it says beside a longer one."""
    network = embolden(new_network(model.double(), CONFIG, seed=0))
    together, alone = network([[1, 2], [3, 4, 5, 6]]), network([[1, 2]])
    for name, output in alone.items():
        assert torch.allclose(together[name][:1], output, rtol=0, atol=1e-12)  # float64
        assert not torch.allclose(together[name][0], together[name][1])


def test_the_embedding_is_a_copy(model):
    network = new_network(model, CONFIG, seed=0)
    theirs, own = model.get_input_embeddings().weight, network.conditioner.embedding.weight
    assert torch.equal(theirs, own)
    assert own.requires_grad
    before = theirs.detach().clone()
    with torch.no_grad():
        own.add_(1)
    assert torch.equal(theirs, before)


def test_a_network_is_a_function_of_its_seed(model):
    def weights(seed: int) -> torch.Tensor:
        torch.rand(3)
        return torch.nn.utils.parameters_to_vector(new_network(model, CONFIG, seed).parameters())

    state = torch.get_rng_state()
    new_network(model, CONFIG, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_a_condition_is_one_text(tokenizer):
    mistral = load_mistral_tokenizer()
    (ids,) = conditions_of(mistral, [("Paris", "San Salvador.", "Ada born in")])
    assert mistral.decode(ids[1:]) == "Paris >> San Salvador || Ada born in"
    assert ids == [mistral.bos_token_id, *encode(mistral, ["Paris >> San Salvador || Ada born in"])[0]]
    (ids,) = conditions_of(tokenizer, [("bob", "paris.", "ada born in")])
    bob, paris, *rest = encode(tokenizer, ["bob paris ada born in"])[0]
    assert ids == [1, bob, 0, paris, 0, *rest]  # 1 is BOS, and 0 the unknown word


@pytest.mark.parametrize(("sizes", "times"), [({}, 12), (SMALL, 1)])
def test_the_small_sizes_suit_a_small_matrix(sizes, times):
    """A head has about so many times the weights of a matrix of 128 * 128."""
    network = LearnedOptimizer(torch.zeros(3, 2), {"W": (128, 128)}, LearnedConfig(**sizes))
    assert round(count_parameters(network.heads) / 128**2) == times
