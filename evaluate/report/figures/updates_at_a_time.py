"""The figure of the six update metrics against r, the number of updates made one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.report.figures.style import COLORS, shortened
from worldgen.evaluate.statistics.interval import Interval

_COLUMNS: Final = 3
_COLORS: Final = ("model", "agent", "ink", "muted")
_MARKERS: Final = "osD^vP"
_CHANGE: Final = "delta_accuracy"  # every other metric is a share


def draw_against_r(
    figure: Figure, metrics: Sequence[Metric], methods: Mapping[str, Mapping[int, Mapping[str, Interval]]]
) -> None:
    """Draws a panel for each metric: a line for each method, with its interval at each r.

    `methods` maps a method to r, and this to the mean of each metric by its name. A metric that no method has a value
    of has no panel. Source: Hase et al., 2021, Figure 5.
    """
    every_r = sorted({r for found in methods.values() for r in found})
    means = [its for found in methods.values() for its in found.values()]
    shown = [metric for metric in metrics if any(metric.name in its for its in means)]
    grid = figure.subplots(-(-len(shown) // _COLUMNS), _COLUMNS, squeeze=False).ravel()
    for axes, metric in zip(grid, shown, strict=False):
        for number, (method, found) in enumerate(methods.items()):
            cells = [(r, means[metric.name]) for r, means in sorted(found.items()) if metric.name in means]
            if not cells:
                continue
            x = np.array([r for r, _ in cells]) * 1.06 ** (number - (len(methods) - 1) / 2)  # side by side
            color = COLORS[_COLORS[number % len(_COLORS)]]
            axes.vlines(x, [i.low for _, i in cells], [i.high for _, i in cells], color=color, linewidth=1.4)
            axes.plot(
                x, [i.mean for _, i in cells], marker=_MARKERS[number % len(_MARKERS)], markersize=4.5, linewidth=1.2,
                linestyle="-" if number < len(_COLORS) else "--", color=color, label=shortened(method), clip_on=False,
            )  # fmt: skip
        axes.set_title(metric.heading, weight="bold", pad=22)
        axes.text(0, 1.08, metric.label, transform=axes.transAxes, color=COLORS["muted"], size=8.5)
        axes.set(xscale="log", xlim=(every_r[0] / 1.3, every_r[-1] * 1.3))
        axes.set_xticks(every_r, [str(r) for r in every_r])
        axes.xaxis.set_minor_locator(NullLocator())
        if metric.name == _CHANGE:
            axes.axhline(0, color=COLORS["muted"], linewidth=0.8)
        else:
            axes.set_ylim(0, 1)
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    for axes in grid[max(0, len(shown) - _COLUMNS) : len(shown)]:
        axes.set_xlabel("r, updates one after another")
    figure.get_layout_engine().set(h_pad=0.1)  # type: ignore[union-attr, call-arg]
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower right", ncols=4)
