"""The facts that updates of the points may ask for: in GEN the truth and each alternative, in TF the stated fact.

Shapes: N points, U updates, sorted by their points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.edit_weights import ask_weights
from worldgen.bayes.sparse import Floats
from worldgen.evaluate.slag.making.dependence import dependence_of, facts_of_pairs
from worldgen.evaluate.slag.making.mains import Integers, Mains, other_objects
from worldgen.evaluate.slag.making.tally import Item
from worldgen.evaluate.slag.points import Task
from worldgen.worlds.world import NONE, World

NO_DEPENDENT_RELATION = "no relation depends on the relation"
NO_DEPENDENT_FACT = "the subject has no fact of the dependent relation"


@dataclass(frozen=True)
class Updates:
    """The updates of all points of a task, as the agent takes them: `weight` more observations of "s r o"."""

    point: Integers  # [U]
    subject: Integers  # [U]
    relation: Integers  # [U]
    object: Integers  # [U]
    weight: Floats
    """[U]: n'."""
    downstream: Integers
    """[U]: the relation that depends on the update's and that the subject has a fact of, else NONE."""
    no_downstream: Sequence[str]
    """[U]: why there is none; "" where there is one."""

    def __len__(self) -> int:
        return len(self.point)

    def edits(self, chosen: Integers) -> EditSets:
        """Returns the chosen updates, which may repeat, as sets of one edit each."""
        return EditSets.one_each(self.subject[chosen], self.relation[chosen], self.object[chosen], self.weight[chosen])

    def by_point(self, N: int, items: Sequence[tuple[Item, ...]]) -> list[tuple[Item, ...]]:
        """Returns [N]: the items of all updates of each point, from the items of each update [U]."""
        joined: list[tuple[Item, ...]] = [()] * N
        for point, its in zip(self.point.tolist(), items, strict=True):
            joined[point] += its
        return joined


def drawn_alternatives(world: World, mains: Mains, count: int) -> Integers:
    """Returns [N, count]: other objects of each relation than the truth, uniform; NONE where there is no more.

    In TF there is none: the alternative is the other truth value.
    """
    width = count if mains.task is Task.GEN else 0
    return other_objects(world, mains.relation, mains.truth, mains.words("alternatives", width))


def updates_of(world: World, agent: Agent, mains: Mains, alternatives: Integers, target_credence: float) -> Updates:
    """Returns the updates of all points. Their weights n' are those of `Agent.weight_for`."""
    objects = np.column_stack([mains.object, alternatives])
    point, place = np.nonzero(objects != NONE)
    subject, relation, object_ = mains.subject[point], mains.relation[point], objects[point, place]
    downstream = dependence_of(world).downstream[relation]
    known = facts_of_pairs(world, subject, downstream) != NONE
    return Updates(
        point, subject, relation, object_, ask_weights(agent, subject, relation, object_, target_credence),
        np.where(known, downstream, NONE),
        np.select([downstream == NONE, ~known], [NO_DEPENDENT_RELATION, NO_DEPENDENT_FACT], "").tolist(),
    )  # fmt: skip
