"""Updates to labels from the model's own beam: other answers that it holds probable (Hase et al., 2021, Table 5).

The paper compares correct labels on wrong points with beam labels on all points. Here both are of the same points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.evaluate.slag.making.world_points import points_with_alternatives
from worldgen.evaluate.slag.points import Point
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.evaluate.slag.updating.blocks import PointUpdate
from worldgen.worlds.world import NONE, World

BEAM_SIZE: Final = 5


def beam_labels(
    points: Sequence[Point], beams: Mapping[str, Sequence[str]], predicted: Mapping[str, str], draw: np.random.Generator
) -> dict[Point, str]:
    """Returns for each point a random object of its beam, but not the predicted one. All maps are by the points' ids.

    The truth may be among them. A point whose beam holds no other object is left out.
    """
    others = other_answers(points, beams, predicted)
    return {point: labels[int(draw.integers(len(labels)))] for point, labels in others.items() if labels}


def other_answers(
    points: Sequence[Point], beams: Mapping[str, Sequence[str]], predicted: Mapping[str, str]
) -> dict[Point, list[str]]:
    """Returns the objects of each point's beam without the predicted one; the maps are by the points' ids."""
    return {point: [label for label in beams[point.id] if label != predicted[point.id]] for point in points}


def updates_to_labels(
    world: World, agent: Agent, config: SlagConfig, seed: int, labels: Mapping[Point, str]
) -> list[PointUpdate]:
    """Returns the updates of GEN points of a world to these labels.

    Each point is made again with its label as its alternative, so that weight and entailed questions are exact.
    """
    made = points_with_labels(world, agent, config, seed, {point: (label,) for point, label in labels.items()})
    return [
        PointUpdate(point, label, *(point.alternative_weights or (point.weight,)))
        for point, label in zip(made, labels.values(), strict=True)
    ]


def points_with_labels(
    world: World, agent: Agent, config: SlagConfig, seed: int, labels: Mapping[Point, Sequence[str]]
) -> list[Point]:
    """Returns the GEN points again, with those of the labels that are not the truth as their alternatives."""
    objects = {
        point.fact: [NONE if label in point.main.eligible else world.objects.id_of(label) for label in its]
        for point, its in labels.items()
        if point.fact
    }
    return points_with_alternatives(world, agent, config, seed, objects)
