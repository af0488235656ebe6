"""The loss of requests: the mean of -log p over their targets' tokens, and whether the model has learned them.

Shapes: B texts, N asked tokens, as in `worldgen.lm.texts`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerFast

from worldgen.lm.editions import Request
from worldgen.lm.editors.group_sums import group_sums
from worldgen.lm.texts import PaddedTexts, Text, texts_of


def request_texts(tokenizer: PreTrainedTokenizerFast, requests: Sequence[Request]) -> list[Text]:
    """Returns each request as a text: the prompt, and the target's tokens as the asked ones."""
    return texts_of(tokenizer, [(request.prompt, request.target) for request in requests])


def mean_loss(log_p: torch.Tensor, batch: PaddedTexts) -> torch.Tensor:
    """Returns the mean over the texts of the mean over a text's asked tokens of -log p; `log_p` [N] of the tokens."""
    lengths = torch.bincount(batch.rows)
    return (-log_p / (lengths[batch.rows] * len(lengths))).sum()


def all_above(probability: float, log_p: torch.Tensor, batch: PaddedTexts) -> bool:
    """Returns whether every text's continuation is more probable than `probability`; `log_p` [N] of the tokens.

    A continuation that is more probable than 1/2 is also the greedy answer.
    """
    of_texts = group_sums(log_p.detach(), batch.rows, len(batch.input_ids))
    return bool((of_texts.exp() > probability).all())
