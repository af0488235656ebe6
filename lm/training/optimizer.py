"""AdamW and its learning rate (paper, appendix A.3)."""

from __future__ import annotations

import torch
from transformers import MistralForCausalLM

from worldgen.lm.settings import PretrainConfig


def new_optimizer(model: MistralForCausalLM, config: PretrainConfig) -> torch.optim.AdamW:
    """Returns AdamW, fused. Weight decay is for the matrices, not for the gains of the norms."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    gains = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": gains, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, config.adam_beta2), fused=True)


def learning_rate(config: PretrainConfig, tokens: int) -> float:
    """Returns the learning rate of the step that ends at `tokens` tokens.

    The rate rises linearly from 0 to `learning_rate` over the warm-up, then falls linearly to the final share of it.
    """
    done = min(tokens / config.tokens, 1.0)
    if done < config.warmup_share:
        return config.learning_rate * done / config.warmup_share
    left = (1.0 - done) / (1.0 - config.warmup_share)
    return config.learning_rate * (config.final_learning_rate_share + (1.0 - config.final_learning_rate_share) * left)
