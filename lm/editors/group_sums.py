"""Sums of a tensor's rows by group."""

from __future__ import annotations

import torch


def group_sums(values: torch.Tensor, groups: torch.Tensor, count: int) -> torch.Tensor:
    """Returns the sum of the values [N, ...] of each group, [count, ...]; `groups` [N] is the group of each value."""
    return values.new_zeros(count, *values.shape[1:]).index_add(0, groups, values)
