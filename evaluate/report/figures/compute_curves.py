"""The figures about compute: accuracy against the cost of an edit, and accuracy against its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from worldgen.evaluate.report.figures.style import COLORS, shortened
from worldgen.evaluate.statistics.interval import Interval

MOST_PANELS_A_ROW: Final = 4
_NAME_HEIGHT: Final = 0.065  # of the axis of accuracies


class CurvePoint(NamedTuple):
    """The accuracies after a method's edits of one length.

    `steps` is the most steps that an edit takes (None: the method takes no steps). `flops` is the mean cost of an edit
    in floating-point operations (None: unknown).
    """

    steps: int | None
    flops: float | None
    at_request: Interval  # s1 r1
    downstream: Interval  # s1 r2


class MethodCurve(NamedTuple):
    """A method's trajectory and, as the last point, its full edits."""

    method: str
    points: Sequence[CurvePoint]


def draw_cost(figure: Figure, curves: Sequence[MethodCurve]) -> None:
    """Draws the accuracy at s1 r2 with its interval against the FLOPs of an edit.

    A method is the line of its trajectory, and a mark for its full edits. A method whose operations are 0, or were
    not counted, stands on the left, where there is no scale.
    """
    aside = [curve for curve in curves if not curve.points[-1].flops]
    scaled = [curve for curve in curves if curve.points[-1].flops]
    widths = [max(1.0, 0.9 * len(aside)), 8.0]
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=widths) if aside else (None, figure.subplots())
    for curve in scaled:
        points = [(point.flops, point.downstream.mean) for point in curve.points if point.flops]
        right.plot(*zip(*points, strict=True), ".-", color=COLORS["muted"], linewidth=1, markersize=4)
    right.set(xscale="log", xlabel="FLOP an edit", ylim=(0, 1))
    right.margins(x=0.12)
    right.xaxis.set_major_formatter(EngFormatter(sep=""))
    right.xaxis.set_minor_formatter(NullFormatter())
    _mark(right, [(curve.points[-1].flops or 0.0, curve) for curve in scaled], letter=0.0105)
    if left is not None:
        left.set(xticks=[], xlim=(-0.4, len(aside) + 0.1), xlabel="none counted,\nor not known")
        _mark(left, list(enumerate(aside)), letter=0.09 / len(aside))
    figure.axes[0].set_ylabel("accuracy at s1 r2")


def _mark(axes: Axes, curves: Sequence[tuple[float, MethodCurve]], letter: float) -> None:
    """Marks each method's full edits at (x, curve), with interval and name; a name moves up until it covers no other.

    `letter` is the width of a letter, as a share of the axes.
    """
    axes.get_xlim()  # has the axes compute their limits, which `transLimits` below needs
    taken: list[tuple[float, float, float]] = []  # the height, beginning and end of each name, the lowest first
    for x, curve in sorted(curves, key=lambda pair: pair[1].points[-1].downstream.mean):
        height, low, high = curve.points[-1].downstream
        axes.vlines(x, low, high, color=COLORS["model"], linewidth=1.6)
        axes.plot(x, height, "o", markersize=6, color=COLORS["model"], clip_on=False, zorder=3)
        name = shortened(curve.method, 16)
        begin = (axes.transScale + axes.transLimits).transform((x, 0))[0]
        end = begin + letter * (len(name) + 2)
        for other, its_begin, its_end in taken:
            if begin < its_end and its_begin < end and abs(height - other) < _NAME_HEIGHT:
                height = other + _NAME_HEIGHT
        taken = sorted([*taken, (height, begin, end)])
        axes.annotate(name, (x, height), (7, 3), textcoords="offset points", annotation_clip=False)


def draw_trajectories(figure: Figure, curves: Sequence[MethodCurve]) -> None:
    """Draws a panel for each method: the accuracy at s1 r1 and s1 r2 with its interval against the steps of an edit."""
    columns = min(len(curves), MOST_PANELS_A_ROW)
    grid = figure.subplots(-(-len(curves) // columns), columns, sharey=True, squeeze=False).ravel()
    for axes, curve in zip(grid, curves, strict=False):
        steps = np.array([point.steps for point in curve.points])
        at_request = [point.at_request for point in curve.points]
        downstream = [point.downstream for point in curve.points]
        _draw_band(axes, steps, at_request, "the request, s1 r1", COLORS["agent"], "s")
        _draw_band(axes, steps, downstream, "what depends on it, s1 r2", COLORS["model"], "o")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set(title=shortened(curve.method), xlabel="steps", ylim=(0, 1), xlim=(0, None))
    for axes in grid[len(curves) :]:
        axes.set_visible(False)
    grid[0].set_ylabel("accuracy")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)


def _draw_band(
    axes: Axes, steps: NDArray[np.int64], found: Sequence[Interval], label: str, color: str, marker: str
) -> None:
    """Draws the means [steps] as a line, the intervals as a band."""
    axes.fill_between(
        steps, [each.low for each in found], [each.high for each in found], color=color, alpha=0.15, linewidth=0
    )
    axes.plot(
        steps, [each.mean for each in found], marker=marker, markersize=4, linewidth=1.4, color=color, label=label,
        clip_on=False,
    )  # fmt: skip
