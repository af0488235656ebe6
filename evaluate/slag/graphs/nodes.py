"""The nodes of a belief graph: main questions of points, what the model holds of them, and what flips it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.evaluate.slag.points import Asked, Point, Task, other_truth
from worldgen.evaluate.slag.predictions import Part, PointQuestions, Predictions, is_right
from worldgen.evaluate.slag.rational import statement_of
from worldgen.evaluate.slag.updating.blocks import PointUpdate, updates_of
from worldgen.worlds.world import World


@dataclass(frozen=True)
class Node:
    """A question, the model's answer to it, and the update that flips this belief."""

    point: Point
    """A point with a main question and nothing else."""
    predicted: str
    """The model's prediction before any update: "true" or "false", in GEN an answer."""
    flip: PointUpdate
    """The update that asks the model for the other truth value, in GEN for another answer."""

    @property
    def right(self) -> bool:
        """Whether the model's prediction is right."""
        return is_right(self.predicted, self.point.main.eligible)


def nodes_of(
    points: Sequence[Point], questions: PointQuestions, predictions: Predictions, draw: np.random.Generator
) -> list[Node]:
    """Returns a node for each of these points, in order; a GEN point that no other answer can be asked of has none.

    In GEN the other answer is that of "changing" updates: a random one of `Point.alternatives`, of its own weight.
    """
    said = {point.id: str(predictions.text[i]) for point, i in zip(questions.points, questions.main, strict=True)}
    if points and points[0].task is Task.TF:
        return [_truth_node(point, point.main, said[point.id]) for point in points]
    flips = updates_of([_alone(point, point.main) for point in points], "changing", said, draw)
    return [Node(flip.point, said[flip.point.id], flip) for flip in flips]


def entailed_nodes(
    world: World, agent: Agent, questions: PointQuestions, predictions: Predictions, target_credence: float
) -> list[Node]:
    """Returns a TF node for every entailed question that follows from the true main belief, each statement once.

    So its label is the truth. Questions whose label is the agent's after an update (R7) are none. The weight n' lifts
    the agent's credence in the fact of the statement to `target_credence`, as that of a main question does.
    """
    taken = {point.main.prompt for point in questions.points}
    members, found = questions.of(Part.ENTAILED), []
    for i in (questions.follows_truth & questions.implied).nonzero()[0].tolist():
        asked, number = questions.entailed[i].asked, int(members.point[i])
        if asked.prompt not in taken:
            taken.add(asked.prompt)
            point = replace(questions.points[number], id=f"{questions.points[number].id} entailed {i}", fact=None)
            point = _weighted(world, agent, point, asked, target_credence)
            found.append(_truth_node(point, asked, str(predictions.text[members.entry[i]])))
    return found


def _truth_node(point: Point, asked: Asked, predicted: str) -> Node:
    alone = _alone(point, asked)
    return Node(alone, predicted, PointUpdate(alone, other_truth(predicted), point.weight))


def _alone(point: Point, asked: Asked) -> Point:
    return replace(point, main=asked, paraphrases=(), entailed=(), neutral=())


def _weighted(world: World, agent: Agent, point: Point, asked: Asked, target_credence: float) -> Point:
    """Returns the point with the fact and the weight of a statement; of an "and" or "or" with the weight it has."""
    statement = statement_of(world, Task.TF, asked)
    if statement.connective not in ("", "not"):
        return point
    weight = float(agent.weight_for(*statement.first, target_credence))
    return replace(point, weight=weight, fact=None if statement.connective else statement.first)
