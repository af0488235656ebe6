"""The figure of the model's probability against the agent's credence."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from worldgen.evaluate.report.figures.style import COLORS

_MOST_POINTS: Final = 1000


def draw_calibration(figure: Figure, asked: pd.DataFrame, changing: NDArray[np.bool_]) -> None:
    """Draws model against agent at s1 r2, before and after the edit, a dot for each of the first thousand cases.

    `asked` [cases] has the columns agent_before, model_before, agent_after and model_after; `changing` [cases] marks
    the cases whose answer ought to change.
    """
    asked, changing = asked[:_MOST_POINTS], changing[:_MOST_POINTS]
    for axes, phase in zip(figure.subplots(1, 2, sharex=True, sharey=True), ("before", "after"), strict=True):
        axes.plot([0, 1], [0, 1], color=COLORS["line"], linewidth=1)
        for mask, color, label in ((~changing, "muted", "answer stays"), (changing, "model", "answer ought to change")):
            x, y = asked.loc[mask, f"agent_{phase}"], asked.loc[mask, f"model_{phase}"]
            axes.scatter(x, y, s=24, color=COLORS[color], alpha=0.6, linewidths=0, clip_on=False, label=label)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=f"{phase} the edit", xlabel="agent's credence")
    figure.axes[0].set_ylabel("model's probability")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
