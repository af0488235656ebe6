"""R5 and R6 against the world's conditional table, looked up row by row."""

from __future__ import annotations

import pytest
import slag_worlds

from worldgen.evaluate.slag.points import FALSE, TRUE, Point, Task
from worldgen.grammar import Atom
from worldgen.worlds.world import NONE, World

WORLDS = pytest.mark.parametrize("which", ["paired", "chained"])


def rule(world: World, subject: int, relation: int, object_: int) -> tuple[int, int] | None:
    """(r_d, g(o)) of a deterministic row about a fact that the subject has, or None."""
    table = world.conditionals
    for number, (upstream, downstream) in enumerate(world.pairs()):
        if upstream == relation and world.fact_of(subject, downstream) != NONE:
            for row in range(len(table)):
                if (table.dependency[row], table.upstream_object[row]) == (number, object_) and table.deterministic[
                    row
                ]:
                    ((g, p),) = table.probabilities(row).items()
                    assert p == 1
                    return downstream, g
    return None


def requested(world: World, point: Point) -> list[int]:
    """The objects that updates of a point may ask for: the first of its fact, then its alternatives."""
    assert point.fact
    further = [world.objects.id_of(label) for label in point.alternatives] if point.task is Task.GEN else []
    return [point.fact.object, *further]


@WORLDS
def test_r6_is_the_rule_of_the_table_for_the_truth_and_for_every_alternative(which: str) -> None:
    world = getattr(slag_worlds, which)().world
    made = {"of the truth": 0, "of an alternative": 0}
    for point in slag_worlds.of_task(which, Task.GEN):
        assert point.fact
        expected = set()
        for i, object_ in enumerate(requested(world, point)):
            if found := rule(world, point.fact.subject, point.fact.relation, object_):
                prompt = f"{point.subject} {world.relations[found[0]]}"
                expected.add((prompt, world.objects.names(found[1]), world.objects[object_]))
                made["of an alternative" if i else "of the truth"] += 1
        r6 = [e for e in point.entailed if e.rule == "R6"]
        assert {(e.asked.prompt, e.asked.eligible, e.when) for e in r6} == expected
        assert len(r6) == len(expected)
    assert min(made.values()) > 50


@WORLDS
def test_r5_affirms_the_rule_of_the_table_and_denies_another_object(which: str) -> None:
    world = getattr(slag_worlds, which)().world
    made = 0
    for point in slag_worlds.of_task(which, Task.TF):
        assert point.fact
        found = rule(world, *point.fact)
        r5 = [e for e in point.entailed if e.rule == "R5"]
        assert len(r5) == (2 if found else 0)
        if found:
            downstream, g = found
            affirmed, denied = (world.lexicon.parse(f"{e.asked.prompt} true.").formula for e in r5)
            assert affirmed == Atom(point.subject, world.relations[downstream], world.objects[g])
            assert isinstance(denied, Atom)
            assert (denied.subject, denied.relation) == (point.subject, world.relations[downstream])
            assert denied.object != world.objects[g]
            assert world.objects.id_of(denied.object) in world.ranges[downstream]
            assert [e.asked.eligible for e in r5] == [(TRUE,), (FALSE,)]
            assert all(e.when == TRUE and e.contrapositive for e in r5)
            made += 1
    assert made > 50


@WORLDS
def test_the_rule_agrees_with_the_truths_of_the_world(which: str) -> None:
    world = getattr(slag_worlds, which)().world
    for point in slag_worlds.of_task(which, Task.GEN):
        assert point.fact
        for entailed in point.entailed:
            if entailed.rule == "R6" and entailed.when == point.main.eligible[0]:
                relation = world.relations.id_of(entailed.asked.prompt.removeprefix(f"{point.subject} "))
                truth = world.truth[world.fact_of(point.fact.subject, relation)]
                assert entailed.asked.eligible == world.objects.names(int(truth))
