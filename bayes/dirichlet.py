"""The conjugate formulas, on numbers or arrays: predictive and the weight that a credence needs.

A Categorical over K objects with prior Dirichlet(a, ..., a) and counts n[o], N their sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Number = float | NDArray[np.floating]


def predictive(count: Number, total: Number, a: float, K: int) -> Number:
    """Posterior predictive p(o) = (a + n[o]) / (a K + N); `count` is n[o], `total` is N.

    Source: paper, section 6.3. Raises ValueError for a prior or a K that define no distribution.
    """
    if not a > 0 or K < 2:
        raise ValueError(f"a Dirichlet needs a > 0 and at least two objects, not a = {a} and K = {K}")
    return (a + count) / (a * K + total)


def least_weight(count: Number, total: Number, a: float, K: int, goal: Number) -> Number:
    """The least whole n >= 1 with (a + n[o] + n) / (a K + N + n) >= goal.

    n = max(1, ceil((goal (a K + N) - (a + n[o])) / (1 - goal))). Raises ValueError for a goal outside (0, 1).
    """
    _check_target(goal)
    needed = (goal * (a * K + total) - (a + count)) / (1 - goal)
    # Goals are often met exactly (half way to certainty takes a K + N): rounding, ~1e-12, must not add one.
    return np.maximum(1, np.ceil(needed - 1e-9 * np.abs(needed)))


def target_credence(current: Number, target: float) -> Number:
    """What an edit should reach: `target`, or half way to certainty for a belief above it already.

    Raises ValueError for a target outside (0, 1).
    """
    _check_target(target)
    return np.where(np.less_equal(current, target), target, (1 + current) / 2)


def _check_target(target: Number) -> None:
    if not (np.less(0, target) & np.less(target, 1)).all():
        raise ValueError(f"a credence of {target} is reached by no finite weight, or by any")
