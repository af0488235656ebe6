"""AdamW (Loshchilov and Hutter, 2019) for independent rows of weights in one tensor."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

BETA_1, BETA_2, EPSILON, WEIGHT_DECAY = 0.9, 0.999, 1e-8, 0.01  # torch.optim.AdamW's own


@dataclass
class StackedAdamW:
    """One optimizer for each row of `weights` [E, P], with its own moments and its own clipping of the norm.

    g <- g min(1, clip / (|g| + 1e-6));  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;
    w <- (1 - lr wd) w - lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps), as in torch.optim.AdamW and
    torch.nn.utils.clip_grad_norm_. A row that was inactive once must stay
    inactive, because all rows share the step count t.
    """

    weights: torch.Tensor
    learning_rate: float
    clip: float
    steps: int = 0
    first: torch.Tensor = field(init=False)
    second: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.first, self.second = torch.zeros_like(self.weights), torch.zeros_like(self.weights)

    @torch.no_grad()
    def step(self, gradients: torch.Tensor, active: torch.Tensor) -> None:
        """Takes one step of the active rows in place; `gradients` [E, P], `active` [E] of bool."""
        self.steps += 1
        norms = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
        gradients = gradients * (self.clip / (norms + 1e-6)).clamp(max=1.0)
        self.first.lerp_(gradients, 1 - BETA_1)
        self.second.mul_(BETA_2).addcmul_(gradients, gradients, value=1 - BETA_2)
        spread = (self.second.sqrt() / (1 - BETA_2**self.steps) ** 0.5).add_(EPSILON)
        # A row's rate is zero once it has stopped: neither decay nor step moves it.
        rate = self.learning_rate * active[:, None]
        self.weights.mul_(1 - rate * WEIGHT_DECAY)
        self.weights.sub_(self.first / spread * (rate / (1 - BETA_1**self.steps)))
