"""What the page shows of a learned optimizer."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class TrainedOptimizer:
    """A learned optimizer that was trained on points, and how."""

    name: str
    terms: str
    """What it is trained to do: the terms of its objective."""
    labels: str
    """What was asked for in training: "hard" or "beam"."""
    sequence: int
    """r: how many updates were made one after another."""
    training_steps: int
    """K: the most steps of an update, in training."""
    steps: int
    """The most steps of an update when it is applied."""
    history: pd.DataFrame
    """A row for each step of the training; `updates` is the number of updates made so far, `score` is NaN for a step
    without a validation."""
