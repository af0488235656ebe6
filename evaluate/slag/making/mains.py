"""The main facts of points, and the random words of their parts.

Every random word is a function of (seed, task, part, fact): a point does not change with the number of points.
Shapes: N points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, ragged_arange
from worldgen.evaluate.slag.making.splits import SPLITS, subject_splits
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.randomness import Stream, Words, below, keys_of
from worldgen.worlds.world import NONE, World

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Mains:
    """The facts that the main questions of a task are about, in the order of the draw."""

    task: Task
    seed: int
    fact: Integers
    """[N]: the fact's number in the world."""
    subject: Integers  # [N]
    relation: Integers  # [N]
    object: Integers
    """[N]: the truth in GEN; in TF the stated object."""
    truth: Integers  # [N]
    split: Integers
    """[N]: the place of the point's split in `SPLITS`."""
    split_of_subject: Integers
    """[S]: that of every subject of the world."""
    key: Words
    """[N]: the keys that stand for the facts in random draws."""

    def __len__(self) -> int:
        return len(self.fact)

    def take(self, chosen: Integers) -> Mains:
        """Returns the chosen main facts. Shapes: chosen [M]; result of M facts."""
        return replace(
            self, fact=self.fact[chosen], subject=self.subject[chosen], relation=self.relation[chosen],
            object=self.object[chosen], truth=self.truth[chosen], split=self.split[chosen], key=self.key[chosen],
        )  # fmt: skip

    def words(self, part: str, width: int) -> Words:
        """Returns [N, width]: the random words of a part of the points."""
        stream = _stream(self.seed, self.task, part)
        return stream.words(self.key, np.full(len(self), width)).reshape(len(self), width)

    def coins(self, part: str) -> NDArray[np.bool_]:
        """Returns [N]: true or false with equal chance."""
        return below(self.words(part, 1)[:, 0], 2) == 0


def draw_mains(world: World, config: SlagConfig, seed: int, task: Task) -> Mains:
    """Draws at most `config.points` facts of the world, without repetition.

    In TF every second fact of a split states the truth, the others another object of the relation, uniform.
    """
    names = zip(world.subject.tolist(), world.relation.tolist(), strict=True)
    keys = keys_of(f"{world.subjects[s]}\t{world.relations[r]}" for s, r in names)  # no label has a tab
    order = _stream(seed, task, "order").words(keys, np.ones(len(keys), dtype=np.int64))
    fact = np.argsort(order, kind="stable")[: config.points]
    splits = subject_splits(world, config.split_percents, seed)
    split, truth = splits[world.subject[fact]], world.truth[fact].astype(np.int64)
    stated = truth
    if task is Task.TF:
        words = _stream(seed, task, "stated object").words(keys[fact], np.ones(len(fact), dtype=np.int64))
        other = other_objects(world, world.relation[fact], truth, words[:, None])[:, 0]
        stated = np.where(_rank_in(split) % 2 == 0, truth, other)
    return Mains(
        task, seed, fact, world.subject[fact].astype(np.int64), world.relation[fact].astype(np.int64), stated, truth,
        split, splits, keys[fact],
    )  # fmt: skip


def distinct_places(words: Words, sizes: Integers) -> Integers:
    """Returns [N, k]: k different places of 0 .. sizes-1 for each row, uniform; NONE from the sizes+1st on.

    The j-th place is drawn from the sizes - j that are left. Shapes: words [N, k]; sizes [N].
    """
    places = np.full(words.shape, NONE, dtype=np.int64)
    for j in range(words.shape[1]):
        place = below(words[:, j], np.maximum(sizes - j, 1))
        for earlier in np.sort(places[:, :j], axis=1).T:
            place += place >= earlier
        places[:, j] = np.where(j < sizes, place, NONE)
    return places


def other_objects(world: World, relation: Ids | Integers, excluded: Integers, words: Words) -> Integers:
    """Returns [N, k]: k different objects of each relation's range, none of them `excluded`; NONE where none is left.

    Shapes: relation and excluded [N]; words [N, k].
    """
    sizes = np.array([len(objects) for objects in world.ranges])[relation]
    chosen = np.full(words.shape, NONE, dtype=np.int64)
    for r in np.unique(relation):
        rows = np.flatnonzero(np.asarray(relation) == r)
        objects, out = world.ranges[r], excluded[rows]
        at = np.searchsorted(objects, out)
        inside = (at < len(objects)) & (objects[np.minimum(at, len(objects) - 1)] == out)
        places = distinct_places(words[rows], sizes[rows] - inside)
        skipped = np.where(places != NONE, places + (inside[:, None] & (places >= at[:, None])), 0)
        chosen[rows] = np.where(places != NONE, objects[skipped], NONE)
    return chosen


def _rank_in(split: Integers) -> Integers:
    """Returns [N]: the number of earlier points of the same split."""
    rank = np.empty_like(split)
    rank[np.argsort(split, kind="stable")] = ragged_arange(np.bincount(split, minlength=len(SPLITS)))
    return rank


def _stream(seed: int, task: Task, part: str) -> Stream:
    return Stream(seed, f"slag {task.value} {part}")
