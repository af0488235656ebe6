"""A step of fine-tuning: torch's optimizer, and when a request is learned."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from worldgen.lm.editors.group_sums import group_sums
from worldgen.lm.editors.settings import FineTuningConfig


def new_optimizer(parameters: Iterable[nn.Parameter], config: FineTuningConfig, fused: bool) -> torch.optim.Optimizer:
    """Returns torch's optimizer; `fused` takes torch's fused kernels, which exist for AdamW and SGD."""
    rate, decay = config.learning_rate, config.weight_decay
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=fused)
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, fused=fused)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, weight_decay=decay, centered=config.centered)


@torch.no_grad()
def learned_texts(
    config: FineTuningConfig, logits: torch.Tensor, log_p: torch.Tensor, targets: torch.Tensor, rows: torch.Tensor,
    count: int,
) -> torch.Tensor:  # fmt: skip
    """Returns whether the model has learned each of `count` texts, by the rule `config.stop`.

    "probability": exp(sum of log p over the text's asked tokens) > stop_probability. A target that is more probable
    than 1/2 is also the greedy answer.
    "predicted": every asked token is the argmax after the true tokens before it. Hase et al. (2021) stop their
    baselines once the *generated* target is right, and their learned optimizer once each token is the argmax. For
    greedy decoding the two are one: all tokens before the first wrong one are the target's own.
    Shapes: N asked tokens: `logits` [N, V]; `log_p`, `targets` and `rows`, a token's text, [N].
    """
    if config.stop == "predicted":
        return predicted_texts(logits, targets, rows, count)
    return group_sums(log_p, rows, count).exp() > config.stop_probability


@torch.no_grad()
def predicted_texts(logits: torch.Tensor, targets: torch.Tensor, rows: torch.Tensor, count: int) -> torch.Tensor:
    """Returns whether the model predicts each of `count` texts: every asked token is the argmax; as `learned_texts`."""
    return group_sums((logits.argmax(dim=-1) != targets).float(), rows, count) == 0
