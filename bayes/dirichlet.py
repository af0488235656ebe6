"""The formulas of a Categorical with a Dirichlet prior, on numbers or arrays.

K objects, prior Dirichlet(a, ..., a), counts n[o] and their sum N.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Number = float | NDArray[np.floating]


def predictive(n: Number, N: Number, a: float, K: int) -> Number:
    """Returns the posterior predictive p(o) = (a + n[o]) / (a K + N), where `n` is n[o].

    Raises ValueError for a <= 0 or K < 2, which define no distribution. Source: paper, section 6.3.
    """
    if not a > 0 or K < 2:
        raise ValueError(f"a Dirichlet needs a > 0 and at least two objects, not a = {a} and K = {K}")
    return (a + n) / (a * K + N)


def least_weight(mass: Number, strength: Number, goal: Number) -> Number:
    """Returns n', the least whole number >= 1 with (mass + n') / (strength + n') >= goal.

        n' = max(1, ceil((goal strength - mass) / (1 - goal)))

    mass / strength is the credence now: (a + n[o]) / (a K + N) of a root. Raises ValueError for a goal outside (0, 1).
    """
    _check_target(goal)
    needed = (goal * strength - mass) / (1 - goal)
    # Goals are often met exactly (half way to certainty takes a K + N): rounding, ~1e-12, must not add one.
    return np.maximum(1, np.ceil(needed - 1e-9 * np.abs(needed)))


def target_credence(credence: Number, target: float) -> Number:
    """Returns the credence that an edit should reach: `target`, or half way to 1 for a credence above it already.

    Raises ValueError for a target outside (0, 1).
    """
    _check_target(target)
    return np.where(np.less_equal(credence, target), target, (1 + credence) / 2)


def _check_target(target: Number) -> None:
    if not (np.less(0, target) & np.less(target, 1)).all():
        raise ValueError(f"a target credence must be above 0 and below 1, not {target}")
