"""worldgen.lm.inspection.causal_tracing: on a model with one working attention and MLP all effects are known."""

import numpy as np
import pytest
import torch

from worldgen.lm.inspection.causal_tracing import Site, TracedQuestion, embedding_deviation, sites_of, trace
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=4, heads=4, kv_heads=4, row_tokens=64)
MLP, ATTENTION = 1, 2  # the layers whose MLP and whose attention are not nothing
QUESTIONS = [TracedQuestion("ada", "ada born in", "paris", 3), TracedQuestion("bob", "bob job", "baker", 4)]


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "bob", "born in", "job", "paris", "baker", "san salvador"])


@pytest.fixture(scope="module")
def model(tokenizer):
    """Returns a model in which only layer 1's MLP changes the subject's state and only layer 2's attention reads it."""
    model = new_model(SIZE, tokenizer, seed=0).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
        for number, layer in enumerate(model.model.layers):
            layer.mlp.down_proj.weight.mul_(400.0 if number == MLP else 0.0)
            layer.self_attn.o_proj.weight.mul_(10.0 if number == ATTENTION else 0.0)
        model.lm_head.weight.mul_(10)
    return model


def traced(model, tokenizer, questions=QUESTIONS, window=1, draws=3):
    return trace(model, tokenizer, questions, noise=0.5, draws=draws, window=window)


def test_restoring_a_site_has_the_effect_that_the_model_implies(model, tokenizer):
    found = traced(model, tokenizer)
    asked = [(question.prompt, question.target) for question in QUESTIONS]
    assert np.allclose(found.clean, np.exp(log_probabilities(model, tokenizer, asked)), rtol=1e-5)
    harm = np.abs(found.corrupted - found.clean)
    assert (harm > 4e-4).all()  # many times the tolerances below
    everything = {Site("subject", "state", layer) for layer in range(ATTENTION)}
    everything |= {Site("relation", "state", layer) for layer in range(ATTENTION, 4)}
    everything |= {Site("relation", "attention", ATTENTION)}
    assert set(found.restored) == set(sites_of(4))
    for site, restored in found.restored.items():
        if site in everything:
            assert np.allclose(restored, found.clean, rtol=1e-4), site
        elif site == Site("subject", "mlp", MLP):
            # What the MLP says is hundreds of times what the noise adds beside it.
            assert (np.abs(restored - found.clean) < 0.05 * harm).all()
        else:
            assert np.allclose(restored, found.corrupted, rtol=1e-4), site


def test_a_window_restores_neighbouring_layers_too(model, tokenizer):
    found = traced(model, tokenizer, window=3)
    alone = traced(model, tokenizer).restored
    for layer, reaches in enumerate([True, True, True, False]):
        restored = found.restored[Site("subject", "mlp", layer)]
        assert np.allclose(restored, alone[Site("subject", "mlp", MLP)] if reaches else found.corrupted, rtol=1e-4)
    assert np.allclose(found.restored[Site("subject", "state", 2)], found.corrupted, rtol=1e-4)


def test_a_question_is_the_same_in_any_batch(model, tokenizer):
    longer = TracedQuestion("ada", "ada born in", "san salvador", 9)
    together = traced(model, tokenizer, [*QUESTIONS, longer])
    for number, question in enumerate([*QUESTIONS, longer]):
        alone = traced(model, tokenizer, [question])
        assert alone.corrupted[0] == pytest.approx(together.corrupted[number], rel=1e-4)
        for site, restored in alone.restored.items():
            assert restored[0] == pytest.approx(together.restored[site][number], rel=1e-4), site


def test_the_mean_is_over_the_draws(model, tokenizer):
    """The mean over few draws differs from the mean over many; other seeds give nearly the same mean over many."""
    one, many = (traced(model, tokenizer, draws=draws) for draws in (1, 400))
    assert not np.allclose(one.corrupted, many.corrupted, rtol=1e-3)
    other = traced(model, tokenizer, [question._replace(seed=question.seed + 50) for question in QUESTIONS], draws=400)
    assert np.allclose(other.corrupted, many.corrupted, rtol=0.2)  # sampling error of 400 draws


def test_noise_is_added_to_the_subject_only(model, tokenizer, monkeypatch):
    seen = []
    forward = model.model.layers[0].forward
    monkeypatch.setattr(model.model.layers[0], "forward", lambda x, **rest: (seen.append(x), forward(x, **rest))[1])
    traced(model, tokenizer, QUESTIONS[:1], draws=2000)
    noise = seen[1] - seen[0]
    assert noise.shape[0] == 2000
    assert (noise[:, [0, 2, 3]] == 0).all()
    assert noise[:, 1].std() == pytest.approx(0.5, rel=0.02)  # 64,000 numbers: five standard errors are 0.014


def test_the_deviation_is_that_of_the_subjects_embeddings(model, tokenizer):
    table = model.model.embed_tokens.weight.detach()
    rows = [tokenizer.convert_tokens_to_ids(word) for word in ("ada", "san", "salvador")]
    assert embedding_deviation(model, tokenizer, ["ada", "san salvador"]) == pytest.approx(table[rows].std().item())


def test_no_hook_is_left_in_the_model(model, tokenizer):
    traced(model, tokenizer)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
