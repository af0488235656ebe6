"""The figure of linear probes: how well one predicts at each block and token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from worldgen.evaluate.report.figures.style import COLORS, shortened

_LONGEST_TOKEN = 14


def draw_probe_maps(figure: Figure, maps: Mapping[str, NDArray[np.float64]], tokens: Sequence[str]) -> None:
    """Draws the accuracy of probes as a heat map for each title, [L, T]: blocks upwards, tokens from left to right.

    A cell is the fuller the further its accuracy is from the 1/2 of a guess, in the model's colour above and in the
    agent's below.
    """
    panels = figure.subplots(1, len(maps), sharey=True, squeeze=False)[0]
    for axes, (title, accuracies) in zip(panels, maps.items(), strict=True):
        layers, columns = accuracies.shape
        for (layer, token), accuracy in np.ndenumerate(accuracies):
            color = COLORS["model" if accuracy > 0.5 else "agent"]
            fullness = 2 * abs(float(accuracy) - 0.5)
            axes.add_patch(Rectangle((token - 0.5, layer - 0.5), 1, 1, facecolor=color, alpha=fullness, linewidth=0))
            axes.text(token, layer, f"{accuracy:.2f}".lstrip("0"), ha="center", va="center", fontsize=7)
        axes.set(title=title, xlabel="token", xlim=(-0.5, columns - 0.5), ylim=(-0.5, layers - 0.5))
        axes.set_xticks(range(columns), [shortened(token, _LONGEST_TOKEN) for token in tokens], rotation=45, ha="right")
        axes.set_yticks(range(layers), [str(layer + 1) for layer in range(layers)])
        axes.grid(False)
    panels[0].set_ylabel("after block")
