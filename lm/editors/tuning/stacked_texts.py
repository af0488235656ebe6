"""The texts of several editions, side by side, for a model with weights of its own for each edition.

Shapes: S editions, R texts of the edition with the most, T tokens read of the longest text, N asked tokens of the
edition with the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from worldgen.lm.texts import Text


@dataclass(frozen=True)
class StackedTexts:
    """Each edition's texts as a block [R, T]; missing texts, tokens and asked tokens are padding.

    Padding within a text is at its end, where the causal attention of a real token does not reach. A padding token
    asked for weighs nothing.
    """

    ids: torch.Tensor
    """[S, R, T]: the tokens read; a text's last token is asked for and never read."""
    asked: torch.Tensor
    """[S, N]: where an edition's model predicts the token, among its R T places."""
    targets: torch.Tensor
    """[S, N]: the token."""
    rows: torch.Tensor
    """[S, N]: the token's text among the S R of all editions; S R for padding."""
    weights: torch.Tensor
    """[S, N]: 1 / (number of the edition's texts * number of the text's asked tokens); 0 for padding."""

    @property
    def count(self) -> int:
        """One more than the number of texts: padding counts as one."""
        return self.ids.shape[0] * self.ids.shape[1] + 1

    def losses(self, log_p: torch.Tensor) -> torch.Tensor:
        """Returns the loss of each edition, [S], as `target_loss.mean_loss` gives it alone; `log_p` [S N]."""
        return (-log_p.view_as(self.weights) * self.weights).sum(dim=1)

    def all_of_each(self, learned: torch.Tensor) -> torch.Tensor:
        """Returns whether all texts of an edition are learned, [S]; `learned` [count] is true for missing texts."""
        S, R, _ = self.ids.shape
        return learned[:-1].view(S, R).all(dim=1)


def stack_texts(texts: Sequence[Sequence[Text]], device: torch.device) -> StackedTexts:
    """Returns the editions' texts side by side."""
    S, R = len(texts), max(map(len, texts))
    T = max(len(text.ids) - 1 for own in texts for text in own)
    N = max(sum(text.asked for text in own) for own in texts)
    ids = torch.zeros(S, R, T, dtype=torch.long)
    asked, targets = torch.zeros(2, S, N, dtype=torch.long)
    rows, weights = torch.full((S, N), S * R), torch.zeros(S, N)
    for edition, own in enumerate(texts):
        begin = 0
        for number, text in enumerate(own):
            read, end = len(text.ids) - 1, begin + text.asked
            ids[edition, number, :read] = torch.tensor(text.ids[:-1])
            asked[edition, begin:end] = torch.arange(number * T + read - text.asked, number * T + read)
            targets[edition, begin:end] = torch.tensor(text.ids[-text.asked :])
            rows[edition, begin:end] = edition * R + number
            weights[edition, begin:end] = 1 / (len(own) * text.asked)
            begin = end
    return StackedTexts(*(tensor.to(device) for tensor in (ids, asked, targets, rows, weights)))


def stack_each(texts: Sequence[Text], device: torch.device) -> StackedTexts:
    """Returns the texts side by side, one for each edition."""
    return stack_texts([[text] for text in texts], device)
