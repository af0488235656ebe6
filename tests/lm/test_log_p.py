"""worldgen.lm.log_p: equal to the definition, one position after another; gradients as of torch's cross entropy."""

import pytest
import torch
from torch.nn import functional

from worldgen.lm.log_p import log_p_of_targets, log_p_of_texts, log_p_of_tokens
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import Text, pad
from worldgen.lm.tokenizer import train_word_tokenizer

TEXTS = [Text([1, 11, 12, 13, 5], 2), Text([1, 12, 4, 11, 13, 12, 5], 1), Text([1, 13], 1)]


@pytest.fixture(scope="module")
def model():
    tokenizer = train_word_tokenizer(["ada", "born", "in"])
    size = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=2, row_tokens=64)
    model = new_model(size, tokenizer, seed=0).eval()
    with torch.no_grad():
        model.lm_head.weight.mul_(20)  # far from uniform
    return model


@torch.no_grad()
def by_hand(model, text):
    """log p of each asked token, from all logits of one text."""
    log_p = torch.log_softmax(model(input_ids=torch.tensor([text.ids])).logits[0].double(), -1)
    return [log_p[place - 1, text.ids[place]].item() for place in range(len(text.ids) - text.asked, len(text.ids))]


def test_tokens_and_texts_have_the_probabilities_of_the_definition(model):
    batch, expected = pad(TEXTS, torch.device("cpu")), [by_hand(model, text) for text in TEXTS]
    of_tokens, of_texts = log_p_of_tokens(model, batch), log_p_of_texts(model, batch)
    assert of_tokens.tolist() == pytest.approx([log_p for text in expected for log_p in text], rel=1e-5)
    assert of_texts.tolist() == pytest.approx([sum(text) for text in expected], rel=1e-5)
    assert (of_tokens.dtype, of_texts.dtype) == (torch.float32, torch.float64)
    assert of_tokens.requires_grad
    assert not of_texts.requires_grad


def test_it_is_minus_the_cross_entropy_to_the_bit_and_so_is_its_gradient():
    generator = torch.Generator().manual_seed(0)
    logits = (5 * torch.randn(40, 30, generator=generator)).requires_grad_()
    targets = torch.randint(30, (40,), generator=generator)
    ours, theirs = -log_p_of_targets(logits, targets), functional.cross_entropy(logits, targets, reduction="none")
    assert torch.equal(ours, theirs)
    weights = torch.rand(40, generator=generator)
    gradients = [torch.autograd.grad((losses * weights).sum(), logits)[0] for losses in (ours, theirs)]
    assert torch.equal(*gradients)
