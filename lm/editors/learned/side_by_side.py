"""Learning from several sequences of updates at once, each with weights of its own, with our own models.

The gradient is that of `worldgen.lm.editors.learned.one_at_a_time`, to the rounding of float32. The network reads an
update's condition once: each step's loss goes back to the outputs of the heads, and the sum goes through the network at
the end.
Shapes: as in `worldgen.lm.editors.learned.changed_mistral`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

import torch
from transformers import MistralForCausalLM

from worldgen.lm.editors.learned.changed_mistral import ChangedMistral, predicts_first
from worldgen.lm.editors.learned.learning import Asked, Measured, Tally
from worldgen.lm.editors.learned.network import LearnedOptimizer, Outputs
from worldgen.lm.editors.learned.objective import Loss, Term, terms_of, texts_of, token_weights, wide_log_softmax
from worldgen.lm.editors.learned.settings import LearnedConfig, OptimizerConfig
from worldgen.lm.editors.learned.updates import Update
from worldgen.lm.editors.learned.weight_changes import Changes, changes_of
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts, stack_each, stack_texts
from worldgen.lm.texts import Text

Lesson = TypeVar("Lesson", bound=Asked)


class Marking(Protocol):
    """Says how well a model does what some updates, side by side, ask for."""

    def before(self, rows: torch.Tensor | None) -> torch.Tensor:
        """Notes what the model says before the updates, by the weights `rows`; returns which need no step, [S]."""

    def after(
        self, members: torch.Tensor, rows: torch.Tensor | None, changes: Changes, is_last: bool
    ) -> tuple[Loss, torch.Tensor]:
        """Returns the losses of some updates after these changes, and which of them need no further step.

        `members` are their numbers, `rows` their weights; `is_last` says whether there can be no further step.
        """


class SideBySide(Generic[Lesson]):
    """Implements `Learner` for a Mistral; `marking` makes the marking of some updates."""

    def __init__(
        self, mistral: ChangedMistral, network: LearnedOptimizer, config: OptimizerConfig,
        marking: Callable[[Sequence[Lesson]], Marking],
    ) -> None:  # fmt: skip
        self.mistral, self.network, self.config, self.marking = mistral, network, config, marking

    def learn(self, sequences: Sequence[Sequence[Lesson]], price: float) -> Measured:
        """Goes through the sequences side by side; all have the same length. See `Learner`."""
        tally = Tally(sum(map(len, sequences)))
        # Weights of their own are needed only where a step is followed by another.
        goes_on = len(sequences[0]) > 1 or self.config.training_steps > 1
        rows = self.mistral.base_rows(len(sequences)) if goes_on else None
        for updates in zip(*sequences, strict=True):
            for loss in self._losses(updates, rows, tally):
                ((loss.taught + price * loss.kept).sum() / tally.updates).backward()
        return tally.measured()

    def _losses(self, updates: Sequence[Lesson], rows: torch.Tensor | None, tally: Tally) -> Iterator[Loss]:
        """Yields the losses of one update of each sequence, for each step; goes on when they have gone backward.

        The updates begin from the weights `rows` [S, P] and change them in place.
        """
        marking, steps = self.marking(updates), self.config.training_steps
        learned = marking.before(rows)
        outputs = self.network([update.condition for update in updates])
        leaves = {name: output.detach().requires_grad_() for name, output in outputs.items()}
        for number in range(steps):
            members = (~learned).nonzero()[:, 0]
            if not len(members):
                break
            here = rows if rows is None or len(members) == len(rows) else rows[members]  # no copy if it is all of them
            own = {name: leaf[members] for name, leaf in leaves.items()}
            changes = self._changes([updates[s].main for s in members.tolist()], here, own)
            loss, learned[members] = marking.after(members, here, changes, is_last=number == steps - 1)
            tally.add(loss)
            tally.steps += len(members)
            yield loss
            if rows is not None:
                self.mistral.add(rows, members, changes)
        tally.learned += int(learned.sum())
        if leaves and all(leaf.grad is not None for leaf in leaves.values()):
            torch.autograd.backward(list(outputs.values()), [leaf.grad for leaf in leaves.values()])

    def _changes(self, mains: Sequence[Text], rows: torch.Tensor | None, outputs: Outputs) -> Changes:
        """Returns the changes of a step of the updates with these requests, weights and heads' outputs."""
        gradient = self.mistral.gradient(stack_each(mains, self.mistral.device), rows)
        return changes_of(outputs, self.network.shapes, gradient.errors, gradient.inputs)


class _UpdateMarking:
    """Marks by the loss of `worldgen.lm.editors.learned.objective`."""

    def __init__(self, mistral: ChangedMistral, config: LearnedConfig, updates: Sequence[Update]) -> None:
        self.mistral, self.config = mistral, config
        self.terms = [terms_of(update, config) for update in updates]

    @torch.no_grad()
    def before(self, rows: torch.Tensor | None) -> torch.Tensor:
        texts = self._stacked(self.terms)
        logits = self.mistral.logits(texts, rows)
        self.log_p = wide_log_softmax(logits)  # [S, N, V]
        return predicts_first(logits, texts)

    def after(
        self, members: torch.Tensor, rows: torch.Tensor | None, changes: Changes, is_last: bool
    ) -> tuple[Loss, torch.Tensor]:
        terms = [self.terms[s] for s in members.tolist()]
        texts = self._stacked(terms)
        logits = self.mistral.logits(texts, rows, changes)
        weights = token_weights(terms, texts, self.log_p.dtype)
        # Of fewer updates the longest may be shorter.
        former = self.log_p[members, : logits.shape[1]]
        loss = weights.loss(wide_log_softmax(logits), former, texts.targets, self.config)
        learned = predicts_first(logits, texts)
        if self.config.inner_loss == "last" and not is_last:
            loss = Loss(loss.taught * learned, loss.kept * learned)
        return loss, learned

    def _stacked(self, terms: Sequence[Sequence[Term]]) -> StackedTexts:
        return stack_texts([texts_of(own) for own in terms], self.mistral.device)


def side_by_side(model: MistralForCausalLM, network: LearnedOptimizer, config: LearnedConfig) -> SideBySide[Update]:
    """Returns the learner for SLAG's objective and for De Cao's."""
    mistral = ChangedMistral(model)
    return SideBySide(mistral, network, config, partial(_UpdateMarking, mistral, config))
