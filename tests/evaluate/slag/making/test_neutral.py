"""Local neutral questions: of another component, labelled by the truth, and left alone by every update of the point."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import slag_worlds

from worldgen.bayes.agent import Edit
from worldgen.evaluate.slag.making.dependence import dependence_of
from worldgen.evaluate.slag.making.mains import draw_mains
from worldgen.evaluate.slag.making.neutral import most_moved
from worldgen.evaluate.slag.making.updates import drawn_alternatives, updates_of
from worldgen.evaluate.slag.points import FALSE, TRUE, Point, Task
from worldgen.worlds.world import NONE, World

WORLDS = pytest.mark.parametrize("which", ["paired", "chained"])
TASKS = pytest.mark.parametrize("task", Task)


def objects_of_updates(world: World, point: Point) -> list[tuple[int, float]]:
    """The objects that updates of a point may ask for, with their weights."""
    assert point.fact
    further = [world.objects.id_of(label) for label in point.alternatives] if point.task is Task.GEN else []
    return list(zip([point.fact.object, *further], [point.weight, *point.alternative_weights], strict=True))


def connected(world: World) -> list[set[int]]:
    network = nx.Graph([tuple(pair) for pair in world.pairs()])
    network.add_nodes_from(range(len(world.relations)))
    return list(nx.connected_components(network))


@WORLDS
@TASKS
def test_no_update_moves_the_agents_belief_about_a_neutral_question(which: str, task: Task) -> None:
    world, agent = getattr(slag_worlds, which)()
    checked = 0
    for point in slag_worlds.of_task(which, task)[:60]:
        assert point.fact
        for object_, weight in objects_of_updates(world, point):
            edited = agent.revise(Edit(point.fact.subject, point.fact.relation, object_, weight))
            for neutral in point.neutral:
                assert neutral.fact
                before, after = (mind.belief(*neutral.fact[:2]).dense() for mind in (agent, edited))
                np.testing.assert_allclose(after, before, rtol=0, atol=1e-12)
                checked += 1
    assert checked > 60


@WORLDS
@TASKS
def test_neutral_questions_are_facts_of_the_subject_in_another_component(which: str, task: Task) -> None:
    world = getattr(slag_worlds, which)().world
    components = connected(world)
    for point in slag_worlds.of_task(which, task):
        assert point.fact
        (own,) = (component for component in components if point.fact.relation in component)
        s = point.fact.subject
        there = {r for r in range(len(world.relations)) if r not in own and world.fact_of(s, r) != NONE}
        facts = [neutral.fact for neutral in point.neutral if neutral.fact]
        assert len(facts) == len(point.neutral) == min(len(there), slag_worlds.CONFIG.neutral)
        assert all(fact.subject == s for fact in facts)
        assert len({fact.relation for fact in facts} & there) == len(facts)


@WORLDS
def test_labels_of_neutral_questions_are_the_truth(which: str) -> None:
    world = getattr(slag_worlds, which)().world
    for point in slag_worlds.of_task(which, Task.GEN):
        for neutral in point.neutral:
            assert neutral.fact
            assert neutral.fact.object == world.truth[world.fact_of(*neutral.fact[:2])]
            assert neutral.asked.prompt == f"{point.subject} {world.relations[neutral.fact.relation]}"
            assert neutral.asked.eligible == world.objects.names(neutral.fact.object)
    true = []
    for point in slag_worlds.of_task(which, Task.TF):
        for neutral in point.neutral:
            assert neutral.fact
            s, r, o = neutral.fact
            true.append(o == world.truth[world.fact_of(s, r)])
            assert neutral.asked.eligible == ((TRUE if true[-1] else FALSE),)
            assert neutral.asked.prompt == f'"{world.subjects[s]} {world.relations[r]} {world.objects[o]}" is'
            assert o in world.ranges[r]
    # Binomial(n, 1/2): 5 standard deviations; false alarm 6e-7.
    assert abs(2 * sum(true) - len(true)) < 5 * len(true) ** 0.5


def test_the_check_finds_a_question_that_an_update_moves() -> None:
    world, agent = slag_worlds.paired()
    mains = draw_mains(world, slag_worlds.CONFIG, 0, Task.GEN)
    updates = updates_of(world, agent, mains, drawn_alternatives(world, mains, 2), 0.95)
    u = np.flatnonzero(updates.downstream != NONE)[:20]
    place = updates.subject[u], updates.downstream[u]
    nothing_special = np.zeros((len(u), 1), dtype=np.int64)
    assert most_moved(agent, updates, updates.point[u], place, nothing_special) > 0.01
    nothing = np.zeros(0, dtype=np.int64)
    assert most_moved(agent, updates, nothing, (nothing, nothing), np.zeros((0, 1), dtype=np.int64)) == 0


def test_the_dependences_of_a_chain() -> None:
    world = slag_worlds.chained().world
    school, work, state, town = (
        world.relations.id_of(label) for label in ("educated at", "occupation", "citizenship", "place of birth")
    )
    dependence = dependence_of(world)
    assert dependence.all_downstream == {school: (work, state), work: (state,)}
    assert dependence.downstream[[school, work, state, town]].tolist() == [work, state, NONE, NONE]
    assert dependence.component[[school, work, state, town]].tolist() == [school, school, school, town]
