"""linear_memory: the closed form against least squares solved by a library, the covariance against a naive sum."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from worldgen.lm.data import TokenShards, epoch_order
from worldgen.lm.editors.rewriting.key_covariance import RIDGE, cholesky_factor, key_covariances, whitening_map
from worldgen.lm.editors.rewriting.weight_update import updated_weight
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = PretrainConfig(hidden=16, intermediate=24, layers=2, heads=2, kv_heads=2, row_tokens=64)


class Memory:
    """A random W [H, I], C [I, I], keys [P, I] and residuals [P, H]; fewer keys than would fill the space."""

    def __init__(self, seed: int, size: int, P: int, H: int = 3) -> None:
        rng = np.random.default_rng(seed)
        seen = rng.standard_normal((3 * size, size)) * rng.uniform(0.2, 3, size)
        self.W, self.C = rng.standard_normal((H, size)), seen.T @ seen / len(seen)
        self.keys, self.residuals = rng.standard_normal((P, size)), rng.standard_normal((P, H))

    def rewritten(self, old: float) -> np.ndarray:
        factor = torch.linalg.cholesky(torch.tensor(self.C))
        return updated_weight(
            *map(torch.tensor, (self.W,)), factor, *map(torch.tensor, (self.keys, self.residuals)), old
        ).numpy()


memories = st.builds(Memory, st.integers(0, 10**6), st.integers(5, 9), st.integers(1, 4))


@given(memories, st.sampled_from([1e-3, 0.1, 1.0, 30.0]))
def test_it_minimises_the_objective(memory, old):
    """old tr(D C D^T) + |D K - R|^2 is the sum of squares of [sqrt(old) L^T; K^T] D^T - [0; R^T], with C = L L^T."""
    L = np.linalg.cholesky(memory.C)
    system = np.vstack([np.sqrt(old) * L.T, memory.keys])
    goal = np.vstack([np.zeros((len(L), len(memory.W))), memory.residuals])
    change = np.linalg.lstsq(system, goal, rcond=None)[0].T
    assert np.allclose(memory.rewritten(old), memory.W + change, atol=1e-7)


@given(memories)
def test_without_old_keys_it_is_the_least_change_that_says_it_all(memory):
    """The stationary point of tr(D C D^T) under D K = R, by its Lagrangian's linear equations."""
    size, P = memory.C.shape[0], len(memory.keys)
    equations = np.block([[memory.C, memory.keys.T], [memory.keys, np.zeros((P, P))]])
    goal = np.vstack([np.zeros((size, len(memory.W))), memory.residuals])
    change = np.linalg.solve(equations, goal)[:size].T
    new = memory.rewritten(0.0)
    assert np.allclose(new @ memory.keys.T, memory.W @ memory.keys.T + memory.residuals.T, atol=1e-8)
    assert np.allclose(new, memory.W + change, atol=1e-6)


def test_of_one_key_it_is_rome():
    memory = Memory(1, 6, 1)
    (k,), (r,) = memory.keys, memory.residuals
    solved = np.linalg.inv(memory.C) @ k
    assert np.allclose(memory.rewritten(0.0), memory.W + np.outer(r, solved) / (k @ solved))


def test_of_a_key_that_is_written_twice_the_value_is_the_mean():
    memory = Memory(2, 6, 2)
    memory.keys[1] = memory.keys[0]
    said = memory.rewritten(0.0) @ memory.keys[0] - memory.W @ memory.keys[0]
    assert np.allclose(said, memory.residuals.mean(axis=0))


def test_a_unit_that_is_never_used_does_no_harm():
    covariance = torch.diag(torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64))
    L = cholesky_factor(covariance)
    assert torch.allclose(L @ L.T, covariance + RIDGE * torch.eye(3, dtype=torch.float64))


@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([1e-12, 1e-3, 0.1, 1e9]))
def test_whitened_keys_vary_alike_in_all_directions(seed, size, ridge):
    """M C M has the eigenvalues c / (c + ridge mean c), of C's c, times what leaves their sum as it was."""
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


@contextmanager
def gathering(module):
    """What the module is given, call by call."""
    seen = []
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    yield seen
    hook.remove()


def naive(model, documents):
    """The sum over every token of every document, read alone, of silu(gate) up as the formula has it."""
    total, tokens = 0.0, 0
    for ids in documents:
        mlp = model.model.layers[1].mlp
        with torch.no_grad(), gathering(mlp) as seen:
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
    assert np.allclose(everything[1].numpy(), naive(model, documents), rtol=1e-4, atol=1e-12)  # float32 keys
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_of_so_many_tokens_it_takes_the_fewest_documents(tokenizer, shards):
    model = new_model(SIZE, tokenizer, seed=0)
    order = epoch_order(len(shards), 5, 0)
    two = [shards.document(i) for i in order[:2]]
    for tokens in (len(two[0]) + 1, len(two[0]) + len(two[1])):
        some = key_covariances(model, shards, [1], tokens, seed=5)[1]
        assert np.allclose(some.numpy(), naive(model, two), rtol=1e-4, atol=1e-12)
