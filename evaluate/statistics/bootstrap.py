"""Bootstrap intervals of means over cases. The values of one case are resampled together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.statistics.interval import Interval


def mean_intervals(
    values: NDArray[np.float64], samples: int, confidence: float, draw: np.random.Generator
) -> list[Interval]:
    """Returns the mean of each column of `values` [N, M] with its interval; N cases are resampled as whole rows.

    A resample is N rows drawn uniformly with replacement. B resamples are multinomial weights w [B, N], and their means
    are w @ values / N. Raises ValueError for no cases.
    """
    N, _ = values.shape
    if not N:
        raise ValueError("no cases: a mean of nothing has no interval")
    rows_at_once = max(1, 4_000_000 // N)
    means = [
        draw.multinomial(N, np.full(N, 1 / N), size=min(rows_at_once, samples - begin)) @ values / N
        for begin in range(0, samples, rows_at_once)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return [Interval(*map(float, column)) for column in zip(values.mean(axis=0), low, high, strict=True)]
