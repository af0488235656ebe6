"""Methods at equal compute: what is chosen, and that the figure shows every method."""

from __future__ import annotations

import re
from itertools import pairwise

from worldgen.evaluate.report.equal_compute import at_equal_compute, cheapest
from worldgen.evaluate.report.figures.compute_curves import draw_cost
from worldgen.evaluate.report.figures.svg import svg_of
from worldgen.evaluate.report.methods_compared import curves_of
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.testbed.editing_metrics import GROUPS, METRIC_NAMES
from worldgen.evaluate.testbed.scores import EditCost, GroupScores, MethodScores


def scored(method: str, flops: float | None, *shorter: tuple[int, float, float], mean: float = 0.5) -> MethodScores:
    """Scores with every mean the same; `shorter`: steps, FLOPs and mean."""

    def row(mean: float, flops: float | None, steps: int | None, *trajectory: MethodScores) -> MethodScores:
        cells = dict.fromkeys(METRIC_NAMES, Interval(mean, mean, mean))
        groups = dict.fromkeys(GROUPS, GroupScores(3, cells, cells, cells))
        cost = None if flops is None else EditCost(steps or 0, 0.0, flops, 0)
        return MethodScores(method, 3, 0.95, groups, cost, steps=steps, trajectory=trajectory)

    trajectory = [row(value, cost, steps) for steps, cost, value in shorter]
    return row(mean, flops, 40 if flops else None, *trajectory)


SCORES = [
    scored("cheap", 100.0, (0, 0.0, 0.1), (10, 25.0, 0.2)),
    scored("dear", 4000.0, (0, 0.0, 0.1), (1, 100.0, 0.3), (10, 1000.0, 0.4)),
    scored("whole", 101.0),
    scored("free", 0.0),
    scored("outside", None),
]


def test_equal_compute_is_the_most_steps_within_the_cheapest() -> None:
    assert cheapest(SCORES) == 100
    equal = at_equal_compute(SCORES, 0.0)
    assert equal is not None
    assert equal.budget == 100
    assert equal.left_out == ["whole", "outside"]
    for group in equal.groups:
        rows = {title: cells[0].mean for title, cells in group.rows.items() if not title.startswith("before")}
        assert rows == {"cheap, 40 steps": "0.50", "dear, 1 step": "0.30", "free": "0.50"}


def test_equal_compute_within_a_budget() -> None:
    for budget, dear, left_out in (
        (1000.0, "dear, 10 steps", 1),
        (99.0, "dear, 0 steps", 2),
        (1e9, "dear, 40 steps", 1),
    ):
        equal = at_equal_compute(SCORES, budget)
        assert equal is not None
        assert dear in equal.groups[0].rows
        assert len(equal.left_out) == left_out
    assert at_equal_compute([scored("free", 0.0), scored("outside", None)], 0.0) is None


def test_every_method_is_on_the_figure() -> None:
    svg = svg_of("cost", (9, 3), lambda figure: draw_cost(figure, curves_of(SCORES)))
    for scores in SCORES:
        assert len(re.findall(f">{scores.method}</text>", svg)) == 1
    # Five marks in one place: no name lies on another.
    same = curves_of([scored(name, 100.0) for name in "abcde"])
    svg = svg_of("cost", (9, 3), lambda figure: draw_cost(figure, same))
    heights = [float(y) for name in "abcde" for y in re.findall(rf' y="([0-9.]+)"[^<]*>{name}</text>', svg)]
    assert len(heights) == 5
    assert all(below - above > 9 for below, above in pairwise(heights))
