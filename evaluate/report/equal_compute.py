"""Methods at equal compute: what an edit costs, what it achieves, and each method within one budget of operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from worldgen.evaluate.report.tables import Group, side_by_side


class CostPoint(NamedTuple):
    """The scores of a method's edits of one length, with the cost of an edit.

    `steps` is the most steps that an edit takes (None: the method takes no steps). `flops` is the mean cost of an edit
    in floating-point operations (None: unknown).
    """

    method: str
    steps: int | None
    flops: float | None
    scores: dict[str, Any]


class EqualCompute(NamedTuple):
    """The table of the methods within a budget of FLOPs an edit; `left_out` cost more, or their cost is unknown."""

    budget: float
    groups: list[Group]
    left_out: list[str]


def points_of(scores: dict[str, Any]) -> list[CostPoint]:
    """Returns the points of a method's trajectory and, last, that of its full edits."""
    rows = [*scores.get("trajectory", []), scores]
    return [CostPoint(scores["method"], row.get("steps"), row["cost"].get("flops_per_edit"), row) for row in rows]


def cheapest(scores: Iterable[dict[str, Any]]) -> float | None:
    """Returns the least FLOPs that a method's full edits cost; costs that are 0 or unknown do not count."""
    return min((flops for each in scores if (flops := each["cost"].get("flops_per_edit"))), default=None)


def at_equal_compute(scores: Sequence[dict[str, Any]], budget: float) -> EqualCompute | None:
    """Returns each method with the most steps that fit into the budget of FLOPs an edit; 0: the cheapest method's cost.

    Returns None where no method's cost is known and above 0.
    """
    budget = budget or cheapest(scores) or 0.0
    if not budget:
        return None
    longest = {each["method"]: _longest(points_of(each), budget) for each in scores}
    within = [point for point in longest.values() if point]
    rows = [point.scores | {"method": _named(point)} for point in within]
    return EqualCompute(budget, side_by_side(rows) if rows else [], [name for name in longest if not longest[name]])


def _longest(points: Sequence[CostPoint], budget: float) -> CostPoint | None:
    within = [point for point in points if point.flops is not None and point.flops <= budget]
    return within[-1] if within else None


def _named(point: CostPoint) -> str:
    steps = {None: "", 1: ", 1 step"}.get(point.steps, f", {point.steps} steps")
    return f"{point.method}{steps}"
