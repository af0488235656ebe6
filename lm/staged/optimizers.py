"""The optimizers of training in stages, and their learning rate."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel
from transformers.optimization import Adafactor

from worldgen.lm.staged.settings import Decay, OptimizerName


def new_optimizer(name: OptimizerName, model: PreTrainedModel, weight_decay: float) -> torch.optim.Optimizer:
    """Returns an optimizer of all parameters; its learning rate is set before each step.

    Adafactor has a rate from outside, and neither scales by the parameters nor keeps a first moment, as in Hugging
    Face's Trainer.
    """
    if name == "adamw":
        return torch.optim.AdamW(model.parameters(), weight_decay=weight_decay, fused=True)
    return Adafactor(model.parameters(), lr=0.0, weight_decay=weight_decay, scale_parameter=False, relative_step=False)


def rate_at(step: int, steps: int, rate: float, decay: Decay) -> float:
    """Returns the learning rate of step `step` of a stage, counted from 0.

    "linear": rate (1 - step / steps), without warm-up, as Hugging Face's Trainer does by default.
    """
    return rate * (1 - step / steps) if decay == "linear" else rate
