"""Asking a model of which each edition has weights of its own.

Shapes: E editions, P weights of an edition, B rows of a batch, T tokens of a row, N tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from worldgen.lm.editors.tuning.matrices import Blocks


class OwnWeights:
    """Each edition's own weights of some blocks, and the edition that each row of the coming batch belongs to."""

    def __init__(self, blocks: Blocks, rows: torch.Tensor) -> None:
        """Takes the weights of all blocks as `rows` [E, P] (see `worldgen.lm.editors.tuning.matrices.row_of`)."""
        modules = [module for own in blocks.values() for module in own]
        parts = rows.split([module.weight.numel() for module in modules], dim=1)
        self.weights = {
            module: part.unflatten(1, module.weight.shape) for module, part in zip(modules, parts, strict=True)
        }  # [E, out, in] of each module
        self.device = rows.device
        self.route([0])

    def route(self, editions: Sequence[int]) -> None:
        """Sets the edition of each row of the coming batch; a single entry is the edition of all rows."""
        self.rows = torch.tensor(editions, device=self.device)
        self.grouping = _Grouping(self.rows)

    @contextmanager
    def inserted(self) -> Iterator[None]:
        """Has each row go through the weights of its own edition, and not through the model's weights."""
        for module, weights in self.weights.items():
            if isinstance(module, nn.Embedding):
                module.forward = partial(self._embedded, weights)  # type: ignore[method-assign]
            else:
                module.forward = partial(self._product, weights)  # type: ignore[method-assign]
                # The head reads single tokens: see `worldgen.lm.model.next_token_logits`.
                module.of_rows = partial(self._product_of_tokens, weights)  # type: ignore[assignment]
        try:
            yield
        finally:
            for module in self.weights:
                module.__dict__.pop("forward")
                module.__dict__.pop("of_rows", None)

    def _embedded(self, weights: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Returns the embeddings of ids [B, T]; `weights` [E, V, H]."""
        return weights[self.rows[:, None], ids]

    def _product(self, weights: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Returns W x for each x of states [B, T, in]; `weights` [E, out, in]."""
        return self.grouping.product(weights, states)

    def _product_of_tokens(self, weights: torch.Tensor, states: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns W x for each x of states [N, in]; `rows` [N] is each one's row of the batch."""
        editions = self.rows[rows] if len(self.rows) > 1 else self.rows
        return _Grouping(editions).product(weights, states)


class _Grouping:
    """The entries of a batch by edition: a product for each edition, of all its entries, without copies of weights."""

    def __init__(self, editions: torch.Tensor) -> None:
        self.order = editions.argsort(stable=True)
        present, counts = editions[self.order].unique_consecutive(return_counts=True)
        self.present, self.counts = present.tolist(), counts.tolist()
        self.back = self.order.argsort()

    def product(self, weights: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Returns W x for each entry of `states`, along its first axis; `weights` [E, out, in], an edition's W."""
        if len(self.present) == 1:
            return functional.linear(states, weights[self.present[0]])
        parts = states[self.order].split(self.counts)
        products = [functional.linear(part, weights[e]) for e, part in zip(self.present, parts, strict=True)]
        return torch.cat(products)[self.back]
