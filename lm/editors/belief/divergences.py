"""The KL divergences of soft targets and retention targets from the logits of a model.

KL(p || q) of a soft target = sum over the named continuations of p_i log(p_i / q_i)
                            + sum over the first tokens v of unnamed continuations of p_v log(p_v / q_v)

q_i is the product over the continuation's tokens. q_v is the model's probability of v less the q_i of the named
continuations that begin with v. Unnamed answers are thus told apart by their first token. If all unnamed answers were
one event, their probability could go to a name that is begun and not ended, which greedy decoding would then follow.
The divergence of a retention target is the sum over its continuation's tokens of KL(p || q) over the whole vocabulary.
Shapes: Q targets, B texts, N asked tokens, R rests, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from worldgen.lm.editors.belief.targets import SoftTarget
from worldgen.lm.editors.group_sums import group_sums

# The least share of a token's probability that unnamed continuations are taken to have: 1 - sum of q is not known
# more exactly in float32.
LEAST_REST = 1e-6


@dataclass(frozen=True)
class AskedTokens:
    """The asked tokens of the texts of some targets, text by text."""

    rows: torch.Tensor
    """[N]: the text of each token, ascending"""
    targets: torch.Tensor
    """[N]: the token"""
    target_of_row: torch.Tensor
    """[B]: the target of each text"""
    count: int
    """Q"""

    def firsts(self) -> torch.Tensor:
        """Returns the index of each text's first asked token among the N, [B]."""
        return torch.searchsorted(self.rows, torch.arange(len(self.target_of_row), device=self.rows.device))

    def by_text(self, of_tokens: torch.Tensor) -> torch.Tensor:
        """Returns the sum over each text's asked tokens: [N] -> [B]."""
        return group_sums(of_tokens, self.rows, len(self.target_of_row))

    def by_target(self, of_texts: torch.Tensor) -> torch.Tensor:
        """Returns the sum over each target's texts: [B] -> [Q]."""
        return group_sums(of_texts, self.target_of_row, self.count)


class SoftDivergences:
    """The divergences of soft targets; `order` are the numbers of the texts in the rows, counted target by target."""

    def __init__(self, asked: AskedTokens, targets: Sequence[SoftTarget], order: Sequence[int]) -> None:
        self.asked = asked
        credences = [credence for target in targets for credence in target.credences]
        self.credence = torch.tensor([credences[text] for text in order], device=asked.rows.device)  # [B]
        self.rests = _Rests(asked, targets)

    def of(self, logits: torch.Tensor) -> torch.Tensor:
        """Returns the KL divergence of every soft target, [Q], from the logits [N, V]."""
        asked, rests = self.asked, self.rests
        log_sums = logits.logsumexp(-1)
        log_q = asked.by_text(logits.gather(1, asked.targets[:, None])[:, 0] - log_sums)
        of_texts = torch.special.xlogy(self.credence, self.credence) - self.credence * log_q
        log_q_token = logits[rests.asked, rests.token] - log_sums[rests.asked]
        return asked.by_target(of_texts) + rests.divergences(log_q_token, log_q)


def retention_divergences(asked: AskedTokens, before: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Returns the KL divergence of every retention target, [Q], from log p before and the logits, [N, V] each."""
    of_tokens = functional.kl_div(logits.log_softmax(-1), before, reduction="none", log_target=True).sum(dim=-1)
    return asked.by_target(asked.by_text(of_tokens))


class _Rests:
    """The rests of soft targets: R pairs of a target and a first token of its unnamed continuations.

    Rest n belongs to target of_target[n]. The unnamed continuations that begin with token[n], which is predicted at
    asked[n] among the N, should have the probability credence[n].
    The named continuation in row named[m] begins with the token of rest rest_of_named[m], of the same target.
    """

    def __init__(self, asked: AskedTokens, targets: Sequence[SoftTarget]) -> None:
        device = asked.rows.device
        rests = [(number, token, p) for number, target in enumerate(targets) for token, p in target.rest if p > 0]
        of_target, tokens, credences = zip(*rests, strict=True) if rests else ((), (), ())
        self.of_target, self.token = (torch.tensor(ids, dtype=torch.long, device=device) for ids in (of_target, tokens))
        self.credence = torch.tensor(credences, device=device)
        firsts = asked.firsts()
        first_of_target = firsts.new_zeros(len(targets)).scatter_reduce(
            0, asked.target_of_row, firsts, "amin", include_self=False
        )
        self.asked = first_of_target[self.of_target]
        first_tokens = asked.targets[firsts].tolist()
        begins = zip(asked.target_of_row.tolist(), first_tokens, strict=True)
        number_of = {rest[:2]: number for number, rest in enumerate(rests)}
        alike = [(row, number_of[begin]) for row, begin in enumerate(begins) if begin in number_of]
        self.named, self.rest_of_named = torch.tensor(alike, dtype=torch.long, device=device).reshape(-1, 2).T
        self.targets = len(targets)

    def divergences(self, log_q_token: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
        """Returns the rests' part of every target's KL divergence, [Q].

        log_q_token [R] is log q of each rest's token, log_q [B] is log q of each text.
        """
        named = (log_q[self.named] - log_q_token[self.rest_of_named]).exp()
        share_named = torch.zeros_like(log_q_token).index_add(0, self.rest_of_named, named)
        log_q_rest = log_q_token + torch.log1p(-share_named.clamp(max=1 - LEAST_REST))
        return group_sums(self.credence * (self.credence.log() - log_q_rest), self.of_target, self.targets)
