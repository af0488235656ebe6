"""The loss of an update after a step (Hase et al., 2021, equation 1).

    l = taught + price * kept
    taught = l1 CE(x, y*) + l2 mean over paraphrases of CE(x_P, y*) + l3 mean over what is entailed of CE(x_E, y_E)
    kept = l4 mean over neutral texts of KL(x_LN) + l5 mean over random texts of KL(x_R)
CE and KL of a text are means over its asked tokens, padding left out; CE is -log p of the token. KL is between the
model before the update, a constant, and the model after the step; `kl_direction` says in which order. The terms that an
update has are weighed by l / (sum of their l) if `normalise_lambdas`. The price is 1, but for De Cao's objective, where
taught is the mean of the terms that are to be learned, and kept the mean divergence.
Shapes: S updates, R texts of an update, N asked tokens, V vocabulary, as in `worldgen.lm.editors.tuning.stacked_texts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from worldgen.lm.editors.learned.settings import ConstrainedConfig, LearnedConfig
from worldgen.lm.editors.learned.updates import Update
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts
from worldgen.lm.texts import Text


class Term(NamedTuple):
    """Texts of an update that are learned, or kept, with the weight of their mean."""

    texts: tuple[Text, ...]
    weight: float
    is_taught: bool


class Loss(NamedTuple):
    """The two parts of the loss."""

    taught: torch.Tensor
    kept: torch.Tensor


def terms_of(update: Update, config: LearnedConfig) -> list[Term]:
    """Returns the terms that the update has texts for, the request itself first."""
    terms = [
        Term((update.main,), config.main_weight, True),
        Term(update.paraphrases, config.paraphrase_weight, True),
        Term(update.entailed, config.entailed_weight, True),
        Term(update.neutral, config.neutral_weight, False),
        Term(update.random, config.random_weight, False),
    ]
    terms = [term for term in terms if term.texts and term.weight]
    if isinstance(config, ConstrainedConfig):
        return [term._replace(weight=term.weight / _total(terms, term.is_taught)) for term in terms]
    if config.normalise_lambdas:
        return [term._replace(weight=term.weight / sum(other.weight for other in terms)) for term in terms]
    return terms


def texts_of(terms: Sequence[Term]) -> list[Text]:
    """Returns the texts of the terms, in order."""
    return [text for term in terms for text in term.texts]


def wide_log_softmax(logits: torch.Tensor) -> torch.Tensor:
    """Returns log softmax over the vocabulary, in float32 at least."""
    return torch.log_softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))


class TokenWeights(NamedTuple):
    """The weight of each asked token in both parts of its update's loss, [S, N] each; padding weighs nothing."""

    taught: torch.Tensor
    kept: torch.Tensor

    def loss(self, log_p: torch.Tensor, before: torch.Tensor, targets: torch.Tensor, config: LearnedConfig) -> Loss:
        """Returns the loss of each update, [S], from the log probabilities [S, N, V] after the step and `before`."""
        smoothing = config.label_smoothing
        cross_entropy = -(1 - smoothing) * log_p.gather(-1, targets[..., None])[..., 0]
        if smoothing:
            cross_entropy = cross_entropy - smoothing * log_p.mean(dim=-1)
        first, second = (before, log_p) if config.kl_direction == "orig||new" else (log_p, before)
        divergence = (first.exp() * (first - second)).sum(dim=-1)
        return Loss((self.taught * cross_entropy).sum(dim=-1), (self.kept * divergence).sum(dim=-1))


def token_weights(of_updates: Sequence[Sequence[Term]], texts: StackedTexts, dtype: torch.dtype) -> TokenWeights:
    """Returns the weights of the asked tokens of `texts`, which are those of the terms of each update."""
    S, R, _ = texts.ids.shape
    of_texts = torch.zeros(2, S * R + 1, dtype=dtype)  # the last one is padding
    for number, terms in enumerate(of_updates):
        own = [(term.weight / len(term.texts), term.is_taught) for term in terms for _ in term.texts]
        for row, (weight, is_taught) in enumerate(own, start=number * R):
            of_texts[0 if is_taught else 1, row] = weight
    of_texts = of_texts.to(texts.rows.device)
    lengths = torch.bincount(texts.rows.flatten(), minlength=S * R + 1).clamp(min=1)
    taught, kept = (of_texts / lengths)[:, texts.rows]
    return TokenWeights(taught, kept)


def _total(terms: Sequence[Term], is_taught: bool) -> float:
    return sum(term.weight for term in terms if term.is_taught == is_taught)
