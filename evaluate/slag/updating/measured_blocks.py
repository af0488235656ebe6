"""Blocks of updates as trials, and what was measured of them as predictions before and after."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worldgen.evaluate.asking.questions import Question
from worldgen.evaluate.asking.trials import Trial
from worldgen.evaluate.slag.points import Asked, Task
from worldgen.evaluate.slag.predictions import SENTENCE_MARKS, PointQuestions
from worldgen.evaluate.slag.reference import soft_credences
from worldgen.evaluate.slag.update_metrics import BeforeAfter, RandomSets, Updates
from worldgen.evaluate.slag.updating.agent_after import AgentCredences
from worldgen.evaluate.slag.updating.blocks import Block, PointUpdate, told_fact
from worldgen.evaluate.slag.updating.model_questions import (
    A_QUESTION_EACH,
    point_questions,
    predictions_from,
    random_questions,
)
from worldgen.lm.editions import Edition, Request
from worldgen.randomness import generator
from worldgen.worlds.world import World


def trials_of(blocks: Sequence[Block], world: World | None, seed: int) -> list[Trial]:
    """Returns a trial for each block: its requests one after another, then the questions of points and random set.

    Without a world the requests have no fact, and the label that a question asks for is a text.
    """
    objects = frozenset(world.objects.labels) if world else frozenset[str]()
    return [
        Trial(
            Edition(
                tuple(request_of(update, world) for update in block.updates), _seed(seed, block), str(block.number)
            ),
            list(block_questions(block, objects)),
        )
        for block in blocks
    ]


def block_questions(block: Block, objects: Container[str]) -> Iterator[Question]:
    """Yields the questions of a block: those of its points, then those of its random set."""
    for update in block.updates:
        yield from point_questions(block.number, update.point, objects)
    yield from random_questions(block.number, block.random, objects)


def request_of(update: PointUpdate, world: World | None) -> Request:
    """Returns the request that an update makes of an editor.

    In TF the prompt begins with a quotation mark, and so does the subject. A statement that is to be false is no fact.
    """
    point = update.point
    is_statement = point.task is Task.TF
    ends = is_statement or (world is None and update.label.endswith(tuple(SENTENCE_MARKS)))
    target = update.label if ends else f"{update.label}."
    subject, fact = "", point.fact
    if world is not None and fact is not None:
        subject = f'"{world.subjects[fact.subject]}' if is_statement else world.subjects[fact.subject]
        fact = told_fact(update, world)
    return Request(point.main.prompt, target, update.weight, subject, fact)


def _seed(seed: int, block: Block) -> int:
    return int(generator(seed, f"slag update {block.updates[0].point.id}").integers(2**63))


def measured_updates(
    blocks: Sequence[Block], rows: pd.DataFrame, r: int, agent: AgentCredences | None = None
) -> Updates:
    """Returns what was measured of blocks of one task, from the rows of measurements-*.parquet in their order.

    Without the agent's credences there are only those of soft labels, at r = 1: after several updates it would hold
    others.
    """
    updates = [update for block in blocks for update in block.updates]
    task = updates[0].point.task
    questions = PointQuestions(tuple(update.point for update in updates))
    lengths = [length for block in blocks for length in _lengths(block)]
    is_random = np.repeat(np.tile([False, True], len(blocks)), lengths)
    drawn = list(chain.from_iterable(block.random for block in blocks))
    of_block = np.repeat(np.arange(len(blocks)), [len(block.random) for block in blocks])

    def model(chosen: NDArray[np.bool_], asked: Sequence[Asked]) -> BeforeAfter:
        some = rows[chosen]
        return BeforeAfter(
            *(
                predictions_from(task, asked, some[phase].to_numpy(float), some[f"answer_{phase}"].tolist())
                for phase in ("before", "after")
            )
        )

    random = RandomSets.of(of_block, model(is_random, [point.main for point in drawn]))
    return Updates(
        questions,
        [update.point.main.eligible if update.asks_for_truth else (update.label,) for update in updates],
        r,
        model(~is_random, questions.asked),
        random if agent is None else replace(random, agent=agent.random),
        agent.points if agent else soft_credences(questions) if r == 1 else None,
    )


def _lengths(block: Block) -> tuple[int, int]:
    """Returns how many questions the model is asked about a block's points, and about its random set."""
    return A_QUESTION_EACH * sum(1 for _ in block.asked), A_QUESTION_EACH * len(block.random)
