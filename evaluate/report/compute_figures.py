"""The report's figures about compute: score against cost, and trajectories over steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from worldgen.evaluate.methods.compute import Point
from worldgen.evaluate.report.figures import COLORS, shortened

MOST_PANELS_A_ROW = 4
_NAME_HEIGHT = 0.065  # of the axis of accuracies
LINES = {"acc_s1r1": ("the request, s1 r1", "agent", "s"), "acc_s1r2": ("what depends on it, s1 r2", "model", "o")}


def score_against_cost(figure: Figure, methods: Sequence[Sequence[Point]], group: str) -> None:
    """Accuracy at s1 r2 with its interval against FLOPs an edit; a trajectory as a line, its whole edits as a mark.

    Methods that take no counted operation, or whose cost nobody knows, stand on the left, where there is no scale.
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


def _mark(axes: Axes, points: Sequence[tuple[float, Point]], group: str, letter: float) -> None:
    """Each point at its x with its interval and its name, which is lifted until it lies on no other.

    `letter` is how wide a letter is, as a share of the axes.
    """
    axes.get_xlim()  # has the axes know its limits, which it finds out when it is asked
    taken: list[tuple[float, float, float]] = []  # a name's height, beginning and end, the lowest first
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


def trajectories(figure: Figure, methods: Sequence[Sequence[Point]], group: str) -> None:
    """A panel for each method: accuracy at s1 r1 and s1 r2 against the steps it may take, each with its interval."""
    columns = min(len(methods), MOST_PANELS_A_ROW)
    grid = figure.subplots(-(-len(methods) // columns), columns, sharey=True, squeeze=False).ravel()
    for axes, points in zip(grid, methods, strict=False):
        steps = np.array([point.steps for point in points])
        for metric, (label, color, marker) in LINES.items():
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
