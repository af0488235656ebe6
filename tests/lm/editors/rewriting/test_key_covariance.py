"""key_covariance: the covariance is the naive sum over tokens, and whitened keys vary equally in all directions."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from worldgen.lm.data import TokenShards, epoch_order
from worldgen.lm.editors.rewriting.key_covariance import RIDGE, cholesky_factor, key_covariances, whitening_map
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

SIZE = PretrainConfig(hidden=16, intermediate=24, layers=2, heads=2, kv_heads=2, row_tokens=64)


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "bob", "born in", "paris"])


@pytest.fixture(scope="module")
def shards(tmp_path_factory, tokenizer):
    folder, rng = tmp_path_factory.mktemp("tokens"), np.random.default_rng(0)
    for number in range(2):
        documents = [[1, *rng.integers(3, len(tokenizer), rng.integers(2, 9)), 2] for _ in range(70)]
        np.save(folder / f"train-{number:05d}.npy", np.concatenate(documents).astype(np.uint16))
    return TokenShards(folder, tokenizer.bos_token_id)


def test_a_covariance_with_an_unused_unit_has_a_factor():
    covariance = torch.diag(torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64))
    L = cholesky_factor(covariance)
    assert torch.allclose(L @ L.T, covariance + RIDGE * torch.eye(3, dtype=torch.float64))


@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([1e-12, 1e-3, 0.1, 1e9]))
def test_whitened_keys_vary_equally_in_all_directions(seed, size, ridge):
    """M C M has the eigenvalues c / (c + ridge mean c), scaled so that their sum is that of C's eigenvalues c."""
    keys = np.random.default_rng(seed).normal(size=(3 * size, size)) * np.geomspace(1, 10, size)
    C = keys.T @ keys / len(keys)
    M = whitening_map(torch.from_numpy(C), ridge).numpy()
    assert np.allclose(M, M.T)
    found, c = np.linalg.eigvalsh(M @ C @ M), np.linalg.eigvalsh(C)
    shape = c / (c + ridge * c.mean())
    assert np.allclose(found, shape * c.sum() / shape.sum(), rtol=1e-6)


def test_with_a_large_ridge_keys_stay_as_they_are_and_an_unused_unit_does_no_harm():
    covariance = torch.diag(torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64))
    assert torch.allclose(whitening_map(covariance, 1e9), torch.eye(3, dtype=torch.float64), atol=1e-6)
    assert torch.isfinite(whitening_map(covariance, 1e-3)).all()


@contextmanager
def recorded_inputs(module):
    """Records the module's inputs, call by call."""
    seen = []
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    yield seen
    hook.remove()


def naive_covariance(model, documents):
    """Returns the mean of k k^T over every token of every document, with k = silu(gate) up written out."""
    total, tokens = 0.0, 0
    for ids in documents:
        mlp = model.model.layers[1].mlp
        with torch.no_grad(), recorded_inputs(mlp) as seen:
            model.model(torch.tensor(ids.astype(np.int64))[None])
            x = seen[0][0]
            keys = (torch.nn.functional.silu(x @ mlp.gate_proj.weight.T) * (x @ mlp.up_proj.weight.T)).double().numpy()
        total, tokens = total + sum(np.outer(k, k) for k in keys), tokens + len(keys)
    return total / tokens


def test_the_covariance_is_the_naive_one(tokenizer, shards):
    model = new_model(SIZE, tokenizer, seed=0)
    everything = key_covariances(model, shards, [0, 1], 10**6, seed=5)
    assert list(everything) == [0, 1]
    assert everything[1].dtype == torch.float64
    documents = [shards.document(i) for i in range(len(shards))]
    assert np.allclose(everything[1].numpy(), naive_covariance(model, documents), rtol=1e-4, atol=1e-12)  # float32 keys
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_the_fewest_documents_with_enough_tokens_are_read(tokenizer, shards):
    model = new_model(SIZE, tokenizer, seed=0)
    order = epoch_order(len(shards), 5, 0)
    two = [shards.document(i) for i in order[:2]]
    for tokens in (len(two[0]) + 1, len(two[0]) + len(two[1])):
        some = key_covariances(model, shards, [1], tokens, seed=5)[1]
        assert np.allclose(some.numpy(), naive_covariance(model, two), rtol=1e-4, atol=1e-12)
