"""worldgen.lm.loss: loss and gradients equal those of all logits at once; memory of one chunk; no product twice."""

from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from worldgen.lm.data import IGNORED
from worldgen.lm.loss import head_loss

N, H, V = 50, 4, 30


def in_chunks_of(rows, vocabulary=V):
    """Sets the bound on a chunk's bytes so that a chunk has `rows` rows."""
    return mock.patch("worldgen.lm.loss.CHUNK_BYTES", 4 * vocabulary * rows)


def drawn(n=N, h=H, v=V, dtype=torch.float32, seed=0):
    """Returns a head whose probabilities are far from uniform, states, and targets; every fifth target is IGNORED."""
    generator = torch.Generator().manual_seed(seed)
    head = nn.Linear(h, v, bias=False, dtype=dtype)
    head.weight.data = 2 * torch.randn(v, h, dtype=dtype, generator=generator)
    targets = torch.randint(v, (n,), generator=generator)
    targets[::5] = IGNORED
    return head, torch.randn(n, h, dtype=dtype, generator=generator, requires_grad=True), targets


def whole_loss(head, states, targets):
    """Returns the loss by the oracle: all logits at once, differentiated by torch."""
    logits = head(states)
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return functional.cross_entropy(wide, targets, ignore_index=IGNORED, reduction="sum")


def with_gradients(loss, head, states, targets):
    """Returns the loss, and the derivatives of loss / 3 by states and weight."""
    value = loss(head, states, targets)
    return value.detach(), *torch.autograd.grad(value / 3, [states, head.weight])


def assert_close(some, others, tolerance):
    for a, b in zip(some, others, strict=True):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@given(
    seed=st.integers(0, 2**32), n=st.integers(0, 12), h=st.integers(1, 6), v=st.integers(1, 9),
    rows=st.integers(1, 14), ignored=st.sets(st.integers(0, 11)), dtype=st.sampled_from([torch.float32, torch.float64]),
)  # fmt: skip
def test_loss_and_gradients_equal_those_of_all_logits_at_once(seed, n, h, v, rows, ignored, dtype):
    head, states, targets = drawn(n, h, v, dtype, seed)
    targets.clamp_(min=0)[[i for i in ignored if i < n]] = IGNORED
    expected = with_gradients(whole_loss, head, states, targets)
    with in_chunks_of(rows, v):
        found = with_gradients(head_loss, head, states, targets)
    assert_close(found, expected, 1e-12 if dtype == torch.float64 else 1e-5)  # some sums of at most 12 terms
    assert not found[1][targets == IGNORED].any()


@pytest.mark.parametrize("rows", [7, 1000])
def test_if_nothing_is_predicted_loss_and_gradients_are_zero(rows):
    head, states, targets = drawn()
    with in_chunks_of(rows):
        found = with_gradients(head_loss, head, states, targets.fill_(IGNORED))
    assert not any(tensor.any() for tensor in found)


def test_gradients_agree_with_finite_differences():
    head, states, targets = drawn(n=9, dtype=torch.float64)

    def loss(states, weight):
        return head_loss(SimpleNamespace(weight=weight, bias=None), states, targets)

    with in_chunks_of(4):
        assert torch.autograd.gradcheck(loss, (states, head.weight))


class LargestTensor(TorchDispatchMode):
    """Records the number of elements of the largest tensor that any operation makes."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            self.numel = max(self.numel, tensor.numel() if isinstance(tensor, torch.Tensor) else 0)
        return made


@pytest.mark.parametrize(("rows", "most"), [(7, 7), (10, 10), (49, 25), (50, 50)])
def test_no_tensor_is_larger_than_a_chunks_logits(rows, most):
    """50 positions are cut into the fewest chunks of nearly one size: 8 of 7 (the last of 1), 5 of 10, 2 of 25, 1."""
    with in_chunks_of(rows), LargestTensor() as largest:
        with_gradients(head_loss, *drawn())
    assert largest.numel == most * V
    with LargestTensor() as largest:
        with_gradients(whole_loss, *drawn())
    assert largest.numel == N * V


def products(loss, *inputs):
    """Returns the number of multiplications and additions, and the result."""
    with FlopCounterMode(display=False) as counter:
        found = loss(*inputs)
    return counter.get_total_flops(), found


@pytest.mark.parametrize("rows", [7, 50])
def test_no_product_is_made_twice(rows):
    with in_chunks_of(rows):
        assert products(with_gradients, head_loss, *drawn())[0] == 3 * 2 * N * H * V


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_without_gradients_none_is_computed(without):
    expected = whole_loss(*drawn())
    with without(), in_chunks_of(7):
        flops, loss = products(head_loss, *drawn())
    assert flops == 2 * N * H * V
    assert not loss.requires_grad
    torch.testing.assert_close(loss, expected.detach())


def test_frozen_states_or_weights_get_no_gradient():
    head, states, targets = drawn()
    _, by_states, by_weight = with_gradients(whole_loss, head, states, targets)
    with in_chunks_of(7):
        flops, (found,) = products(torch.autograd.grad, head_loss(head, states.detach(), targets) / 3, head.weight)
        torch.testing.assert_close(found, by_weight)
        head.requires_grad_(False)
        flops, loss = products(head_loss, head, states, targets)
        assert flops == 2 * 2 * N * H * V
        torch.testing.assert_close(*torch.autograd.grad(loss / 3, states), by_states)


def in_bfloat16(loss, *inputs):
    with torch.autocast("cpu", torch.bfloat16):
        return with_gradients(loss, *inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_products_are_in_bfloat16(dtype):
    """`nn.Linear` does the same under autocast. FSDP2 gathers weights in bfloat16 on a GPU."""
    expected = in_bfloat16(whole_loss, *drawn(dtype=dtype))
    with in_chunks_of(7):
        found = in_bfloat16(head_loss, *drawn(dtype=dtype))
    torch.testing.assert_close(found[0], expected[0])  # the same logits, to the bit
    assert (found[0] - whole_loss(*drawn())).abs() > 1e-3
    for a, b in zip(found[1:], expected[1:], strict=True):
        assert a.dtype == b.dtype == dtype
        assert (a - b).norm() < 2**-8 * b.norm()  # a bfloat16 has 8 bits


def test_under_autocast_chunks_are_added_up_in_float32():
    """With a chunk for each position the error is no larger than with one chunk."""
    exact = with_gradients(whole_loss, *drawn(n=400, h=16))[2]
    errors = []
    for rows in (1, 400):
        with in_chunks_of(rows):
            errors.append((in_bfloat16(head_loss, *drawn(n=400, h=16))[2] - exact).norm())
    assert errors[0] < 1.2 * errors[1]


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_it_compiles_to_one_graph_with_the_same_numbers(backend, autocast):
    head, states, targets = drawn()
    torch._dynamo.reset()
    with in_chunks_of(7), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        expected = with_gradients(head_loss, head, states, targets)
        compiled = torch.compile(head_loss, backend=backend, dynamic=False, fullgraph=True)
        found = with_gradients(compiled, head, states, targets)
        with torch.no_grad():
            torch.testing.assert_close(compiled(head, states, targets), expected[0])
    for a, b in zip(found, expected, strict=True):
        assert (a - b).norm() <= (2**-8 if autocast else 1e-6) * b.norm()


def test_a_second_derivative_is_refused():
    head, states, targets = drawn()
    scale = torch.ones((), requires_grad=True)
    (gradient,) = torch.autograd.grad(scale * head_loss(head, states, targets), states, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
