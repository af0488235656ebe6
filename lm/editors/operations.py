"""The floating point operations of an edit, counted by torch's own counter.

A matrix product counts two operations for each multiply and add; attention counts its two products. Padding is
included. Optimizers, norms, sums and triangular solves are not counted.
Counting makes small work many times slower and can move the last bits of its results. `OperationCounts` therefore
counts each kind of work once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten
Shape = Sequence[int]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def operations_counter() -> FlopCounterMode:
    """Returns a context that counts the operations inside it; its `get_total_flops()` is their number.

    torch has formulas for every device's attention but the CPU's, which are given here.
    """
    formulas = {
        aten._scaled_dot_product_flash_attention_for_cpu: _forward,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
    }
    return FlopCounterMode(display=False, custom_mapping=formulas)


@dataclass
class OperationCounts:
    """The operations of each kind of work, counted once.

    A kind names everything that its number of operations depends on, such as the shape of a batch.
    """

    _known: dict[Hashable, int] = field(default_factory=dict)

    def of(self, kind: Hashable, work: Callable[[], object]) -> int:
        """Returns the operations of this kind of work; calls `work`, which must have no effect, if the kind is new."""
        if kind not in self._known:
            with self.counted(kind):
                work()
        return self._known[kind]

    @contextmanager
    def counted(self, kind: Hashable) -> Iterator[None]:
        """Counts the work done inside the context if the kind is new; only does the work if the kind is known."""
        if kind in self._known:
            yield
            return
        with operations_counter() as counter:
            yield
        self._known[kind] = counter.get_total_flops()

    def known(self, kind: Hashable) -> int:
        """Returns the operations of this kind of work; 0 if work of this kind was never counted."""
        return self._known.get(kind, 0)


@dataclass
class SpentOperations:
    """The operations that one edition has spent, `total`; `counts` may be shared by editions."""

    counts: OperationCounts = field(default_factory=OperationCounts)
    total: int = 0

    def on(
        self, kind: Hashable, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Returns work(*args, **kwargs), which must have no other effect, and adds its operations to the total."""
        self.total += self.counts.of(kind, lambda: work(*args, **kwargs))
        return work(*args, **kwargs)


def _forward(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, _for_each_query_head(query, key), _for_each_query_head(query, value))


def _backward(gradient: Shape, query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    key, value = _for_each_query_head(query, key), _for_each_query_head(query, value)
    return sdpa_backward_flop_count(gradient, query, key, value)


def _for_each_query_head(query: Shape, shared: Shape) -> Shape:
    """Returns the shape of keys or values with one head for each query head.

    torch 2.11 has no formula for key and value heads that several query heads share.
    """
    return (shared[0], query[1], *shared[2:])
