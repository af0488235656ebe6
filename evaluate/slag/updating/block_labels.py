"""The labels of entailed questions after all updates of a block (r > 1): another update may change what follows.

R7 is asked of the agent after all of them. What follows by logic or by a rule (R1 to R6) may be in doubt: then it does
not count. Source: the paper measures r updates together by the labels of each by itself; this is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import ask_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.statements import Statement
from worldgen.evaluate.slag.making.dependence import dependence_of
from worldgen.evaluate.slag.making.posterior import with_answer, with_truth
from worldgen.evaluate.slag.points import Entailed, Task, is_active
from worldgen.evaluate.slag.rational import statement_of
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.evaluate.slag.updating.agent_after import AT_ONCE, Told, facts_of
from worldgen.evaluate.slag.updating.blocks import Block, PointUpdate
from worldgen.worlds.world import World


@dataclass(frozen=True)
class _Question:
    """An entailed question that follows from the label of its update."""

    place: tuple[int, int, int]
    """The numbers of its block, of the update in the block, and of the question in the point."""
    task: Task
    entailed: Entailed
    statement: Statement

    @property
    def block(self) -> int:
        return self.place[0]


def labelled_after(world: World, agent: Agent, blocks: Sequence[Block], config: SlagConfig) -> list[Block]:
    """Returns blocks of one task with the labels that hold after all updates of each block.

    R7 gets the label of the agent's posterior after all of them; where the agent knows nothing (`Told.unknown`) it does
    not count for accuracy. A label by logic or by a rule does not count either where another update may change it: one
    about a fact that the question speaks of, or that such a fact depends on, unless both updates ask for the truth.
    `Block.left_out` counts the labels that no longer count.
    """
    told, active = Told.by(world, blocks), list(_active(world, blocks))
    dependent = dependence_of(world).all_downstream
    by_agent = [its for its in active if its.entailed.needs_the_update and told.knows(its.block, its.statement)]
    labels = dict(zip((its.place for its in by_agent), _posteriors(world, agent, told, by_agent, config), strict=True))
    doubtful = {
        its.place: replace(its.entailed, for_accuracy=False)
        for its in active
        if its.entailed.for_accuracy and its.place not in labels
        if its.entailed.needs_the_update or _may_change(its, blocks[its.block], dependent)
    }
    left_out = np.bincount(np.array([block for block, _, _ in doubtful], dtype=np.int64), minlength=len(blocks))
    return [
        replace(_relabelled(number, block, labels | doubtful), left_out=int(left_out[number]))
        for number, block in enumerate(blocks)
    ]


def _active(world: World, blocks: Sequence[Block]) -> Iterator[_Question]:
    for b, block in enumerate(blocks):
        for u, update in enumerate(block.updates):
            for i, entailed in enumerate(update.point.entailed):
                if is_active(entailed, update.label):
                    task = update.point.task
                    yield _Question((b, u, i), task, entailed, statement_of(world, task, entailed.asked))


def _posteriors(
    world: World, agent: Agent, told: Told, questions: Sequence[_Question], config: SlagConfig
) -> Iterator[Entailed]:
    """Yields each question with the label of the agent's posterior after all updates of its block."""
    for first in range(0, len(questions), AT_ONCE):
        some = questions[first : first + AT_ONCE]
        subject, relation, object_ = np.array([its.statement.first for its in some], dtype=np.int64).T
        before, after = (
            ask_beliefs(agent, Queries(subject, relation, edits))
            for edits in (EditSets.none(len(some)), told.edits.where(np.array([its.block for its in some])))
        )
        if some[0].task is Task.GEN:
            for its, old_mode, belief in zip(some, before.modes.tolist(), after.distributions(), strict=True):
                yield with_answer(world, its.entailed, old_mode, belief, config)
        else:
            p_old, p_new = (beliefs.at(object_[:, None])[:, 0].tolist() for beliefs in (before, after))
            for its, old, new in zip(some, p_old, p_new, strict=True):
                yield with_truth(its.entailed, old, new, config)


def _may_change(question: _Question, block: Block, dependent: Mapping[int, Sequence[int]]) -> bool:
    """Returns whether another update of the block may change what follows from its own.

    `dependent[r]` are the relations that depend on r, straight or through others.
    """
    own = block.updates[question.place[1]]
    for other in block.updates:
        if other is own or (own.asks_for_truth and other.asks_for_truth):
            continue
        assert other.point.fact is not None
        subject, relation, _ = other.point.fact
        for fact in facts_of(question.statement):
            if fact.subject == subject and fact.relation in (relation, *dependent.get(relation, ())):
                return True
    return False


def _relabelled(number: int, block: Block, labels: Mapping[tuple[int, int, int], Entailed]) -> Block:
    """Returns block `number` with these entailed questions in the places of its own."""

    def relabelled(u: int, update: PointUpdate) -> PointUpdate:
        entailed = tuple(labels.get((number, u, i), its) for i, its in enumerate(update.point.entailed))
        return replace(update, point=replace(update.point, entailed=entailed))

    return replace(block, updates=tuple(relabelled(u, update) for u, update in enumerate(block.updates)))
