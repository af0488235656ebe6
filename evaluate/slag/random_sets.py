"""Random points, of which a measurement asks whether an update left them as they were.

For each measurement the points are shuffled, sorted by how often earlier measurements have used them, and the first are
taken that the measurement's updates say nothing about. So all points are used about equally often.
Source: Hase et al., 2021, section 5.1, and the published code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.slag.points import Point
from worldgen.randomness import generator


@dataclass(frozen=True)
class RandomSets:
    """The random points of each measurement."""

    sets: tuple[NDArray[np.int64], ...]
    """For each block of updates the places of its random points, in the order of the draw."""
    missing: int
    """How many points the blocks together lack of the size that was asked for, because too many are excluded."""


def draw_random_sets(
    points: Sequence[Point], blocks: Sequence[Sequence[int]], size: int, seed: int,
    downstream: Mapping[int, Sequence[int]],
) -> RandomSets:  # fmt: skip
    """Draws `size` of the points for each block, a block being the places of the points that are updated together.

    Excluded are the points of the block; every point about (s, r) or (s, r_d), where (s, r) is updated and
    `downstream[r]` holds r_d; the neutral partners of the block, which are the points about a fact of a neutral
    question; and every point whose main prompt is a question of the block, which is all that is known of points from
    elsewhere.
    """
    draw, uses = generator(seed, "slag random sets"), np.zeros(len(points), dtype=np.int64)
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, point in enumerate(points):
        for matter in _about(point):
            places[matter].append(place)
    sets = []
    for block in blocks:
        reach = {matter for updated in block for matter in _reach(points[updated], downstream)}
        free = np.ones(len(points), dtype=bool)
        free[[place for matter in reach & places.keys() for place in places[matter]]] = False
        shuffled = draw.permutation(len(points))
        order = shuffled[np.argsort(uses[shuffled], kind="stable")]
        sets.append(order[free[order]][:size])
        uses[sets[-1]] += 1
    return RandomSets(tuple(sets), sum(size - len(chosen) for chosen in sets))


def _about(point: Point) -> Iterator[Hashable]:
    """Yields what a point's main question is: its prompt and, in our world, its (subject, relation)."""
    yield point.main.prompt
    if point.fact:
        yield point.fact[:2]


def _reach(point: Point, downstream: Mapping[int, Sequence[int]]) -> Iterator[Hashable]:
    """Yields the prompts and the (subject, relation) that an update of a point may say something about.

    Its neutral questions are among them: they are measured as such.
    """
    yield from _about(point)
    for part in (point.paraphrases, point.entailed, point.neutral):
        yield from (question.asked.prompt for question in part)
    yield from (question.fact[:2] for question in point.neutral if question.fact)
    if point.fact:
        subject, relation, _ = point.fact
        yield from ((subject, dependent) for dependent in downstream.get(relation, ()))
