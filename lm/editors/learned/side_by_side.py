"""Learning from several sequences of updates at once, each with weights of its own, with our own models.

The gradient is that of `worldgen.lm.editors.learned.one_at_a_time`, to the rounding of float32. The network reads an
update's condition once: each step's loss goes back to the outputs of the heads, and the sum goes through the network at
the end.
Shapes: as in `worldgen.lm.editors.learned.changed_mistral`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from transformers import MistralForCausalLM

from worldgen.lm.editors.learned.changed_mistral import ChangedMistral, predicts_first
from worldgen.lm.editors.learned.learning import Measured, Tally
from worldgen.lm.editors.learned.network import LearnedOptimizer
from worldgen.lm.editors.learned.objective import Loss, terms_of, texts_of, token_weights, wide_log_softmax
from worldgen.lm.editors.learned.settings import LearnedConfig
from worldgen.lm.editors.learned.updates import Update
from worldgen.lm.editors.learned.weight_changes import Changes, changes_of
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts, stack_texts
from worldgen.lm.texts import Text


class SideBySide:
    """Implements `Learner` for a Mistral."""

    def __init__(self, model: MistralForCausalLM, network: LearnedOptimizer, config: LearnedConfig) -> None:
        self.mistral, self.network, self.config = ChangedMistral(model), network, config

    def learn(self, sequences: Sequence[Sequence[Update]], price: float) -> Measured:
        """Goes through the sequences side by side; all have the same length. See `Learner`."""
        tally = Tally(sum(map(len, sequences)))
        # Weights of their own are needed only where a step is followed by another.
        goes_on = len(sequences[0]) > 1 or self.config.training_steps > 1
        rows = self.mistral.base_rows(len(sequences)) if goes_on else None
        for updates in zip(*sequences, strict=True):
            for loss in _UnderWay(self, updates, rows).losses(tally):
                ((loss.taught + price * loss.kept).sum() / tally.updates).backward()
        return tally.measured()


class _UnderWay:
    """One update of each sequence. They begin from the weights `rows` [S, P] and change them in place."""

    def __init__(self, learner: SideBySide, updates: Sequence[Update], rows: torch.Tensor | None) -> None:
        self.mistral, self.network, self.config = learner.mistral, learner.network, learner.config
        self.updates, self.rows = updates, rows
        self.terms = [terms_of(update, self.config) for update in updates]

    def losses(self, tally: Tally) -> Iterator[Loss]:
        """Yields the losses of the updates that take a step, for each step; goes on when they have gone backward."""
        before, learned = self._before()
        outputs = self.network([update.condition for update in self.updates])
        leaves = {name: output.detach().requires_grad_() for name, output in outputs.items()}
        for number in range(self.config.training_steps):
            members = (~learned).nonzero()[:, 0]
            if not len(members):
                break
            changes = self._changes(members, leaves)
            loss, learned[members] = self._loss(members, changes, before)
            if self.config.inner_loss == "last" and number < self.config.training_steps - 1:
                loss = Loss(loss.taught * learned[members], loss.kept * learned[members])
            tally.add(loss)
            tally.steps += len(members)
            yield loss
            if self.rows is not None:
                self.mistral.add(self.rows, members, changes)
        tally.learned += int(learned.sum())
        if leaves and all(leaf.grad is not None for leaf in leaves.values()):
            torch.autograd.backward(list(outputs.values()), [leaf.grad for leaf in leaves.values()])

    @torch.no_grad()
    def _before(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the log probabilities [S, N, V] before the updates, and which requests the model predicts, [S]."""
        texts = self._stacked([texts_of(terms) for terms in self.terms])
        logits = self.mistral.logits(texts, self.rows)
        return wide_log_softmax(logits), predicts_first(logits, texts)

    def _changes(self, members: torch.Tensor, leaves: dict[str, torch.Tensor]) -> Changes:
        """Returns the changes of a step of the updates with these numbers."""
        mains = self._stacked([[self.updates[s].main] for s in members.tolist()])
        gradient = self.mistral.gradient(mains, self._rows_of(members))
        own = {name: leaf[members] for name, leaf in leaves.items()}
        return changes_of(own, self.network.shapes, gradient.errors, gradient.inputs)

    def _loss(self, members: torch.Tensor, changes: Changes, before: torch.Tensor) -> tuple[Loss, torch.Tensor]:
        """Returns the losses after these changes, and which of the updates the model then predicts."""
        terms = [self.terms[s] for s in members.tolist()]
        texts = self._stacked([texts_of(own) for own in terms])
        logits = self.mistral.logits(texts, self._rows_of(members), changes)
        weights = token_weights(terms, texts, before.dtype)
        # Of fewer updates the longest may be shorter.
        former = before[members, : logits.shape[1]]
        loss = weights.loss(wide_log_softmax(logits), former, texts.targets, self.config)
        return loss, predicts_first(logits, texts)

    def _rows_of(self, members: torch.Tensor) -> torch.Tensor | None:
        """Returns the weights of some updates; without a copy if it is all of them."""
        return self.rows if self.rows is None or len(members) == len(self.rows) else self.rows[members]

    def _stacked(self, texts: Sequence[Sequence[Text]]) -> StackedTexts:
        return stack_texts(texts, self.mistral.device)
