"""Labels from a beam: drawn from what is not predicted, and points made with them as `world_points` would make them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import slag_worlds

from worldgen.evaluate.slag.points import Asked, Point, Task, is_active
from worldgen.evaluate.slag.updating.beam_labels import beam_labels, updates_to_labels
from worldgen.evaluate.slag.updating.blocks import PointUpdate

WHICH = pytest.mark.parametrize("which", ["paired", "chained"])


def test_labels_are_drawn_alike_from_the_beam_without_the_prediction() -> None:
    """The code draws with one seed for every point, and so always takes the same rank of the beam."""
    points = [Point(str(i), Task.GEN, "test", str(i), Asked(f"m{i}", ("a",))) for i in range(3000)]
    beams = {point.id: ["a", "b", "c", "d", "e"] for point in points}
    labels = beam_labels(points, beams, {point.id: "b" for point in points}, np.random.default_rng(0))
    assert set(labels.values()) == set("acde")
    for count in Counter(labels.values()).values():  # five standard errors of 3000 draws of 1/4 are 119
        assert count == pytest.approx(750, abs=119)


def test_a_point_without_another_answer_has_no_label() -> None:
    points = [Point(name, Task.GEN, "test", name, Asked(name, ("a",))) for name in ("x", "y")]
    labels = beam_labels(points, {"x": ["b"], "y": ["b", "c"]}, {"x": "b", "y": ""}, np.random.default_rng(0))
    assert [point.id for point in labels] == ["y"]


@WHICH
def test_a_label_of_the_drawn_alternatives_makes_the_same_update(which: str) -> None:
    """The oracle of labels outside the alternatives: weight, entailed questions and all else are as in the points."""
    world, agent = getattr(slag_worlds, which)()
    points = [point for point in slag_worlds.of_task(which, Task.GEN) if point.alternatives][:80]
    number = {point: i % len(point.alternatives) for i, point in enumerate(points)}
    labels = {point: point.alternatives[number[point]] for point in points}
    found = updates_to_labels(world, agent, slag_worlds.CONFIG, slag_worlds.SEED, labels)
    assert [update.label for update in found] == list(labels.values())
    for update, point in zip(found, points, strict=True):
        made = update.point
        assert update.weight == point.alternative_weights[number[point]]
        assert (made.id, made.split, made.main, made.paraphrases, made.neutral, made.fact, made.weight) == (
            point.id, point.split, point.main, point.paraphrases, point.neutral, point.fact, point.weight,
        )  # fmt: skip
        assert [e.asked for e in made.entailed if is_active(e, update.label)] == [
            e.asked for e in point.entailed if is_active(e, update.label)
        ]
        whens = (point.main.eligible[0], update.label)
        for now, then in zip(made.entailed, [e for e in point.entailed if e.when in whens], strict=True):
            assert (now.asked, now.rule, now.when, now.for_accuracy, now.changes) == (
                then.asked, then.rule, then.when, then.for_accuracy, then.changes,
            )  # fmt: skip
            assert [p for _, p in now.soft] == pytest.approx([p for _, p in then.soft], abs=1e-12)


@WHICH
def test_the_truth_and_objects_of_any_relation_may_be_labels(which: str) -> None:
    world, agent = getattr(slag_worlds, which)()
    points = slag_worlds.of_task(which, Task.GEN)[:40]
    draw = np.random.default_rng(1)
    labels = {p: p.main.eligible[0] if i % 2 else world.objects[int(draw.integers(len(world.objects)))]
              for i, p in enumerate(points)}  # fmt: skip
    for update in updates_to_labels(world, agent, slag_worlds.CONFIG, slag_worlds.SEED, labels):
        point = update.point
        assert point.fact
        object_ = world.objects.id_of(update.label)
        assert update.weight == agent.weight_for(*point.fact[:2], object_, slag_worlds.CONFIG.target_credence)
        assert point.alternatives == (() if update.asks_for_truth else (update.label,))
        rules = [e.rule for e in point.entailed if is_active(e, update.label)]
        assert rules.count("R7") == max(e.rule == "R7" for e in point.entailed) if point.entailed else not rules


def test_updates_ask_for_the_truth_where_the_label_is_right() -> None:
    point = slag_worlds.of_task("paired", Task.GEN)[0]
    assert PointUpdate(point, point.main.eligible[-1], 1.0).asks_for_truth
    assert not PointUpdate(point, point.alternatives[0], 1.0).asks_for_truth
