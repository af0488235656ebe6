"""Labels and credences after all updates of a block, against the agent that takes the updates one after another."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
import slag_worlds

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.statements import credence
from worldgen.evaluate.slag.making.dependence import dependence_of
from worldgen.evaluate.slag.points import FALSE, TRUE, Entailed, Point, Task, is_active
from worldgen.evaluate.slag.predictions import Part, PointQuestions
from worldgen.evaluate.slag.rational import statement_of
from worldgen.evaluate.slag.reference import soft_credences
from worldgen.evaluate.slag.updating.agent_after import agent_credences, facts_of
from worldgen.evaluate.slag.updating.block_labels import labelled_after
from worldgen.evaluate.slag.updating.blocks import Block, PointUpdate, blocks_of
from worldgen.worlds.world import World

CASES = pytest.mark.parametrize(("which", "task"), [(w, t) for w in ("paired", "chained") for t in Task])
R = 6


def update_of(point: Point, number: int) -> PointUpdate:
    """Every third update asks for the truth, the others for another label."""
    if number % 3 == 0 or not point.alternatives:
        return PointUpdate(point, point.main.eligible[0], point.weight)
    weight = point.alternative_weights[0] if point.alternative_weights else point.weight
    return PointUpdate(point, point.alternatives[0], weight)


@cache
def blocks(which: str, task: Task, r: int = R) -> tuple[Block, ...]:
    """Blocks of points sorted by subject, so that most updates meet another one of their subject."""
    points = sorted(slag_worlds.of_task(which, task), key=lambda point: (point.split, point.subject))[: 30 * R]
    updates = [update_of(point, number) for number, point in enumerate(points)]
    random = [tuple(points[-3:])] * (len(updates) // r)
    return tuple(blocks_of(updates, r, random))


def minds(which: str, its: tuple[Block, ...]) -> list[Agent]:
    """The agent of each block, after one update at a time."""
    world, agent = getattr(slag_worlds, which)()
    found = []
    for block in its:
        mind = agent
        for update in block.updates:
            fact = update.point.fact
            assert fact
            if update.point.task is Task.GEN:
                fact = fact._replace(object=world.objects.id_of(update.label))
            if update.label != FALSE:
                mind = mind.revise(Edit(*fact, update.weight))
        found.append(mind)
    return found


def unknown(block: Block) -> set[str]:
    """The subjects of which a block makes a statement false."""
    return {update.point.subject for update in block.updates if update.label == FALSE}


def active(block: Block) -> list[tuple[PointUpdate, Entailed]]:
    return [(u, e) for u in block.updates for e in u.point.entailed if is_active(e, u.label)]


@CASES
def test_r7_has_the_label_of_the_posterior_after_all_updates_one_after_another(which: str, task: Task) -> None:
    world, agent = getattr(slag_worlds, which)()
    its = blocks(which, task)
    found = labelled_after(world, agent, its, slag_worlds.CONFIG)
    seen = Counter[str]()
    for old, new, mind in zip(its, found, minds(which, its), strict=True):
        for (update, before), (_, after) in zip(active(old), active(new), strict=True):
            if after.rule != "R7" or update.point.subject in unknown(old):
                continue
            assert (after.asked.prompt, after.when) == (before.asked.prompt, before.when)
            s, r, o = statement_of(world, task, after.asked).first
            belief, was = mind.belief(s, r), agent.belief(s, r)
            if task is Task.GEN:
                objects, p = belief.top(slag_worlds.CONFIG.soft_answers)
                assert after.asked.eligible == world.objects.names(belief.mode())
                assert [q for _, q in after.soft] == pytest.approx(p.tolist(), abs=1e-12)
                assert after.soft[0][0] == world.objects[int(objects[0])]
                margin, changes = p[0] - p[1], belief.mode() != was.mode()
            else:
                assert dict(after.soft) == pytest.approx({TRUE: belief[o], FALSE: 1 - belief[o]}, abs=1e-12)
                assert after.asked.eligible == ((TRUE if belief[o] > 0.5 else FALSE),)
                margin, changes = abs(2 * belief[o] - 1), (belief[o] > 0.5) != (was[o] > 0.5)
            assert after.for_accuracy == (margin >= slag_worlds.CONFIG.margin)
            assert after.changes == changes
            seen["all"] += 1
            seen["other label"] += after.asked.eligible != before.asked.eligible
            seen["moved"] += abs(dict(after.soft)[after.soft[0][0]] - dict(before.soft).get(after.soft[0][0], 0)) > 0.01
    assert seen["all"] >= 20
    assert seen["moved"]
    assert seen["other label"] or task is Task.TF


@CASES
def test_credences_are_those_of_the_agent_that_takes_one_update_after_another(which: str, task: Task) -> None:
    world, agent = getattr(slag_worlds, which)()
    its = tuple(labelled_after(world, agent, blocks(which, task)[:8], slag_worlds.CONFIG))
    found = agent_credences(world, agent, its)
    expected_points, expected_random = [], []
    for block, mind in zip(its, minds(which, its), strict=True):
        for asked, to in (
            *((asked, expected_points) for asked in block.asked),
            *((point.main, expected_random) for point in block.random),
        ):
            statement = statement_of(world, task, asked)
            p = credence(mind, statement)
            told = {world.subjects[fact.subject] for fact in facts_of(statement)} & unknown(block)
            to.append(np.nan if told else 1 - p if asked.eligible == (FALSE,) else p)
    np.testing.assert_allclose(found.points, expected_points, atol=1e-12)
    np.testing.assert_allclose(found.random, expected_random, atol=1e-12)
    assert np.isnan(found.points).any() == (task is Task.TF)
    assert not np.isnan(found.points).all()


@CASES
def test_after_one_update_labels_and_credences_are_those_of_the_points(which: str, task: Task) -> None:
    world, agent = getattr(slag_worlds, which)()
    its = blocks(which, task, 1)[:60]
    found = labelled_after(world, agent, its, slag_worlds.CONFIG)
    for old, new in zip(its, found, strict=True):
        assert new.left_out == 0
        for (_, before), (_, after) in zip(active(old), active(new), strict=True):
            assert (after.asked, after.for_accuracy, after.changes) == (
                before.asked, before.for_accuracy, before.changes,
            )  # fmt: skip
            assert [p for _, p in after.soft] == pytest.approx([p for _, p in before.soft], abs=1e-12)
    questions = PointQuestions(tuple(block.updates[0].point for block in its))
    soft, whole = soft_credences(questions), agent_credences(world, agent, its).points
    follows = questions.follows([(block.updates[0].label,) for block in its])
    entries = questions.of(Part.ENTAILED).entry[follows]
    entries = entries[~np.isnan(soft[entries])]
    assert len(entries) > 10
    np.testing.assert_allclose(whole[entries], soft[entries], atol=1e-12)


def in_doubt(world: World, block: Block, update: PointUpdate, entailed: Entailed) -> bool:
    """Whether another update is about a fact of the question or about one above it, written out from the chains."""
    upstream = {low: up for up, low in dependence_of(world).pairs}
    for fact in facts_of(statement_of(world, update.point.task, entailed.asked)):
        relation: int | None = fact.relation
        while relation is not None:
            for other in block.updates:
                assert other.point.fact
                both_true = all(u.label in u.point.main.eligible for u in (update, other))
                if other is not update and other.point.fact[:2] == (fact.subject, relation) and not both_true:
                    return True
            relation = upstream.get(relation)
    return False


@CASES
def test_what_another_update_may_change_does_not_count_and_is_counted(which: str, task: Task) -> None:
    world, agent = getattr(slag_worlds, which)()
    its = blocks(which, task)
    doubtful, kept = 0, 0
    for old, new in zip(its, labelled_after(world, agent, its, slag_worlds.CONFIG), strict=True):
        expected = 0
        for (update, before), (_, after) in zip(active(old), active(new), strict=True):
            if before.rule == "R7":
                expected += before.for_accuracy and update.point.subject in unknown(old)
            elif in_doubt(world, old, update, before):
                assert not after.for_accuracy
                expected += 1
            else:
                assert after == before
                kept += 1
        assert new.left_out == expected
        doubtful += expected
        assert [u.label for u in new.updates] == [u.label for u in old.updates]
        assert new.random == old.random
    assert doubtful
    assert kept


@CASES
def test_updates_to_the_truth_leave_every_rule_standing(which: str, task: Task) -> None:
    """What follows from the world's truth is the world's truth, however many facts are told at once."""
    world, agent = getattr(slag_worlds, which)()
    points = sorted(slag_worlds.of_task(which, task), key=lambda point: point.subject)[: 10 * R]
    its = blocks_of([PointUpdate(p, p.main.eligible[0], p.weight) for p in points], R, [()] * 10)
    for block in labelled_after(world, agent, its, slag_worlds.CONFIG):
        assert block.left_out <= sum(e.rule == "R7" and u.point.subject in unknown(block) for u, e in active(block))
        for _, e in active(block):
            if e.rule in ("R5", "R6"):
                s, r, o = statement_of(world, task, e.asked).first
                holds = o == world.truth[world.fact_of(s, r)]
                assert holds if task is Task.GEN else e.asked.eligible == ((TRUE if holds else FALSE),)
