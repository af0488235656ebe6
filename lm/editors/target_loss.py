"""What a request costs a model: the losses of its target's tokens, their mean, and whether the request is taken.

Shapes: B texts, N asked tokens, V vocabulary, as in `worldgen.lm.texts`.
"""

from __future__ import annotations

import torch
from torch.nn import functional
from transformers import MistralForCausalLM

from worldgen.lm.model import next_token_logits
from worldgen.lm.texts import PaddedTexts


def token_losses(model: MistralForCausalLM, batch: PaddedTexts) -> torch.Tensor:
    """[N]: -log p(token | all tokens before it) of each asked token, natural logarithm."""
    logits = next_token_logits(model, batch.input_ids, batch.rows, batch.columns)
    return functional.cross_entropy(logits.float(), batch.targets, reduction="none")


def mean_loss(losses: torch.Tensor, batch: PaddedTexts) -> torch.Tensor:
    """The mean over the texts of the mean over a text's asked tokens."""
    lengths = torch.bincount(batch.rows)
    return (losses / (lengths[batch.rows] * len(lengths))).sum()


def all_above(probability: float, losses: torch.Tensor, batch: PaddedTexts) -> bool:
    """Whether every text's continuation is more probable than that; above 1/2 it is also the greedy answer."""
    text_losses = torch.zeros(len(batch.input_ids), device=losses.device).index_add_(0, batch.rows, losses.detach())
    return bool((text_losses.neg().exp() > probability).all())
