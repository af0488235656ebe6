"""Main facts and draws without repetition: uniform, apart by subject, and independent of the number of points."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import slag_worlds
import worlds
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from worldgen.evaluate.slag.making.mains import distinct_places, draw_mains, other_objects
from worldgen.evaluate.slag.making.splits import SPLITS, subject_splits
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.facts import Vocabulary
from worldgen.randomness import Stream
from worldgen.worlds.world import NONE


def words(rows: int, width: int, seed: int) -> np.ndarray:
    return Stream(seed, "test").words(np.arange(rows, dtype=np.uint64), np.full(rows, width)).reshape(rows, width)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(0, 5), st.integers(0, 2**32))
def test_places_are_distinct_and_run_out_after_the_size(sizes: list[int], width: int, seed: int) -> None:
    places = distinct_places(words(len(sizes), width, seed), np.array(sizes))
    for row, size in zip(places.tolist(), sizes, strict=True):
        drawn = [place for place in row if place != NONE]
        assert len(drawn) == min(width, size)
        assert row[len(drawn) :] == [NONE] * (width - len(drawn))
        assert len(set(drawn)) == len(drawn)
        assert all(0 <= place < size for place in drawn)


def test_every_ordered_choice_of_places_is_equally_likely() -> None:
    rows = 24_000
    drawn = Counter(map(tuple, distinct_places(words(rows, 3, 1), np.full(rows, 4)).tolist()))
    assert set(drawn) == set(permutations(range(4), 3))
    # Chi-square with 23 degrees of freedom; false alarm one in a million.
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-6


def test_other_objects_are_the_rest_of_the_range() -> None:
    world = slag_worlds.paired().world
    for relation, objects in enumerate(world.ranges):
        excluded = np.array([objects[0], objects[-1], max(set(range(len(world.objects))) - set(objects.tolist()))])
        found = other_objects(world, np.full(3, relation), excluded, words(3, len(objects) + 1, relation))
        for row, out in zip(found.tolist(), excluded.tolist(), strict=True):
            left = set(objects.tolist()) - {out}
            assert set(row) - {NONE} == left
            assert row.count(NONE) == len(objects) + 1 - len(left)


@pytest.mark.parametrize("percents", [(60, 10, 30), (80, 10, 10), (0, 0, 100), (33, 33, 34), (100, 0, 0)])
def test_splits_hold_their_shares_of_the_subjects(percents: tuple[int, int, int]) -> None:
    world = worlds.world()
    splits = subject_splits(world, percents, 3)
    sizes = np.bincount(splits, minlength=3)
    assert sizes.sum() == len(world.subjects)
    assert np.all(np.abs(sizes - np.array(percents) * len(world.subjects) / 100) <= 1)
    assert (splits == subject_splits(world, percents, 3)).all()
    if max(percents) < 100:
        assert (splits != subject_splits(world, percents, 4)).any()


def test_a_subjects_split_is_its_own_whatever_its_number() -> None:
    """The draw goes by labels: with the subjects in another order the same ones are in a split."""
    world = worlds.world()
    order = np.random.default_rng(0).permutation(len(world.subjects))
    shuffled = replace(world, subjects=Vocabulary("subject", tuple(world.subjects[i] for i in order)))
    assert (subject_splits(shuffled, (60, 10, 30), 3) == subject_splits(world, (60, 10, 30), 3)[order]).all()


@pytest.mark.parametrize("task", Task)
def test_more_points_leave_the_first_ones_as_they_are(task: Task) -> None:
    world = worlds.world()
    some, more = (draw_mains(world, SlagConfig(points=n), 3, task) for n in (100, 300))
    assert (len(some), len(more)) == (100, 300)
    for column in ("fact", "subject", "relation", "object", "truth", "split", "key"):
        assert (getattr(some, column) == getattr(more, column)[:100]).all(), column
    assert (some.words("any", 3) == more.words("any", 3)[:100]).all()
    assert (some.words("any", 3) != some.words("another", 3)).any()


@pytest.mark.parametrize("task", Task)
def test_every_fact_comes_once(task: Task) -> None:
    world = worlds.world()
    mains = draw_mains(world, SlagConfig(points=10_000), 3, task)
    assert sorted(mains.fact.tolist()) == list(range(len(world)))
    assert (mains.subject == world.subject[mains.fact]).all()
    assert (mains.relation == world.relation[mains.fact]).all()
    assert (mains.truth == world.truth[mains.fact]).all()
    assert mains.fact.tolist() != list(range(len(world)))


def test_half_of_each_split_states_the_truth_and_the_rest_another_object_of_the_relation() -> None:
    world = worlds.world()
    gen, tf = (draw_mains(world, SlagConfig(points=300), 3, task) for task in Task)
    assert (gen.object == gen.truth).all()
    for split in range(len(SPLITS)):
        holds = (tf.object == tf.truth)[tf.split == split]
        assert len(holds) > 10
        assert abs(2 * holds.sum() - len(holds)) <= 1
    false = np.flatnonzero(tf.object != tf.truth)
    assert all(tf.object[i] in world.ranges[tf.relation[i]] for i in false)
    assert len({int(o) for o in tf.object[false]}) > 20
