"""The figure of the objects' popularity."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from worldgen.evaluate.report.figures.style import COLORS


def draw_popularity(figure: Figure, facts: NDArray[np.int64]) -> None:
    """Draws the facts that name an object against the object's rank, on logarithmic axes.

    `facts` [objects] is in descending order.
    """
    # Both ends of every step: the thousands of objects with one fact each are a line, not as many points.
    step = np.flatnonzero(np.diff(facts))
    drawn = np.unique(np.r_[0, step, step + 1, len(facts) - 1])
    axes = figure.subplots()
    axes.plot(drawn + 1, facts[drawn], color=COLORS["agent"], linewidth=1.6)
    axes.set(xscale="log", yscale="log", xlabel="rank of the object", title="facts that name the object")
    axes.margins(x=0.01)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator())
        axis.set_major_formatter(EngFormatter(sep=""))
        axis.set_minor_formatter(NullFormatter())
