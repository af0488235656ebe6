"""Methods at equal compute: what an edit costs beside what it gives, and each method within the same operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from worldgen.evaluate.report.tables import Group, side_by_side
from worldgen.evaluate.statistics.bootstrap import Interval


class Point(NamedTuple):
    """A method's edits with at most so many steps (None: it has none), at a mean cost in FLOPs (None: unknown)."""

    method: str
    steps: int | None
    flops: float | None
    scores: dict[str, Any]

    def interval(self, group: str, metric: str) -> Interval:
        """A metric after the edit, of a group that holds cases."""
        return Interval(**self.scores["groups"][group]["post"][metric])


class EqualCompute(NamedTuple):
    """The methods within a budget of FLOPs an edit, as a table; `left_out` cost more, or nobody knows what."""

    budget: float
    groups: list[Group]
    left_out: list[str]


def points_of(scores: dict[str, Any]) -> list[Point]:
    """A method's trajectory and, last, its whole edits."""
    rows = [*scores.get("trajectory", []), scores]
    return [Point(scores["method"], row.get("steps"), row["cost"].get("flops_per_edit"), row) for row in rows]


def cheapest(scores: Iterable[dict[str, Any]]) -> float | None:
    """The FLOPs of the method whose whole edits take the fewest; those that take none, or unknown ones, left out."""
    return min((flops for each in scores if (flops := each["cost"].get("flops_per_edit"))), default=None)


def at_equal_compute(scores: Sequence[dict[str, Any]], budget: float) -> EqualCompute | None:
    """Each method at the most steps whose FLOPs an edit are within the budget, 0 being the cheapest method's.

    None where no method takes any operation.
    """
    budget = budget or cheapest(scores) or 0.0
    if not budget:
        return None
    longest = {each["method"]: _longest(points_of(each), budget) for each in scores}
    within = [point for point in longest.values() if point]
    rows = [point.scores | {"method": _named(point)} for point in within]
    return EqualCompute(budget, side_by_side(rows) if rows else [], [name for name in longest if not longest[name]])


def _longest(points: Sequence[Point], budget: float) -> Point | None:
    within = [point for point in points if point.flops is not None and point.flops <= budget]
    return within[-1] if within else None


def _named(point: Point) -> str:
    steps = {None: "", 1: ", 1 step"}.get(point.steps, f", {point.steps} steps")
    return f"{point.method}{steps}"
