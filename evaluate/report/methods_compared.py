"""The parts of the page that compare methods: side by side, against their cost, at equal compute, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from markupsafe import Markup

from worldgen.evaluate.report.equal_compute import CostPoint, EqualCompute, at_equal_compute, cheapest, points_of
from worldgen.evaluate.report.figures.compute_curves import (
    MOST_PANELS_A_ROW,
    CurvePoint,
    MethodCurve,
    draw_cost,
    draw_trajectories,
)
from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.tables import Group, side_by_side
from worldgen.evaluate.testbed.scores import MethodScores


class Comparison(NamedTuple):
    """Several methods compared; the figure and the second table are None where no method's operations were counted."""

    groups: list[Group]
    against_cost: Markup | None
    equal: EqualCompute | None


def compare_methods(scores: Sequence[MethodScores], budget: float, figures: FigureFolder) -> Comparison | None:
    """Returns the comparison of several methods, None for one or no method.

    `budget` is how many FLOPs an edit may cost in the table at equal compute (0: the cheapest method's cost).
    """
    if len(scores) < 2:
        return None
    return Comparison(side_by_side(scores), _against_cost(scores, figures), at_equal_compute(scores, budget))


def _against_cost(scores: Sequence[MethodScores], figures: FigureFolder) -> Markup | None:
    if cheapest(scores) is None:
        return None
    draw = partial(draw_cost, curves=curves_of(scores))
    described = "Accuracy at s1 r2 after the edit against floating-point operations an edit, a mark for each method"
    return figures.add("cost", described, (9.6, 3.4), draw)


def trajectories(scores: Sequence[MethodScores], figures: FigureFolder) -> Markup | None:
    """Returns the figure of accuracy against steps, None where no trajectory was recorded."""
    recorded = [curve for curve, each in zip(curves_of(scores), scores, strict=True) if each.trajectory]
    if not recorded:
        return None
    described = "Accuracy at s1 r1 and s1 r2 against the number of steps, a panel for each method"
    rows = -(-len(recorded) // MOST_PANELS_A_ROW)
    draw = partial(draw_trajectories, curves=recorded)
    return figures.add("trajectories", described, (9.6, 0.7 + 2.5 * rows), draw)


def curves_of(scores: Sequence[MethodScores]) -> list[MethodCurve]:
    """Returns the curve of each method over the cases whose downstream answer changes; over all where there is none."""
    if not scores:
        return []
    group = "downstream_changes" if scores[0].groups["downstream_changes"].n else "all"
    return [MethodCurve(each.method, [_curve_point(point, group) for point in points_of(each)]) for each in scores]


def _curve_point(point: CostPoint, group: str) -> CurvePoint:
    after = point.scores.groups[group].post
    return CurvePoint(point.steps, point.flops, after["acc_s1r1"], after["acc_s1r2"])
