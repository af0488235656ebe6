"""The nodes of a belief graph: TF statements, what the model holds of them, and what flips it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.statements import Statement
from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Point, Task, other_truth
from worldgen.evaluate.slag.predictions import Part, PointQuestions, Predictions
from worldgen.evaluate.slag.rational import statement_of
from worldgen.evaluate.slag.updating.blocks import PointUpdate
from worldgen.worlds.world import World


@dataclass(frozen=True)
class Node:
    """A statement, and the model's belief in it."""

    point: Point
    """A point with a main question and nothing else."""
    statement: Statement
    """The statement as the agent reads it."""
    predicted: str
    """The model's prediction before any update: "true" or "false"."""

    @property
    def right(self) -> bool:
        """Whether the model's prediction is right."""
        return self.predicted in self.point.main.eligible

    @property
    def flip(self) -> PointUpdate:
        """The update that asks the model for the other truth value."""
        return PointUpdate(self.point, other_truth(self.predicted), self.point.weight)

    @property
    def observation(self) -> Edit | None:
        """The flip as the agent can observe it: n' times the fact that the flipped statement states.

        That is "s r o" made true, or "not s r o" made false, which says the same. None for every other flip: that a
        fact is false is no observation that the agent takes, and neither is an "and" or an "or".
        """
        states = {("", TRUE), ("not", FALSE)}
        if (self.statement.connective, self.flip.label) not in states:
            return None
        return Edit(*self.statement.first, self.point.weight)


def nodes_of(world: World, questions: PointQuestions, predictions: Predictions) -> list[Node]:
    """Returns a node for the main question of every TF point, in their order."""
    said = predictions.text[questions.main]
    return [_node(world, point, point.main, str(text)) for point, text in zip(questions.points, said, strict=True)]


def entailed_nodes(
    world: World, agent: Agent, questions: PointQuestions, predictions: Predictions, target_credence: float
) -> list[Node]:
    """Returns a node for every entailed question that follows from the true main belief, each statement once.

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
            node = _node(world, point, asked, str(predictions.text[members.entry[i]]))
            found.append(_weighted(agent, node, target_credence))
    return found


def _node(world: World, point: Point, asked: Asked, predicted: str) -> Node:
    alone = replace(point, main=asked, paraphrases=(), entailed=(), neutral=(), alternatives=())
    return Node(alone, statement_of(world, Task.TF, asked), predicted)


def _weighted(agent: Agent, node: Node, target_credence: float) -> Node:
    first, connective = node.statement.first, node.statement.connective
    if connective not in ("", "not"):
        return node
    weight = float(agent.weight_for(*first, target_credence))
    return replace(node, point=replace(node.point, weight=weight, fact=None if connective else first))


def statements_of(nodes: Sequence[Node]) -> list[Statement]:
    """Returns the statement of each node."""
    return [node.statement for node in nodes]
