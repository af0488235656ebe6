"""Learned optimizers on the page: what each was trained to do, and how its training went."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.learned.learning_curves import draw_learning
from worldgen.evaluate.report.learned.trained_optimizer import TrainedOptimizer


class OptimizerRow(NamedTuple):
    """A trained optimizer in the table; the last two are None where it was not validated."""

    optimizer: TrainedOptimizer
    updates: int
    """How many updates its training made."""
    chosen_at: int | None
    """After how many of them it was as it is: where its score was highest."""
    score: float | None


class OptimizerSection(NamedTuple):
    """The table and its figure."""

    rows: list[OptimizerRow]
    curves: Markup


def optimizer_section(trained: Sequence[TrainedOptimizer], figures: FigureFolder) -> OptimizerSection | None:
    """Returns the part of the page about learned optimizers; None for a run that has trained none."""
    if not trained:
        return None
    histories = {optimizer.name: optimizer.history for optimizer in trained}
    described = "Losses, share of updates that take and dev score of learned optimizers against the updates made"
    curves = figures.add("learned-optimizers", described, (9.6, 3.0), partial(draw_learning, histories=histories))
    return OptimizerSection([_row(optimizer) for optimizer in trained], curves)


def _row(optimizer: TrainedOptimizer) -> OptimizerRow:
    history = optimizer.history
    made = int(history["updates"].iloc[-1])
    scores = history["score"].to_numpy(float)
    if np.isnan(scores).all():
        return OptimizerRow(optimizer, made, None, None)
    best = int(np.nanargmax(scores))
    return OptimizerRow(optimizer, made, int(history["updates"].iloc[best]), float(scores[best]))
