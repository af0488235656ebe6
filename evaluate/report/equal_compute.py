"""Methods at equal compute: what an edit costs, what it achieves, and each method within one budget of operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from worldgen.evaluate.report.tables import Group, side_by_side
from worldgen.evaluate.testbed.scores import MethodScores


class CostPoint(NamedTuple):
    """The scores of a method's edits of one length, with the cost of an edit.

    `steps` is the most steps that an edit takes (None: the method takes no steps). `flops` is the mean cost of an edit
    in floating-point operations (None: unknown).
    """

    method: str
    steps: int | None
    flops: float | None
    scores: MethodScores


class EqualCompute(NamedTuple):
    """The table of the methods within a budget of FLOPs an edit; `left_out` cost more, or their cost is unknown."""

    budget: float
    groups: list[Group]
    left_out: list[str]


def points_of(scores: MethodScores) -> list[CostPoint]:
    """Returns the points of a method's trajectory and, last, that of its full edits."""
    return [CostPoint(scores.method, row.steps, _flops(row), row) for row in (*scores.trajectory, scores)]


def cheapest(scores: Iterable[MethodScores]) -> float | None:
    """Returns the least FLOPs that a method's full edits cost; costs that are 0 or unknown do not count."""
    return min((flops for each in scores if (flops := _flops(each))), default=None)


def at_equal_compute(scores: Sequence[MethodScores], budget: float) -> EqualCompute | None:
    """Returns each method with the most steps that fit into the budget of FLOPs an edit; 0: the cheapest method's cost.

    Returns None where no method's cost is known and above 0.
    """
    budget = budget or cheapest(scores) or 0.0
    if not budget:
        return None
    longest = {each.method: _longest(points_of(each), budget) for each in scores}
    within = [point for point in longest.values() if point]
    rows = [replace(point.scores, method=_named(point)) for point in within]
    return EqualCompute(budget, side_by_side(rows) if rows else [], [name for name in longest if not longest[name]])


def _flops(scores: MethodScores) -> float | None:
    return scores.cost.flops_per_edit if scores.cost else None


def _longest(points: Sequence[CostPoint], budget: float) -> CostPoint | None:
    within = [point for point in points if point.flops is not None and point.flops <= budget]
    return within[-1] if within else None


def _named(point: CostPoint) -> str:
    steps = {None: "", 1: ", 1 step"}.get(point.steps, f", {point.steps} steps")
    return f"{point.method}{steps}"
