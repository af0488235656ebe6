"""Linear probes: can one read off a model's activations to which of two classes the variable of a prompt belongs?

Source: Krasheninnikov et al., 2024, section 5.2. Shapes: N prompts, L blocks, T tokens of a prompt, H hidden size.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

_LARGEST_SEED: Final = 2**31


@dataclass(frozen=True)
class Probe:
    """A logistic regression with an L2 penalty, and how it is tested. The defaults are the paper's."""

    C: float = 0.01
    """The inverse of the penalty's weight, as in scikit-learn."""
    iterations: int = 1000
    """The most iterations; a regression that has not converged by then counts as it is."""
    folds: int = 5
    """Each prompt is predicted by a probe that has seen the other folds only."""


@dataclass(frozen=True)
class ProbeMap:
    """How well probes predict, block by block and token by token."""

    right: NDArray[np.int64]
    """[L, T]: how many of the prompts are predicted right."""
    prompts: int
    """The number of prompts, half of each class."""

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """[L, T]: the share of right predictions; a guess has 1/2."""
        return self.right / self.prompts


def probe(
    activations: NDArray[np.floating], classes: NDArray[np.bool_], variables: Sequence[str], draw: np.random.Generator,
    how: Probe = Probe(),
) -> ProbeMap:  # fmt: skip
    """Trains a probe at each block and token, and tests it on variables that it has not seen.

    `activations` [N, L, T, H] of prompts that ask the same of N different variables, so folds share no variable;
    `classes` [N]. Prompts of the larger class are left out by `draw` until both are equal. All places share one split
    into folds. Raises ValueError for a variable that comes twice, and for a class smaller than the number of folds.
    """
    if len(set(variables)) < len(variables):
        raise ValueError("a variable comes twice: take one question of each, so that folds share no variable")
    chosen = _balanced(classes, draw)
    if len(chosen) < 2 * how.folds:
        raise ValueError(f"a class has {len(chosen) // 2} prompts, fewer than the {how.folds} folds")
    x, y = activations[chosen], classes[chosen]
    folds = StratifiedKFold(how.folds, shuffle=True, random_state=int(draw.integers(_LARGEST_SEED)))
    L, T = x.shape[1:3]
    right = np.zeros((L, T), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for layer, token in np.ndindex(L, T):
            regression = LogisticRegression(C=how.C, max_iter=how.iterations)
            right[layer, token] = (cross_val_predict(regression, x[:, layer, token], y, cv=folds) == y).sum()
    return ProbeMap(right, len(chosen))


def _balanced(classes: NDArray[np.bool_], draw: np.random.Generator) -> NDArray[np.int64]:
    """Returns as many prompts of one class as of the other, drawn without replacement, in their order."""
    of_each = [np.flatnonzero(classes == label) for label in (False, True)]
    size = min(map(len, of_each))
    return np.sort(np.concatenate([draw.choice(prompts, size, replace=False) for prompts in of_each]))
