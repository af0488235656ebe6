"""Applying a trained optimizer to requests, each of another edition, with weights of its own.

Shapes: E editions, S requests, P edited weights, as in `worldgen.lm.editors.learned.changed_mistral`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from worldgen.lm.editors.learned.changed_mistral import ChangedMistral
from worldgen.lm.editors.learned.network import LearnedOptimizer, Outputs
from worldgen.lm.editors.learned.settings import ConstrainedConfig, OptimizerConfig
from worldgen.lm.editors.learned.weight_changes import Changes, Factors, changes_of
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts, stack_each
from worldgen.lm.texts import Text


@dataclass(frozen=True)
class Application:
    """A trained optimizer, and the model that it changes."""

    mistral: ChangedMistral
    network: LearnedOptimizer
    config: OptimizerConfig

    @property
    def repeats(self) -> bool:
        """Whether a request's first change is added again in later steps, as De Cao et al. do it."""
        return isinstance(self.config, ConstrainedConfig)

    @torch.no_grad()
    def apply(
        self, rows: torch.Tensor, members: Sequence[int], texts: Sequence[Text], conditions: Sequence[list[int]]
    ) -> list[list[float]]:
        """Makes request i in the weights rows[members[i]] of `rows` [E, P], in place; no member occurs twice.

        A request has at most `config.steps` steps, and none once its label is what the model predicts, teacher-forced.
        Returns the losses of each request before each of its steps.
        """
        outputs: Outputs = self.network(conditions)
        of_rows, left = torch.tensor(members, device=rows.device), torch.arange(len(texts), device=rows.device)
        losses: list[list[float]] = [[] for _ in texts]
        changes: Changes = {}
        for number in range(self.config.steps):
            stacked, here = stack_each([texts[i] for i in left.tolist()], rows.device), rows[of_rows[left]]
            if number and self.repeats:
                own_losses, predicted = self.mistral.reading(stacked, here)
            else:
                own = {name: output[left] for name, output in outputs.items()}
                changes, own_losses, predicted = self.changes(stacked, here, own)
            going = ~predicted
            left, own_losses = left[going], own_losses[going]
            if not len(left):
                break
            changes = {name: factors.select(going) for name, factors in changes.items()}
            self.mistral.add(rows, of_rows[left], changes)
            for i, loss in zip(left.tolist(), own_losses.tolist(), strict=True):
                losses[i].append(loss)
        return losses

    def changes(
        self, texts: StackedTexts, rows: torch.Tensor, outputs: Outputs
    ) -> tuple[Changes, torch.Tensor, torch.Tensor]:
        """Returns the changes of a step from the weights `rows` [S, P], the losses before it, and what is predicted."""
        gradient = self.mistral.gradient(texts, rows)
        changes = changes_of(outputs, self.network.shapes, gradient.errors, gradient.inputs)
        return changes, gradient.losses, gradient.predicted

    @torch.no_grad()
    def make_step(self, text: Text) -> None:
        """Does the work of a request's step, to no effect: its operations are counted."""
        rows, texts = self.mistral.base_rows(1), stack_each([text], self.mistral.device)
        outputs = {name: rows.new_zeros(1, 2 * sum(shape) + 1) for name, shape in self.network.shapes.items()}
        changes, _, _ = self.changes(texts, rows, outputs)
        self.mistral.add(rows, torch.zeros(1, dtype=torch.long, device=rows.device), changes)

    @torch.no_grad()
    def make_repeated_step(self, text: Text) -> None:
        """Does the work of a step that adds the first step's change again, to no effect."""
        rows, texts = self.mistral.base_rows(1), stack_each([text], self.mistral.device)
        rank = len(text.ids)  # a token less is read, and B adds one
        changes = {
            name: Factors(rows.new_zeros(1, rank, d1), rows.new_zeros(1, rank, d2))
            for name, (d1, d2) in self.network.shapes.items()
        }
        self.mistral.reading(texts, rows)
        self.mistral.add(rows, torch.zeros(1, dtype=torch.long, device=rows.device), changes)
