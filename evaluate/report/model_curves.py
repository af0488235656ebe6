"""The parts of the page about the model before any edit: how its training went, and where it reads out facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
from markupsafe import Markup

from worldgen.evaluate.report.figures.layer_effects import draw_layer_effects
from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.figures.training_curves import draw_training
from worldgen.evaluate.statistics.interval import Interval


def training_curves(history: pd.DataFrame | None, figures: FigureFolder) -> Markup | None:
    """Returns the training curves, None for a model that is missing or took no step."""
    if history is None or history.empty:
        return None
    described = "Training loss, knowledge of the facts and accuracy on statements against tokens"
    return figures.add("training", described, (9.6, 3.1), partial(draw_training, history=history))


def layer_effects(effects: Mapping[tuple[str, str], Sequence[Interval]] | None, figures: FigureFolder) -> Markup | None:
    """Returns the figure of causal tracing, None where nothing was traced."""
    if effects is None:
        return None
    described = "Probability of the answer that each layer brings back, at the last token of subject and relation"
    return figures.add("tracing", described, (9.6, 3.2), partial(draw_layer_effects, effects=effects))
