"""Splits by subject: every subject of a world is in one of train, dev and test, whatever the task."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.slag.points import Split
from worldgen.randomness import Stream
from worldgen.worlds.world import World

SPLITS: tuple[Split, ...] = get_args(Split)


def subject_splits(world: World, percents: tuple[int, int, int], seed: int) -> NDArray[np.int64]:
    """Returns [S]: the place in `SPLITS` of each subject's split.

    The subjects in random order are cut where the running sum of `percents` falls, rounded to the nearest subject.
    """
    S = len(world.subjects)
    words = Stream(seed, "slag splits").words(world.subject_keys, np.ones(S, dtype=np.int64))
    ends = (2 * S * np.cumsum(percents) + 100) // 200
    splits = np.empty(S, dtype=np.int64)
    splits[np.argsort(words, kind="stable")] = np.searchsorted(ends, np.arange(S), side="right")
    return splits
