"""The conjugate formulas, on numbers or arrays: predictive and the weight that a credence needs.

A Categorical over K objects with prior Dirichlet(a, ..., a) and counts n[o], N their sum.
"""

from __future__ import annotations

import math

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


def least_weight(count: float, total: float, a: float, K: int, target: float) -> int:
    """The least whole n >= 1 with (a + n[o] + n) / (a K + N + n) >= target.

    n = max(1, ceil((target (a K + N) - (a + n[o])) / (1 - target))). Raises ValueError for a target outside (0, 1).
    """
    _check_target(target)
    needed = (target * (a * K + total) - (a + count)) / (1 - target)
    # Goals are often met exactly (half way to certainty takes a K + N): rounding, ~1e-12, must not add one.
    return max(1, math.ceil(needed - 1e-9 * abs(needed)))


def target_credence(current: float, target: float) -> float:
    """What an edit should reach: `target`, or half way to certainty for a belief above it already.

    Raises ValueError for a target outside (0, 1).
    """
    _check_target(target)
    return target if current <= target else (1 + current) / 2


def _check_target(target: float) -> None:
    if not 0 < target < 1:
        raise ValueError(f"a credence of {target} is reached by no finite weight, or by any")
