"""Errors of a model against the agent, and against itself: one pure function for each metric.

All functions take arrays [N] of probabilities and return arrays [N] of absolute errors. 0 is perfect; 1 is the worst
value of the first three. Source: paper, section 6.6 and appendix A.5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

P = NDArray[np.float64]


def probabilistic_error(model: P, agent: P) -> P:
    """Returns |p_LM - p_agent|."""
    return np.abs(model - agent)


def truth_error(p_object: P, p_true: P) -> P:
    """Returns TF: |p(o | s r) - p(true | "s r o")|."""
    return np.abs(p_object - p_true)


def negation_error(p_true: P, p_not: P) -> P:
    """Returns not: |p(true | A) + p(true | not A) - 1|."""
    return np.abs(p_true + p_not - 1)


def conjunction_error(p_a: P, p_b: P, p_and: P) -> P:
    """Returns and: |p(true | A and B) - p(true | A) p(true | B)|."""
    return np.abs(p_and - p_a * p_b)


def disjunction_error(p_a: P, p_b: P, p_or: P) -> P:
    """Returns or: |p(true | A or B) - p(A) - p(B) + p(A) p(B)|."""
    return np.abs(p_or - p_a - p_b + p_a * p_b)


def commutation_error(p_and: P, p_swapped: P) -> P:
    """Returns |p(true | A and B) - p(true | B and A)|."""
    return np.abs(p_and - p_swapped)
