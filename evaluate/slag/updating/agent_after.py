"""The rational agent after all updates of a block.

The agent takes an update as n' more observations of "s r o". Those of a block add up, in whatever order they come. A
statement that is to be false is no observation that it can take: nothing is known of that subject then.

Shapes: B blocks; their points have E questions, their random sets Q.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.statement_credences import ask_statements
from worldgen.bayes.statements import Statement
from worldgen.evaluate.slag.points import TRUE, Asked, Task
from worldgen.evaluate.slag.rational import statement_of
from worldgen.evaluate.slag.updating.blocks import Block, told_fact
from worldgen.facts import Fact
from worldgen.worlds.world import World

AT_ONCE: Final = 512  # so that the beliefs of so many questions fit into memory at the paper's sizes


class AgentCredences(NamedTuple):
    """The agent's credences in the right answers after the updates of each question's block; NaN where unknown."""

    points: NDArray[np.float64]
    """[E]: to the questions of the blocks' points."""
    random: NDArray[np.float64]
    """[Q]: to the main questions of the random sets."""


@dataclass(frozen=True)
class Told:
    """The updates of B blocks as the agent takes them."""

    edits: EditSets
    """One set for each block."""
    unknown: tuple[frozenset[int], ...]
    """[B]: the subjects of statements that are to be false."""

    @staticmethod
    def by(world: World, blocks: Sequence[Block]) -> Told:
        """Returns what these blocks tell the agent; every point has a fact."""
        edits = [
            [Edit(*fact, update.weight) for update in block.updates if (fact := told_fact(update, world))]
            for block in blocks
        ]
        unknown = (
            frozenset(u.point.fact.subject for u in block.updates if u.point.fact and told_fact(u, world) is None)
            for block in blocks
        )
        return Told(EditSets.of(edits), tuple(unknown))

    def knows(self, block: int, statement: Statement) -> bool:
        """Returns whether the agent has a credence in a statement after the updates of a block."""
        return not any(fact.subject in self.unknown[block] for fact in facts_of(statement))


def facts_of(statement: Statement) -> tuple[Fact, ...]:
    """Returns the one or two facts that a statement speaks of."""
    return (statement.first,) if statement.second is None else (statement.first, statement.second)


def agent_credences(world: World, agent: Agent, blocks: Sequence[Block]) -> AgentCredences:
    """Returns the agent's credences after blocks of updates of one task; in GEN, in the first eligible object."""
    of_points = [(b, asked) for b, each in enumerate(blocks) for asked in each.asked]
    of_random = [(b, point.main) for b, each in enumerate(blocks) for point in each.random]
    task, told, both = blocks[0].updates[0].point.task, Told.by(world, blocks), [*of_points, *of_random]
    read = {asked: statement_of(world, task, asked) for asked in {asked for _, asked in both}}
    found = np.full(len(both), np.nan)
    known = np.array([i for i, (b, asked) in enumerate(both) if told.knows(b, read[asked])], dtype=np.int64)
    for first in range(0, len(known), AT_ONCE):
        some = known[first : first + AT_ONCE]
        asked = [both[i][1] for i in some.tolist()]
        sets = told.edits.where(np.array([both[i][0] for i in some.tolist()]))
        found[some] = _of_right_answers(task, asked, ask_statements(agent, [read[each] for each in asked], sets))
    return AgentCredences(found[: len(of_points)], found[len(of_points) :])


def _of_right_answers(task: Task, asked: Sequence[Asked], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the credences in the right answers from those in the statements that the questions are about."""
    if task is Task.GEN:
        return p
    return np.where([question.eligible == (TRUE,) for question in asked], p, 1 - p)
