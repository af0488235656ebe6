"""Random sets: the least used first, and none that an update of the measurement says something about."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import slag_worlds
from hypothesis import given
from hypothesis import strategies as st

from worldgen.evaluate.slag.making.dependence import dependence_of
from worldgen.evaluate.slag.points import Asked, Entailed, Neutral, Paraphrase, Point, Task
from worldgen.evaluate.slag.random_sets import draw_random_sets
from worldgen.facts import Fact
from worldgen.randomness import generator

NOTHING: dict[int, tuple[int, ...]] = {}


def point(number: int, fact: Fact | None = None, neutral: tuple[Neutral, ...] = ()) -> Point:
    return Point(
        f"p{number}", Task.GEN, "test", f"s{number}", Asked(f"question {number}", ("a",)), neutral=neutral, fact=fact
    )


def oracle(
    points: list[Point], blocks: list[list[int]], size: int, seed: int, excluded: list[set[int]]
) -> list[list[int]]:
    """Shuffle, sort by use, take the first that are not excluded: word by word."""
    draw, uses, sets = generator(seed, "slag random sets"), Counter[int](), []
    for number, _ in enumerate(blocks):
        shuffled = draw.permutation(len(points)).tolist()
        chosen: list[int] = []
        for place in sorted(shuffled, key=lambda place: uses[place]):
            if len(chosen) < size and place not in excluded[number]:
                chosen.append(place)
        uses.update(chosen)
        sets.append(chosen)
    return sets


@given(st.integers(1, 12), st.integers(0, 8), st.integers(0, 2**32), st.data())
def test_sets_are_those_of_the_definition(n: int, size: int, seed: int, data: st.DataObject) -> None:
    blocks = data.draw(st.lists(st.lists(st.integers(0, n - 1), min_size=1, max_size=3), max_size=6))
    subjects = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    relations = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    points = [point(i, Fact(subjects[i], relations[i], 0)) for i in range(n)]
    below = {0: (1, 2), 1: (2,)}
    excluded = [
        {
            j for j in range(n) for i in block
            if subjects[i] == subjects[j] and relations[j] in (relations[i], *below.get(relations[i], ()))
        }
        for block in blocks
    ]  # fmt: skip
    found = draw_random_sets(points, blocks, size, seed, below)
    assert [chosen.tolist() for chosen in found.sets] == oracle(points, blocks, size, seed, excluded)
    assert found.missing == sum(size - len(chosen) for chosen in found.sets)


def test_all_points_are_used_about_equally_often() -> None:
    points = [point(i) for i in range(40)]
    found = draw_random_sets(points, [[i % 40] for i in range(200)], 7, 0, NOTHING)
    uses = np.bincount(np.concatenate(found.sets), minlength=40)
    assert uses.sum() == 1400
    assert uses.max() - uses.min() <= 2
    assert found.missing == 0
    assert len({tuple(chosen.tolist()) for chosen in found.sets}) == 200


def test_points_from_elsewhere_are_excluded_by_their_prompts() -> None:
    texts = ("main", "paraphrase", "entailed", "neutral", "free")
    asked = {text: Asked(text, ("a",)) for text in texts}
    updated = Point(
        "0", Task.GEN, "test", "0", asked["main"], (Paraphrase(asked["paraphrase"], "both"),),
        (Entailed(asked["entailed"], "R", "a"),), (Neutral(asked["neutral"]),),
    )  # fmt: skip
    others = [Point(text, Task.GEN, "test", text, asked[text]) for text in texts[1:]]
    found = draw_random_sets([updated, *others], [[0], [4]], 5, 0, NOTHING)
    assert [sorted(chosen.tolist()) for chosen in found.sets] == [[4], [0, 1, 2, 3]]
    assert found.missing == 4 + 1


@pytest.mark.parametrize("which", ["paired", "chained"])
@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("r", [1, 4])
def test_no_random_point_of_a_world_is_about_what_is_updated(which: str, task: Task, r: int) -> None:
    world = getattr(slag_worlds, which)().world
    below = dependence_of(world).all_downstream
    points = [p for p in slag_worlds.of_task(which, task) if p.split == "test"]
    blocks = [list(range(first, first + r)) for first in range(0, len(points) - r + 1, r)]
    found = draw_random_sets(points, blocks, 20, 0, below)
    assert found.missing == 0
    partners = 0
    for block, chosen in zip(blocks, found.sets, strict=True):
        assert len(set(chosen.tolist())) == 20
        for i in block:
            updated = points[i]
            assert updated.fact
            s, r_u, _ = updated.fact
            atoms = {(s, r_u), *((s, r_d) for r_d in below.get(r_u, ()))}
            neutral = {n.fact[:2] for n in updated.neutral if n.fact}
            partners += sum(p.fact[:2] in neutral for p in points if p.fact)
            for place in chosen:
                fact = points[place].fact
                assert fact
                assert fact[:2] not in atoms | neutral
    assert partners > 20


def test_a_seed_decides_the_sets() -> None:
    points = [point(i) for i in range(30)]
    one, same, other = (
        [chosen.tolist() for chosen in draw_random_sets(points, [[0], [1]], 10, seed, NOTHING).sets]
        for seed in (1, 1, 2)
    )
    assert one == same != other
