"""The figures about compute: accuracy against the cost of an edit, and accuracy against its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from worldgen.evaluate.report.equal_compute import CostPoint
from worldgen.evaluate.report.figures.style import COLORS, shortened

MOST_PANELS_A_ROW: Final = 4
_NAME_HEIGHT: Final = 0.065  # of the axis of accuracies
# For each metric that is drawn against the steps its label, colour and marker.
_LINES: Final = {
    "acc_s1r1": ("the request, s1 r1", "agent", "s"),
    "acc_s1r2": ("what depends on it, s1 r2", "model", "o"),
}


def draw_cost(figure: Figure, methods: Sequence[Sequence[CostPoint]], group: str) -> None:
    """Draws the accuracy at s1 r2 with its interval against the FLOPs of an edit.

    A method is the line of its trajectory, and a mark for its full edits. A method whose operations are 0, or were
    not counted, stands on the left, where there is no scale.
    """
    aside = [points[-1] for points in methods if not points[-1].flops]
    scaled = [[(point.flops, point) for point in points if point.flops] for points in methods if points[-1].flops]
    widths = [max(1.0, 0.9 * len(aside)), 8.0]
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=widths) if aside else (None, figure.subplots())
    for points in scaled:
        heights = [point.interval(group, "acc_s1r2").mean for _, point in points]
        right.plot([flops for flops, _ in points], heights, ".-", color=COLORS["muted"], linewidth=1, markersize=4)
    right.set(xscale="log", xlabel="FLOP an edit", ylim=(0, 1))
    right.margins(x=0.12)
    right.xaxis.set_major_formatter(EngFormatter(sep=""))
    right.xaxis.set_minor_formatter(NullFormatter())
    _mark(right, [points[-1] for points in scaled], group, letter=0.0105)
    if left is not None:
        left.set(xticks=[], xlim=(-0.4, len(aside) + 0.1), xlabel="none counted,\nor not known")
        _mark(left, list(enumerate(aside)), group, letter=0.09 / len(aside))
    figure.axes[0].set_ylabel("accuracy at s1 r2")


def _mark(axes: Axes, points: Sequence[tuple[float, CostPoint]], group: str, letter: float) -> None:
    """Draws each point at its x with its interval and its name; a name moves up until it covers no other name.

    `letter` is the width of a letter, as a share of the axes.
    """
    axes.get_xlim()  # has the axes compute their limits, which `transLimits` below needs
    taken: list[tuple[float, float, float]] = []  # the height, beginning and end of each name, the lowest first
    for x, point in sorted(points, key=lambda pair: pair[1].interval(group, "acc_s1r2").mean):
        height, low, high = point.interval(group, "acc_s1r2")
        axes.vlines(x, low, high, color=COLORS["model"], linewidth=1.6)
        axes.plot(x, height, "o", markersize=6, color=COLORS["model"], clip_on=False, zorder=3)
        name = shortened(point.method, 16)
        begin = (axes.transScale + axes.transLimits).transform((x, 0))[0]
        end = begin + letter * (len(name) + 2)
        for other, its_begin, its_end in taken:
            if begin < its_end and its_begin < end and abs(height - other) < _NAME_HEIGHT:
                height = other + _NAME_HEIGHT
        taken = sorted([*taken, (height, begin, end)])
        axes.annotate(name, (x, height), (7, 3), textcoords="offset points", annotation_clip=False)


def draw_trajectories(figure: Figure, methods: Sequence[Sequence[CostPoint]], group: str) -> None:
    """Draws a panel for each method: the accuracy at s1 r1 and s1 r2 with its interval against the steps of an edit."""
    columns = min(len(methods), MOST_PANELS_A_ROW)
    grid = figure.subplots(-(-len(methods) // columns), columns, sharey=True, squeeze=False).ravel()
    for axes, points in zip(grid, methods, strict=False):
        steps = np.array([point.steps for point in points])
        for metric, (label, color, marker) in _LINES.items():
            found = [point.interval(group, metric) for point in points]
            low, high = [each.low for each in found], [each.high for each in found]
            axes.fill_between(steps, low, high, color=COLORS[color], alpha=0.15, linewidth=0)
            axes.plot(
                steps, [each.mean for each in found], marker=marker, markersize=4, linewidth=1.4, color=COLORS[color],
                label=label, clip_on=False,
            )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set(title=shortened(points[0].method), xlabel="steps", ylim=(0, 1), xlim=(0, None))
    for axes in grid[len(methods) :]:
        axes.set_visible(False)
    grid[0].set_ylabel("accuracy")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
