"""weight_update: the closed form is the least-squares solution of a library."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from worldgen.lm.editors.rewriting.weight_update import updated_weight


class LinearMemory:
    """A random W [H, I], C [I, I], keys [P, I] and residuals [P, H]; fewer keys than would fill the space."""

    def __init__(self, seed: int, size: int, P: int, H: int = 3) -> None:
        rng = np.random.default_rng(seed)
        seen = rng.standard_normal((3 * size, size)) * rng.uniform(0.2, 3, size)
        self.W, self.C = rng.standard_normal((H, size)), seen.T @ seen / len(seen)
        self.keys, self.residuals = rng.standard_normal((P, size)), rng.standard_normal((P, H))

    def updated(self, old: float) -> np.ndarray:
        W, C, keys, residuals = map(torch.tensor, (self.W, self.C, self.keys, self.residuals))
        return updated_weight(W, torch.linalg.cholesky(C), keys, residuals, old).numpy()


memories = st.builds(LinearMemory, st.integers(0, 10**6), st.integers(5, 9), st.integers(1, 4))


@given(memories, st.sampled_from([1e-3, 0.1, 1.0, 30.0]))
def test_it_minimises_the_objective(memory, old):
    """With C = L L^T, old tr(D C D^T) + |D K - R|^2 is the sum of squares of [sqrt(old) L^T; K^T] D^T - [0; R^T]."""
    L = np.linalg.cholesky(memory.C)
    system = np.vstack([np.sqrt(old) * L.T, memory.keys])
    goal = np.vstack([np.zeros((len(L), len(memory.W))), memory.residuals])
    change = np.linalg.lstsq(system, goal, rcond=None)[0].T
    assert np.allclose(memory.updated(old), memory.W + change, atol=1e-7)


@given(memories)
def test_without_old_keys_it_is_the_least_change_that_returns_the_values(memory):
    """Compares it with the stationary point of tr(D C D^T) under D K = R, by the Lagrangian's linear equations."""
    size, P = memory.C.shape[0], len(memory.keys)
    equations = np.block([[memory.C, memory.keys.T], [memory.keys, np.zeros((P, P))]])
    goal = np.vstack([np.zeros((size, len(memory.W))), memory.residuals])
    change = np.linalg.solve(equations, goal)[:size].T
    new = memory.updated(0.0)
    assert np.allclose(new @ memory.keys.T, memory.W @ memory.keys.T + memory.residuals.T, atol=1e-8)
    assert np.allclose(new, memory.W + change, atol=1e-6)


def test_for_one_key_it_is_rome():
    memory = LinearMemory(1, 6, 1)
    (k,), (r,) = memory.keys, memory.residuals
    solved = np.linalg.inv(memory.C) @ k
    assert np.allclose(memory.updated(0.0), memory.W + np.outer(r, solved) / (k @ solved))


def test_a_key_that_is_written_twice_gets_the_mean_value():
    memory = LinearMemory(2, 6, 2)
    memory.keys[1] = memory.keys[0]
    said = memory.updated(0.0) @ memory.keys[0] - memory.W @ memory.keys[0]
    assert np.allclose(said, memory.residuals.mean(axis=0))
