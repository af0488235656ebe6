"""R7 against the agent, asked one edit at a time."""

from __future__ import annotations

import pytest
import slag_worlds

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.statements import p_atom
from worldgen.evaluate.slag.making.world_points import world_points
from worldgen.evaluate.slag.points import FALSE, TRUE, Point, Task
from worldgen.facts import Fact
from worldgen.grammar import Atom
from worldgen.worlds.world import NONE, World

WORLDS = pytest.mark.parametrize("which", ["paired", "chained"])


def dependent(world: World, fact: Fact) -> int:
    """The relation that depends on a fact's and that its subject has a fact of, or NONE."""
    found = [d for u, d in world.pairs() if u == fact.relation and world.fact_of(fact.subject, d) != NONE]
    return found[0] if found else NONE


def edits(world: World, agent: Agent, point: Point) -> dict[str, Edit]:
    """The edit behind each condition of a GEN point, with the weight that the agent gives it."""
    assert point.fact
    s, r, truth = point.fact
    objects = [truth, *(world.objects.id_of(label) for label in point.alternatives)]
    goal = slag_worlds.CONFIG.target_credence
    return {world.objects[o]: Edit(s, r, o, agent.weight_for(s, r, o, goal)) for o in objects}


@WORLDS
def test_gen_labels_are_the_agents_posterior_after_the_edit(which: str) -> None:
    world, agent = getattr(slag_worlds, which)()
    seen = 0
    for point in slag_worlds.of_task(which, Task.GEN)[:150]:
        assert point.fact
        asked, downstream = edits(world, agent, point), dependent(world, point.fact)
        assert (point.weight, *point.alternative_weights) == tuple(edit.weight for edit in asked.values())
        r7 = [e for e in point.entailed if e.rule == "R7"]
        assert [e.when for e in r7] == (list(asked) if downstream != NONE else [])
        for entailed in r7:
            after = agent.revise(asked[entailed.when]).belief(point.fact.subject, downstream)
            before = agent.belief(point.fact.subject, downstream)
            objects, probabilities = after.top(5)
            assert entailed.asked.prompt == f"{point.subject} {world.relations[downstream]}"
            assert entailed.asked.eligible == world.objects.names(after.mode())
            assert entailed.soft[0][0] == world.objects[after.mode()]
            # Equal credences may come in another order, for they are summed in another one.
            assert [p for _, p in entailed.soft] == pytest.approx(probabilities.tolist(), abs=1e-12)
            assert [after[world.objects.id_of(o)] for o, _ in entailed.soft] == pytest.approx(
                [p for _, p in entailed.soft], abs=1e-12
            )
            assert len({o for o, _ in entailed.soft}) == len(objects) == 5
            assert entailed.for_accuracy == (probabilities[0] - probabilities[1] >= slag_worlds.CONFIG.margin)
            assert entailed.changes == (after.mode() != before.mode())
            seen += 1
    assert seen > 100


@WORLDS
def test_tf_labels_are_the_agents_credences_after_the_edit(which: str) -> None:
    world, agent = getattr(slag_worlds, which)()
    seen = 0
    for point in slag_worlds.of_task(which, Task.TF)[:150]:
        assert point.fact
        downstream = dependent(world, point.fact)
        weight = agent.weight_for(*point.fact, slag_worlds.CONFIG.target_credence)
        assert (point.weight, point.alternative_weights) == (weight, ())
        r7 = [e for e in point.entailed if e.rule == "R7"]
        assert len(r7) == (0 if downstream == NONE else 2)
        if downstream != NONE:
            edited = agent.revise(Edit(*point.fact, weight))
            old, new = (mind.belief(point.fact.subject, downstream).mode() for mind in (agent, edited))
            atoms = [world.lexicon.parse(f"{e.asked.prompt} true.").formula for e in r7]
            stated = [world.objects.id_of(atom.object) for atom in atoms if isinstance(atom, Atom)]
            assert stated[0] == new
            assert stated[1] == old if old != new else stated[1] != new
            for entailed, object_ in zip(r7, stated, strict=True):
                told = Fact(point.fact.subject, downstream, object_)
                before, after = p_atom(agent, told), p_atom(edited, told)
                assert dict(entailed.soft) == pytest.approx({TRUE: after, FALSE: 1 - after}, abs=1e-12)
                assert entailed.soft[0][1] >= entailed.soft[1][1]
                assert entailed.asked.eligible == ((TRUE if after > 0.5 else FALSE),)
                assert entailed.for_accuracy == (abs(2 * after - 1) >= slag_worlds.CONFIG.margin)
                assert entailed.changes == ((after > 0.5) != (before > 0.5))
                assert (entailed.when, entailed.contrapositive) == (TRUE, False)
                seen += 1
    assert seen > 100


def test_some_edits_change_the_answer_and_some_labels_are_unsure() -> None:
    points, report = slag_worlds.points_of("paired")
    r7 = [e for point in points for e in point.entailed if e.rule == "R7"]
    assert 0 < report.changing_posteriors == sum(bool(e.changes) for e in r7) < len(r7)
    assert 0 < report.sure_posteriors == sum(e.for_accuracy for e in r7) < len(r7)
    assert all(e.soft for e in r7)


def test_a_greater_margin_leaves_more_labels_out_of_accuracy_and_none_out_of_the_points() -> None:
    world, agent = slag_worlds.paired()
    strict = slag_worlds.CONFIG.model_copy(update={"margin": 0.9, "points": 100})
    points, report = world_points(world, agent, strict, slag_worlds.SEED)
    loose, loose_report = world_points(world, agent, strict.model_copy(update={"margin": 0.0}), slag_worlds.SEED)
    assert report.sure_posteriors < loose_report.sure_posteriors == sum(bool(e.soft) for p in loose for e in p.entailed)
    assert sum(len(p.entailed) for p in points) == sum(len(p.entailed) for p in loose)


def test_soft_labels_tell_what_they_leave_out() -> None:
    world, agent = slag_worlds.paired()
    whole = slag_worlds.CONFIG.model_copy(update={"soft_answers": len(world.objects), "points": 60})
    points, report = world_points(world, agent, whole, slag_worlds.SEED, [Task.GEN])
    assert report.left_out_of_soft == pytest.approx(0, abs=1e-12)
    for point in points:
        for e in point.entailed:
            if e.rule == "R7":
                assert sum(p for _, p in e.soft) == pytest.approx(1, abs=1e-12)
    assert 0 < slag_worlds.points_of("paired")[1].left_out_of_soft < 1
