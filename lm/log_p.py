"""Log probabilities of tokens and of texts, natural logarithm.

log p(text) = sum over its asked tokens t of log p(t | all tokens before it), teacher-forced.

Shapes: B texts, N asked tokens of all texts, V vocabulary, as in `worldgen.lm.texts`.
"""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from worldgen.lm.model import next_token_logits
from worldgen.lm.texts import PaddedTexts


def log_p_of_targets(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Returns log softmax(logits[n])[targets[n]] for each n, [N], in float32; `logits` [N, V], `targets` [N]."""
    return torch.log_softmax(logits.float(), dim=-1).gather(1, targets[:, None])[:, 0]


def log_p_of_tokens(model: PreTrainedModel, batch: PaddedTexts) -> torch.Tensor:
    """Returns log p(token | all tokens before it) of each asked token, [N], in float32; autograd can go through it."""
    return log_p_of_targets(next_token_logits(model, batch.input_ids, batch.rows, batch.columns), batch.targets)


@torch.inference_mode()
def log_p_of_texts(model: PreTrainedModel, batch: PaddedTexts) -> torch.Tensor:
    """Returns log p of each text's asked tokens, [B]; tokens are summed in float64, in the host's memory."""
    of_tokens, of = log_p_of_tokens(model, batch).double().cpu(), batch.of.cpu()
    return torch.zeros(int(of[-1]) + 1, dtype=torch.float64).index_add_(0, of, of_tokens)
