"""The change of one weight matrix: A and B of rank one, and a gate.

A head's output has five parts, in this order: u_A [d2], v_A [d1], u_B [d2], v_B [d1], eta [1].
    A = softmax(v_A) u_A^T,  B = softmax(v_B) u_B^T,  Delta W = sigma(eta) (A o G + B),
where G = dL/dW is the gradient of the request's loss, a constant, and o multiplies entry by entry. The paper's
max_scale is 1. The change is added: its sign is learned.
The gradient is a sum of outer products over the tokens read, G = sum over t of e_t x_t^T, with the products' inputs x
and the loss's gradients e in their outputs. So the change has rank T + 1, and its factors are cheaper than itself:
    Delta W = sigma(eta) [sum over t of (a o e_t) (u_A o x_t)^T + b u_B^T],  a = softmax(v_A),  b = softmax(v_B).
Shapes: S updates, T tokens, W [d1, d2].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch


class Maps(NamedTuple):
    """A and B as factors, and the gate, of S updates."""

    rows_a: torch.Tensor
    """a [S, d1], sums to one"""
    columns_a: torch.Tensor
    """u_A [S, d2]"""
    rows_b: torch.Tensor
    """b [S, d1], sums to one"""
    columns_b: torch.Tensor
    """u_B [S, d2]"""
    gate: torch.Tensor
    """sigma(eta) [S, 1]"""


class Factors(NamedTuple):
    """A change [S, d1, d2] of each update's matrix as left^T right; R is its rank at most."""

    left: torch.Tensor
    """[S, R, d1]"""
    right: torch.Tensor
    """[S, R, d2]"""

    def times(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns Delta W x for each x of inputs [S, M, d2]: [S, M, d1]."""
        return torch.bmm(torch.bmm(inputs, self.right.mT), self.left)

    def select(self, updates: torch.Tensor) -> Factors:
        """Returns the factors of some updates, given by their numbers or as [S] of bool."""
        return Factors(self.left[updates], self.right[updates])

    def dense(self) -> torch.Tensor:
        """Returns the change itself, [S, d1, d2]."""
        return torch.bmm(self.left.mT, self.right)


Changes = Mapping[str, Factors]  # by the matrix's name
Tensors = Mapping[str, torch.Tensor]


def maps_of(output: torch.Tensor, shape: tuple[int, int]) -> Maps:
    """Returns the maps that a head's output [S, 2 (d1 + d2) + 1] stands for."""
    d1, d2 = shape
    columns_a, rows_a, columns_b, rows_b, eta = output.split([d2, d1, d2, d1, 1], dim=-1)
    return Maps(rows_a.softmax(dim=-1), columns_a, rows_b.softmax(dim=-1), columns_b, eta.sigmoid())


def dense_change(maps: Maps, gradient: torch.Tensor) -> torch.Tensor:
    """Returns Delta W [S, d1, d2], written out; `gradient` [S, d1, d2]."""
    A = maps.rows_a[:, :, None] * maps.columns_a[:, None, :]
    B = maps.rows_b[:, :, None] * maps.columns_b[:, None, :]
    return maps.gate[:, :, None] * (A * gradient + B)


def changes_of(outputs: Tensors, shapes: Mapping[str, tuple[int, int]], errors: Tensors, inputs: Tensors) -> Changes:
    """Returns the change of every matrix from its head's output, its shape and what makes up its gradient."""
    return {
        name: change_of(maps_of(output, shapes[name]), errors[name], inputs[name]) for name, output in outputs.items()
    }


def change_of(maps: Maps, errors: torch.Tensor, inputs: torch.Tensor) -> Factors:
    """Returns Delta W as factors; `errors` e [S, T, d1] and `inputs` x [S, T, d2] make up the gradient."""
    left = torch.cat([maps.rows_a[:, None] * errors, maps.rows_b[:, None]], dim=1)
    right = torch.cat([maps.columns_a[:, None] * inputs, maps.columns_b[:, None]], dim=1)
    return Factors(maps.gate[:, None] * left, right)
