"""weight_changes: A and B have rank one, and factors are the change written out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from worldgen.lm.editors.learned.weight_changes import change_of, changes_of, dense_change, maps_of

sizes = st.integers(1, 5)


def drawn(seed: int, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in shapes]


@given(sizes, sizes, sizes, sizes, st.integers(0, 99))
def test_factors_are_the_change_written_out(S, T, d1, d2, seed):
    output, errors, inputs, states = drawn(seed, (S, 2 * (d1 + d2) + 1), (S, T, d1), (S, T, d2), (S, 3, d2))
    gradient = torch.einsum("sti,stj->sij", errors, inputs)
    maps = maps_of(output, (d1, d2))
    dense, factors = dense_change(maps, gradient), change_of(maps, errors, inputs)
    assert factors.left.shape[1] == T + 1
    assert torch.allclose(factors.dense(), dense, rtol=0, atol=1e-12)  # float64
    assert torch.allclose(factors.times(states), states @ dense.mT, rtol=0, atol=1e-12)
    assert torch.equal(factors.select(torch.tensor([S - 1])).left[0], factors.left[S - 1])
    (named,) = changes_of({"W": output}, {"W": (d1, d2)}, {"W": errors}, {"W": inputs}).values()
    assert torch.equal(named.dense(), factors.dense())


def test_a_change_by_hand():
    """d1 = 2, d2 = 1: u_A = 3, v_A = (0, 0), u_B = 5, v_B = (log 3, 0), eta = log 4, so sigma(eta) = 4/5."""
    output = torch.tensor([[3.0, 0.0, 0.0, 5.0, torch.tensor(3.0).log(), 0.0, torch.tensor(4.0).log()]])
    gradient = torch.tensor([[[1.0], [-2.0]]])
    # 4/5 (1/2 * 3 * 1 + 3/4 * 5) and 4/5 (1/2 * 3 * -2 + 1/4 * 5)
    expected = torch.tensor([[[4.2], [-1.4]]])
    assert torch.allclose(dense_change(maps_of(output, (2, 1)), gradient), expected)


@pytest.mark.parametrize("which", ["A", "B"])
def test_a_map_has_rank_one_and_its_rows_share_one(which):
    """With a gradient of ones and no B the change is the gate times A; with no gradient it is the gate times B."""
    d1, d2 = 6, 4
    (output,) = drawn(0, (1, 2 * (d1 + d2) + 1))
    maps = maps_of(output, (d1, d2))
    if which == "A":
        gradient, maps = torch.ones(1, d1, d2, dtype=torch.float64), maps._replace(columns_b=maps.columns_b * 0)
    else:
        gradient = torch.zeros(1, d1, d2, dtype=torch.float64)
    change = dense_change(maps, gradient)[0]
    assert torch.linalg.matrix_rank(change) == 1
    columns = maps.columns_a if which == "A" else maps.columns_b
    assert torch.allclose(change.sum(dim=0), maps.gate[0] * columns[0])  # softmax is over the rows
