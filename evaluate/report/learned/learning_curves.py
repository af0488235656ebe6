"""The figure of how optimizers were trained: their loss, how many updates take, and their score on dev points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from worldgen.evaluate.report.figures.style import COLORS

_COLORS: Final = ("model", "agent", "ink", "muted")
_MARKERS: Final = "osD^"
_BLOCKS: Final = 20
"""A curve of the training is drawn through the means of so many blocks of steps: single steps scatter."""
_PANELS: Final = {
    "taught": "loss of the label, nats",
    "kept": "divergence elsewhere",
    "learned": "updates that take, share",
    "score": "selection score, dev points",
}


def draw_learning(figure: Figure, histories: Mapping[str, pd.DataFrame]) -> None:
    """Draws a panel for each of four columns of the histories against the updates made, a line for each optimizer.

    A history has a row for each step, with its number of `updates` so far; `score` is empty where nothing was
    validated.
    """
    grid = figure.subplots(1, len(_PANELS))
    for axes, (column, title) in zip(grid, _PANELS.items(), strict=True):
        for number, (name, history) in enumerate(histories.items()):
            look = {"color": COLORS[_COLORS[number % len(_COLORS)]], "linewidth": 1.2, "label": name}
            if column == "score":
                known = history.dropna(subset=[column])
                axes.plot(known["updates"], known[column], marker=_MARKERS[number % 4], markersize=4, **look)
            else:
                blocks = np.array_split(np.arange(len(history)), min(len(history), _BLOCKS))
                x, y = ([history[each].to_numpy()[b].mean() for b in blocks] for each in ("updates", column))
                axes.plot(x, y, **look)
        axes.set_title(title, size=8.5)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set(xlabel="updates", xlim=(0, None))
        if column == "learned":
            axes.set_ylim(0, 1)
        elif column != "score":
            axes.set_ylim(0, None)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower right", ncols=4)
