"""A Mistral whose edited matrices are each update's own: changes as factors, gradients as factors.

Nothing of the size of S matrices is made but the weights that earlier steps have left, and no gradient of a matrix at
all (`worldgen.lm.editors.learned.weight_changes`).
Shapes: S updates, R texts of an update, T tokens, N asked tokens, P edited weights, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch.nn import functional
from transformers import MistralForCausalLM

from worldgen.lm.editors.learned.edited_matrices import edited_matrices
from worldgen.lm.editors.learned.objective import wide_log_softmax
from worldgen.lm.editors.learned.weight_changes import Changes
from worldgen.lm.editors.tuning.matrices import all_blocks, as_matrices, parameters_of, row_of
from worldgen.lm.editors.tuning.stacked_mistral import StackedMistral
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts
from worldgen.lm.editors.tuning.steps import predicted_texts


class Gradient(NamedTuple):
    """The gradient of each update's own loss in its own weights."""

    losses: torch.Tensor
    """[S]: the mean over the text's asked tokens of -log p."""
    predicted: torch.Tensor
    """[S]: whether the model predicts the text already."""
    errors: dict[str, torch.Tensor]
    """e [S, T, d1] of each matrix."""
    inputs: dict[str, torch.Tensor]
    """x [S, T, d2] of each matrix: its gradient is the sum over t of e_t x_t^T."""


class ChangedMistral:
    """The model, and where its edited matrices are."""

    def __init__(self, model: MistralForCausalLM) -> None:
        self.mistral, self.device = StackedMistral(model, {}), model.device
        self.blocks = {name: own for name, own in all_blocks(model).items() if name not in ("embedding", "head")}
        name_of = {id(matrix): name for name, matrix in edited_matrices(model).items()}
        self.names = {
            block: [(name_of[id(module.weight)], len(module.weight)) for module in own]
            for block, own in self.blocks.items()
        }  # a block's matrices from top to bottom, and their numbers of rows
        assert len(name_of) == len(parameters_of(self.blocks)), "blocks hold all edited matrices"

    def base_rows(self, count: int) -> torch.Tensor:
        """Returns `count` copies of the edited weights, [count, P], laid out as `matrices.row_of` does it."""
        return row_of(self.blocks).repeat(count, 1)

    def logits(self, texts: StackedTexts, rows: torch.Tensor | None, changes: Changes | None = None) -> torch.Tensor:
        """Returns the logits [S, N, V] of the asked tokens, by the weights `rows` [S, P] plus `changes`.

        The model's own weights are taken where `rows` is None.
        """
        weights = {} if rows is None else as_matrices(rows, self.blocks)

        def product(block: str, inputs: torch.Tensor) -> torch.Tensor:
            outputs = self._product(weights, block, inputs)
            if changes is None or not self._is_changed(block, changes):
                return outputs
            return outputs + torch.cat([changes[name].times(inputs) for name, _ in self.names[block]], dim=-1)

        return self.mistral.logits_by(product, self.mistral.embedded({}, texts), texts)

    def gradient(self, texts: StackedTexts, rows: torch.Tensor | None) -> Gradient:
        """Returns the gradient at these weights; `texts` has one text for each update."""
        weights = {} if rows is None else as_matrices(rows, self.blocks)
        shifts: dict[str, torch.Tensor] = {}  # zeros, added to what a block gives: their gradient is e
        read: dict[str, torch.Tensor] = {}

        def product(block: str, inputs: torch.Tensor) -> torch.Tensor:
            outputs = self._product(weights, block, inputs)
            if block not in self.names:
                return outputs
            read[block] = inputs.detach()
            shifts[block] = torch.zeros_like(outputs, requires_grad=True)
            return outputs + shifts[block]

        with torch.enable_grad():
            logits = self.mistral.logits_by(product, self.mistral.embedded({}, texts), texts)
            losses = text_losses(logits, texts)
            errors = torch.autograd.grad(losses.sum(), list(shifts.values()))
        result = Gradient(losses.detach(), predicts_first(logits, texts), {}, {})
        for block, error in zip(shifts, errors, strict=True):
            parts = error.split([count for _, count in self.names[block]], dim=-1)
            for (name, _), part in zip(self.names[block], parts, strict=True):
                result.errors[name], result.inputs[name] = part, read[block]
        return result

    @torch.no_grad()
    def reading_inputs(
        self, texts: StackedTexts, rows: torch.Tensor | None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Returns the logits [S, N, V], and what each block reads, [S, M, in], at the weights `rows` [S, P]."""
        weights = {} if rows is None else as_matrices(rows, self.blocks)
        read: dict[str, torch.Tensor] = {}

        def product(block: str, inputs: torch.Tensor) -> torch.Tensor:
            read[block] = inputs
            return self._product(weights, block, inputs)

        return self.mistral.logits_by(product, self.mistral.embedded({}, texts), texts), read

    @torch.no_grad()
    def reading(self, texts: StackedTexts, rows: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the loss at these weights, [S], and whether the text is predicted, [S]; as `gradient`, without it."""
        logits = self.logits(texts, rows)
        return text_losses(logits, texts), predicts_first(logits, texts)

    @torch.no_grad()
    def add(self, rows: torch.Tensor, members: torch.Tensor, changes: Changes) -> None:
        """Adds the changes of some updates to their rows [S, P], in place; `members` are these rows' numbers.

        A matrix that has no change stays as it is.
        """
        names = [pair for own in self.names.values() for pair in own]
        matrices = parameters_of(self.blocks)
        parts = rows.split([matrix.numel() for matrix in matrices], dim=1)
        for name, part in ((name, part) for (name, _), part in zip(names, parts, strict=True) if name in changes):
            part.index_add_(0, members, changes[name].dense().flatten(1))

    def _is_changed(self, block: str, changes: Changes) -> bool:
        """Returns whether the block's matrices have changes: all of them, or none."""
        return all(name in changes for name, _ in self.names.get(block, [("", 0)]))

    def _product(self, weights: Mapping[str, torch.Tensor], block: str, inputs: torch.Tensor) -> torch.Tensor:
        if block in weights:
            return torch.bmm(inputs, weights[block].mT)
        return functional.linear(inputs, self.mistral.shared[block])


def text_losses(logits: torch.Tensor, texts: StackedTexts) -> torch.Tensor:
    """Returns the mean over the asked tokens of -log p of each update's only text, [S]; `logits` [S, N, V]."""
    log_p = wide_log_softmax(logits).gather(-1, texts.targets[..., None])[..., 0]
    real = texts.rows < len(texts.ids)
    return -(log_p * real).sum(dim=1) / real.sum(dim=1)


def predicts_first(logits: torch.Tensor, texts: StackedTexts) -> torch.Tensor:
    """Returns whether each update's first text is what the model predicts, [S] of bool; `logits` [S, N, V]."""
    S, R, _ = texts.ids.shape
    flat = predicted_texts(logits.flatten(0, 1), texts.targets.flatten(), texts.rows.flatten(), texts.count)
    return flat[:-1].view(S, R)[:, 0]
