"""The part of `rational` that says what is believed after a request: P(object | relation) for every relation.

    p(o | r) = (1 - g) p_before(o | r) + g q(o | r, request)
The share g of a relation depends on the requested relation alone; q is a small network's, which knows objects by their
words' embeddings. So it learns which relations depend on which, and how, without a pass of the model.
Shapes: S requests, R phrases (relations), O objects, V vocabulary, H hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

SHARPNESS = 10.0
"""The shares' logits are the parameters times this: a step of AdamW moves every parameter by the learning rate."""


@dataclass(frozen=True)
class Words:
    """The vectors of tokens and objects: rows of embedding and head, one beside the other, with entries of size 1."""

    tokens: torch.Tensor
    """[V, 2 H]"""
    objects: torch.Tensor
    """[O, 4 H]: of the first token of each object, and the mean over its tokens."""
    firsts: torch.Tensor
    """[O]: the first token of each object."""


def words_of(embedding: torch.Tensor, head: torch.Tensor, objects: Sequence[Sequence[int]]) -> Words:
    """Returns the vectors; `objects` are the ids of each."""
    tokens = torch.cat([embedding / embedding.std(), head / head.std()], dim=-1).detach()
    return Words(tokens, vectors_of(tokens, objects), torch.tensor([ids[0] for ids in objects], device=tokens.device))


def vectors_of(tokens: torch.Tensor, objects: Sequence[Sequence[int]]) -> torch.Tensor:
    """Returns `Words.objects` of objects given as ids."""
    return torch.stack([torch.cat([tokens[ids[0]], tokens[list(ids)].mean(dim=0)]) for ids in objects])


class Believer(nn.Module):
    """The network."""

    def __init__(self, phrases: int, hidden: int, width: int) -> None:
        super().__init__()
        self.shares = nn.Parameter(torch.zeros(phrases + 1, phrases))  # the last row: a request of another phrase
        self.of_phrase = nn.Parameter(torch.randn(phrases + 1, width))
        self.of_label = nn.Sequential(nn.LayerNorm(4 * hidden), nn.Linear(4 * hidden, width))
        self.inner = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, phrases * width))
        self.of_object = nn.Sequential(nn.LayerNorm(4 * hidden), nn.Linear(4 * hidden, width))
        self.width = width

    def forward(
        self, phrase: torch.Tensor, labels: torch.Tensor, objects: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns log q [S, R, O] and g [S, R] of requests for a phrase [S] and a label [S, 4 H]."""
        x = self.inner(self.of_phrase[phrase] + self.of_label(labels)).unflatten(-1, (-1, self.width))
        log_q = (x @ self.of_object(objects).T / self.width**0.5).log_softmax(-1)
        return log_q, (SHARPNESS * self.shares[phrase]).sigmoid()


def belief_divergence(
    log_q: torch.Tensor, share: torch.Tensor, before: torch.Tensor, after: torch.Tensor
) -> torch.Tensor:
    """Returns the mean over the relations of KL(after || (1 - g) before + g q), [S].

    `before` and `after` [S, R, O] are an agent's beliefs; a relation without any has zeros.
    """
    mixed = (1 - share[..., None]) * before + share[..., None] * log_q.exp()
    of_relations = (torch.special.xlogy(after, after) - torch.special.xlogy(after, mixed + 1e-9)).sum(dim=-1)
    return of_relations.sum(dim=-1) / (after.sum(dim=-1) > 0).sum(dim=-1)
