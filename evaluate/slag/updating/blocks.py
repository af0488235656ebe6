"""Which points are updated, to which label, and in which blocks (Hase et al., 2021, section 5).

"Correcting": the main predictions that are wrong are updated to the truth. "Changing": the same points are updated to
another label. "Beam": so are they in TF; in GEN to another answer of the model's own (`beam_labels`). A block of r
updates is made one after another in one model and measured once, after the last of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from worldgen.evaluate.slag.points import TRUE, Asked, Point, Task, questions_of
from worldgen.evaluate.slag.predictions import is_right
from worldgen.facts import Fact
from worldgen.worlds.world import World

Protocol = Literal["correcting", "changing", "beam"]


@dataclass(frozen=True)
class PointUpdate:
    """A point, and the label that the model is to give to its main question."""

    point: Point
    label: str
    weight: float
    """How many observations the update is worth to the agent."""

    @property
    def asks_for_truth(self) -> bool:
        """Whether the label is a right one."""
        return self.label in self.point.main.eligible


@dataclass(frozen=True)
class Block:
    """Updates that are made one after another and measured together, with a random set of other points."""

    number: int
    updates: tuple[PointUpdate, ...]
    random: tuple[Point, ...]
    left_out: int = 0
    """How many entailed questions count no longer, because another update of the block may change what follows."""

    @property
    def asked(self) -> Iterator[Asked]:
        """Every question of the block's points, in their one order."""
        return (asked for update in self.updates for _, asked in questions_of(update.point))


def told_fact(update: PointUpdate, world: World) -> Fact | None:
    """Returns the fact that an update asks for; None for a statement that is to be false, or without a fact."""
    point = update.point
    if point.fact is None or point.task is Task.GEN:
        return point.fact and point.fact._replace(object=world.objects.id_of(update.label))
    return point.fact if update.label == TRUE else None


def wrong_points(points: Sequence[Point], is_right: Mapping[str, bool]) -> list[Point]:
    """Returns the points whose main prediction is wrong, in order. `is_right` is by the points' ids."""
    return [point for point in points if not is_right[point.id]]


def updates_of(
    points: Sequence[Point], protocol: Protocol, predicted: Mapping[str, str], draw: np.random.Generator
) -> list[PointUpdate]:
    """Returns the update of each point; a point that no other label can be asked of is left out.

    Correcting asks for the first eligible label. Every other protocol asks in GEN for a random wrong label that the
    model does not predict already, in TF for the label that it does not predict.
    """
    if protocol == "correcting":
        return [PointUpdate(point, point.main.eligible[0], point.weight) for point in points]
    changed = (_changed(point, predicted[point.id], draw) for point in points)
    return [update for update in changed if update is not None]


def _changed(point: Point, predicted: str, draw: np.random.Generator) -> PointUpdate | None:
    if point.task is Task.TF:
        labels = [label for label in (*point.main.eligible, *point.alternatives) if not is_right(predicted, [label])]
        return PointUpdate(point, labels[0], point.weight) if labels else None
    wrong = [number for number, label in enumerate(point.alternatives) if not is_right(predicted, [label])]
    if not wrong:
        return None
    chosen = int(draw.choice(wrong))
    weights = point.alternative_weights
    return PointUpdate(point, point.alternatives[chosen], weights[chosen] if weights else point.weight)


def blocks_of(updates: Sequence[PointUpdate], r: int, random: Sequence[tuple[Point, ...]]) -> list[Block]:
    """Returns blocks of r updates, in order; an incomplete one at the end is dropped. `random[i]` goes with block i."""
    count = len(updates) // r
    return [Block(i, tuple(updates[i * r : (i + 1) * r]), random[i]) for i in range(count)]
