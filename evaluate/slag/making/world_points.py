"""The points of a world, whole: main questions with all that belongs to them, labelled exactly.

Source: Hase et al., 2021, sections 3 and 5; docs/deviations.md says where we differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.evaluate.slag.making.entailment import logically_entailed, truth_word
from worldgen.evaluate.slag.making.mains import Integers, Mains, draw_mains
from worldgen.evaluate.slag.making.neutral import make_neutral
from worldgen.evaluate.slag.making.paraphrases import main_prompt, make_paraphrases
from worldgen.evaluate.slag.making.posterior import entailed_by_the_agent
from worldgen.evaluate.slag.making.rules import entailed_by_rules
from worldgen.evaluate.slag.making.splits import SPLITS
from worldgen.evaluate.slag.making.tally import Made, Report, Tally, tally
from worldgen.evaluate.slag.making.updates import Updates, drawn_alternatives, updates_of
from worldgen.evaluate.slag.points import Asked, Entailed, Point, Split, Task
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.facts import Fact
from worldgen.worlds.world import NONE, World

NO_MORE_FACTS = "the world has no more facts"
NO_MORE_OBJECTS = "the relation has no further object"


def world_points(
    world: World, agent: Agent, config: SlagConfig, seed: int, tasks: Sequence[Task] = tuple(Task)
) -> tuple[list[Point], Report]:
    """Returns the points of these tasks, task by task in the order of the draw, and their counts.

    A point is a function of (seed, world, agent, its task and fact) and of the settings of its parts: more points leave
    the others as they are, unless the settings of the splits change. Raises UserError for a world without aliases where
    paraphrases are asked for, ValueError for an agent that was revised already.
    """
    made = []
    for task in tasks:
        mains = draw_mains(world, config, seed, task)
        made.append(_points_of(world, agent, mains, drawn_alternatives(world, mains, config.alternatives), config))
    points = [point for of_task, _ in made for point in of_task]
    return points, _report(points, tuple(count for _, tallies in made for count in tallies), tasks)


def points_with_alternatives(
    world: World, agent: Agent, config: SlagConfig, seed: int, given: Mapping[Fact, Sequence[int]]
) -> list[Point]:
    """Returns the GEN points of these facts as `world_points` makes them, but with alternatives that are given.

    `given[fact]` are objects other than the fact's, NONE for none. The points come in this order.
    """
    mains = draw_mains(world, config, seed, Task.GEN)
    place = {fact: number for number, fact in enumerate(mains.fact.tolist())}
    chosen = np.array([place[world.fact_of(s, r)] for s, r, _ in given], dtype=np.int64)
    alternatives = np.full((len(given), max(map(len, given.values()), default=0)), NONE)
    for row, objects in zip(alternatives, given.values(), strict=True):
        row[: len(objects)] = objects
    return _points_of(world, agent, mains.take(chosen), alternatives, config)[0]


def _points_of(
    world: World, agent: Agent, mains: Mains, alternatives: Integers, config: SlagConfig
) -> tuple[list[Point], tuple[Tally, ...]]:
    """Returns the points of one task and the counts of their parts. Shapes: alternatives [N, k], NONE for none."""
    asked = tuple(_main(world, mains, i) for i in range(len(mains)))
    paraphrases = make_paraphrases(world, mains, asked, config.paraphrases)
    updates = updates_of(world, agent, mains, alternatives, config.target_credence)
    entailed = _entailed(world, agent, mains, updates, config)
    neutral = make_neutral(world, agent, mains, updates, config.neutral)
    weights = updates.by_point(len(mains), [(weight,) for weight in updates.weight.tolist()])
    points = [
        Point(
            f"{mains.task.value}-{mains.fact[i]}",
            mains.task,
            SPLITS[int(mains.split[i])],
            world.subjects[int(mains.subject[i])],
            asked[i],
            paraphrases.items[i],
            entailed.items[i],
            neutral.items[i],
            _alternatives(world, mains, i, alternatives),
            Fact(int(mains.subject[i]), int(mains.relation[i]), int(mains.object[i])),
            weights[i][0],
            weights[i][1:],
        )
        for i in range(len(mains))
    ]
    main = tally(mains.task, "main", len(mains), {NO_MORE_FACTS: config.points - len(mains)})
    lacking = tally(mains.task, "alternatives", sum(len(point.alternatives) for point in points), {
        NO_MORE_OBJECTS: int((alternatives == NONE).sum()),
    })  # fmt: skip
    return points, (main, lacking, *paraphrases.tallies, *entailed.tallies, *neutral.tallies)


def _main(world: World, mains: Mains, i: int) -> Asked:
    names = world.subjects[int(mains.subject[i])], world.relations[int(mains.relation[i])]
    object_ = int(mains.object[i])
    is_gen = mains.task is Task.GEN
    eligible = world.objects.names(object_) if is_gen else (truth_word(object_ == mains.truth[i]),)
    return Asked(main_prompt(world, mains.task, names, object_), eligible)


def _alternatives(world: World, mains: Mains, i: int, drawn: Integers) -> tuple[str, ...]:
    if mains.task is Task.TF:
        return (truth_word(bool(mains.object[i] != mains.truth[i])),)
    return tuple(world.objects[o] for o in drawn[i].tolist() if o != NONE)


def _entailed(world: World, agent: Agent, mains: Mains, updates: Updates, config: SlagConfig) -> Made[Entailed]:
    """Returns all that follows from each point's main question: by logic (TF), the world's rules and the agent."""
    by_update = entailed_by_rules(world, mains, updates), entailed_by_the_agent(world, agent, mains, updates, config)
    made = [Made(updates.by_point(len(mains), part.items), part.tallies) for part in by_update]
    if mains.task is Task.TF:
        made.insert(0, logically_entailed(world, mains))
    items = [tuple(entailed for part in made for entailed in part.items[i]) for i in range(len(mains))]
    return Made(items, tuple(count for part in made for count in part.tallies))


def _report(points: Sequence[Point], tallies: tuple[Tally, ...], tasks: Sequence[Task]) -> Report:
    count = Counter((point.task, point.split) for point in points)
    of_splits: Mapping[Task, Mapping[Split, int]] = {
        task: {split: count[task, split] for split in SPLITS} for task in tasks
    }
    entailed = [e for point in points for e in point.entailed]
    soft = [
        1 - sum(p for _, p in e.soft) for point in points if point.task is Task.GEN for e in point.entailed if e.soft
    ]
    return Report(
        of_splits,
        held_out_paraphrases=sum(paraphrase.held_out for point in points for paraphrase in point.paraphrases),
        contrapositives=sum(e.contrapositive for e in entailed),
        sure_posteriors=sum(e.for_accuracy for e in entailed if e.soft),
        changing_posteriors=sum(bool(e.changes) for e in entailed),
        left_out_of_soft=float(np.mean(soft)) if soft else 0.0,
        tallies=tallies,
    )
