"""Learning from updates one at a time, with any causal model of transformers: written out, without batches or factors.

The fast way for our own models (`worldgen.lm.editors.learned.side_by_side`) is tested against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.func import functional_call
from torch.nn import functional
from transformers import PreTrainedModel

from worldgen.lm.editors.learned.edited_matrices import edited_matrices
from worldgen.lm.editors.learned.learning import Measured, Tally
from worldgen.lm.editors.learned.network import LearnedOptimizer
from worldgen.lm.editors.learned.objective import Loss, Term, terms_of, texts_of
from worldgen.lm.editors.learned.settings import LearnedConfig
from worldgen.lm.editors.learned.updates import Update
from worldgen.lm.editors.learned.weight_changes import dense_change, maps_of
from worldgen.lm.texts import Text

Weights = Mapping[str, torch.Tensor]  # the edited matrices by name


@dataclass(frozen=True)
class OneAtATime:
    """Implements `Learner` for any causal model."""

    model: PreTrainedModel
    network: LearnedOptimizer
    config: LearnedConfig

    def learn(self, sequences: Sequence[Sequence[Update]], price: float) -> Measured:
        """Goes through one sequence after another; see `Learner`."""
        tally = Tally(sum(map(len, sequences)))
        for sequence in sequences:
            for loss in self.losses(sequence, tally):
                ((loss.taught + price * loss.kept) / tally.updates).backward()
        return tally.measured()

    def losses(self, sequence: Sequence[Update], tally: Tally, detach: bool = True) -> Iterator[Loss]:
        """Yields the loss of each step that counts, before the next step is made.

        Without `detach` the weights that a step leaves are no constants, and the losses' graphs hang together.
        """
        weights: Weights = {name: matrix.detach() for name, matrix in edited_matrices(self.model).items()}
        for update in sequence:
            terms = terms_of(update, self.config)
            with torch.no_grad():
                before = [self._logits(weights, text).log_softmax(dim=-1) for text in texts_of(terms)]
                learned = self._predicts(weights, update.main)
            for number in range(self.config.training_steps):
                if learned:
                    break
                weights = self.step(weights, update)
                loss = self._loss(weights, terms, before)
                learned = self._predicts(weights, update.main)
                tally.steps += 1
                if self.config.inner_loss == "all_steps" or learned or number == self.config.training_steps - 1:
                    tally.add(loss)
                    yield loss
                if detach:
                    weights = {name: matrix.detach() for name, matrix in weights.items()}
            tally.learned += learned

    def step(self, weights: Weights, update: Update) -> Weights:
        """Returns the weights after a step from `weights`."""
        here = {name: matrix.detach().requires_grad_() for name, matrix in weights.items()}
        with torch.enable_grad():
            logits = self._logits(here, update.main)
            loss = functional.cross_entropy(logits, _asked(update.main, logits))
            gradients = torch.autograd.grad(loss, list(here.values()))
        outputs = self.network([update.condition])
        changed = {}
        for (name, matrix), gradient in zip(weights.items(), gradients, strict=True):
            maps = maps_of(outputs[name], self.network.shapes[name])
            changed[name] = matrix + dense_change(maps, gradient[None])[0]
        return changed

    def _loss(self, weights: Weights, terms: Sequence[Term], before: Sequence[torch.Tensor]) -> Loss:
        logits = [self._logits(weights, text) for text in texts_of(terms)]
        taught = kept = logits[0].new_zeros(())
        each = iter(zip(logits, before, strict=True))
        for term in terms:
            for text in term.texts:
                (own, former), share = next(each), term.weight / len(term.texts)
                if term.is_taught:
                    smoothing = self.config.label_smoothing
                    taught = taught + share * functional.cross_entropy(
                        own, _asked(text, own), label_smoothing=smoothing
                    )
                else:
                    kept = kept + share * self._divergence(own.log_softmax(dim=-1), former) / text.asked
        return Loss(taught, kept)

    def _divergence(self, after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        """Returns the sum over the tokens of KL; `functional.kl_div(q, p)` is KL(p||q)."""
        if self.config.kl_direction == "orig||new":
            return functional.kl_div(after, before, reduction="sum", log_target=True)
        return functional.kl_div(before, after, reduction="sum", log_target=True)

    def _logits(self, weights: Weights, text: Text) -> torch.Tensor:
        """Returns the logits [asked, V] that predict the asked tokens of one text."""
        ids = torch.tensor([text.ids[:-1]], device=self.model.device)
        output = functional_call(self.model, dict(weights), kwargs={"input_ids": ids, "use_cache": False})
        return output.logits[0, -text.asked :]

    @torch.no_grad()
    def _predicts(self, weights: Weights, text: Text) -> bool:
        logits = self._logits(weights, text)
        return torch.equal(logits.argmax(dim=-1), _asked(text, logits))


def _asked(text: Text, logits: torch.Tensor) -> torch.Tensor:
    """Returns the asked tokens, where the logits are."""
    return torch.tensor(text.ids[-text.asked :], device=logits.device)
