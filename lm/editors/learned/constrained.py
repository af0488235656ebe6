"""The Lagrangian of De Cao et al.'s objective (2021, section 3.1): learn the request subject to KL <= margin.

The loss of a step of the training is taught + alpha (kept - margin). phi descends, alpha >= 0 ascends:
    alpha <- max(0, alpha + rate (kept - margin)).
The margin becomes smaller after validations in which nearly all updates take. For the SLAG objective alpha is 1 and the
margin 0, always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from worldgen.lm.editors.learned.settings import ConstrainedConfig, TrainingConfig


@dataclass(frozen=True)
class Constraint:
    """The price alpha of the divergence, and the divergence that is free."""

    price: float = 1.0
    margin: float = 0.0

    def after(self, row: Mapping[str, float], config: TrainingConfig) -> Constraint:
        """Returns the constraint after a step of the training with this row of the history.

        The row has `kept`, and `success` where the optimizer was validated after the step.
        """
        if not isinstance(config, ConstrainedConfig):
            return self
        price = max(0.0, self.price + config.price_rate * (row["kept"] - self.margin))
        if row.get("success", 0.0) <= config.margin_success:
            return replace(self, price=price)
        return Constraint(price, max(config.margin_floor, self.margin * config.margin_factor))


def constraint_of(config: TrainingConfig, history: Sequence[Mapping[str, float]]) -> Constraint:
    """Returns the constraint that a training with this history has reached."""
    constraint = Constraint(config.price, config.margin) if isinstance(config, ConstrainedConfig) else Constraint()
    for row in history:
        constraint = constraint.after(row, config)
    return constraint
