"""Whole points: main labels, splits, determinism, and counts that add up."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import slag_worlds
import worlds

from worldgen.evaluate.slag.making.splits import SPLITS
from worldgen.evaluate.slag.making.tally import Report
from worldgen.evaluate.slag.making.world_points import NO_MORE_FACTS, world_points
from worldgen.evaluate.slag.points import FALSE, TRUE, Point, Task
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.grammar import Atom
from worldgen.graphs.reading.opening import open_graph

WHICH = pytest.mark.parametrize("which", ["paired", "chained"])


@WHICH
def test_main_labels_are_the_truth_of_the_world(which: str) -> None:
    world = getattr(slag_worlds, which)().world
    for point in slag_worlds.of_task(which, Task.GEN):
        assert point.fact
        s, r, o = point.fact
        assert o == world.truth[world.fact_of(s, r)]
        assert point.main.prompt == f"{world.subjects[s]} {world.relations[r]}"
        assert point.main.eligible == world.objects.names(o)
        assert point.subject == world.subjects[s]
        alternatives = [world.objects.id_of(label) for label in point.alternatives]
        assert len(set(alternatives) - {o}) == min(slag_worlds.CONFIG.alternatives, len(world.ranges[r]) - 1)
        assert set(alternatives) <= set(world.ranges[r].tolist())
        assert len(point.alternative_weights) == len(alternatives)
    for point in slag_worlds.of_task(which, Task.TF):
        assert point.fact
        s, r, o = point.fact
        stated = world.lexicon.parse(f"{point.main.prompt} true.").formula
        assert stated == Atom(world.subjects[s], world.relations[r], world.objects[o])
        holds = o == world.truth[world.fact_of(s, r)]
        assert point.main.eligible == ((TRUE,) if holds else (FALSE,))
        assert point.alternatives == ((FALSE,) if holds else (TRUE,))


@WHICH
def test_no_subject_is_in_two_splits_of_either_task(which: str) -> None:
    split_of: dict[str, set[str]] = {}
    points, report = slag_worlds.points_of(which)
    for point in points:
        split_of.setdefault(point.subject, set()).add(point.split)
    assert all(len(splits) == 1 for splits in split_of.values())
    assert {split for splits in split_of.values() for split in splits} == set(SPLITS)
    for task in Task:
        assert report.points[task] == Counter(point.split for point in points if point.task is task)


@WHICH
def test_no_question_of_a_split_is_about_a_subject_of_another(which: str) -> None:
    """Every name in a prompt is a subject of the point's own split: nothing is learned about a test subject."""
    world = getattr(slag_worlds, which)().world
    points = slag_worlds.of_task(which, Task.TF)
    split_of = {point.subject: point.split for point in points}
    for point in points:
        for asked in (*(e.asked for e in point.entailed), *(n.asked for n in point.neutral)):
            formula = world.lexicon.parse(f"{asked.prompt} true.").formula
            atoms = (
                [formula] if isinstance(formula, Atom) else [a for a in vars(formula).values() if isinstance(a, Atom)]
            )
            assert atoms
            assert {split_of[atom.subject] for atom in atoms} == {point.split}


@WHICH
def test_ids_are_unique_and_conditions_are_labels(which: str) -> None:
    points, _ = slag_worlds.points_of(which)
    assert len({(point.task, point.id) for point in points}) == len(points)
    for point in points:
        conditions = {TRUE, FALSE} if point.task is Task.TF else {point.main.eligible[0], *point.alternatives}
        assert {e.when for e in point.entailed} <= conditions


def counted(points: list[Point], report: Report, config: SlagConfig) -> None:
    """Counts every part anew from the points, and what was asked for from the settings."""
    for task in Task:
        of_task = [point for point in points if point.task is task]
        made = Counter({"main": len(of_task), "alternatives": sum(len(p.alternatives) for p in of_task)})
        made["neutral"] = sum(len(p.neutral) for p in of_task)
        made.update(f"{p.part} paraphrase" for point in of_task for p in point.paraphrases)
        made.update(e.rule for point in of_task for e in point.entailed)
        N, updates = len(of_task), sum(1 + len(p.alternative_weights) for p in of_task)
        asked = {"main": config.points, "neutral": config.neutral * N}
        asked |= dict.fromkeys(
            (f"{kind} paraphrase" for kind in ("subject", "relation", "both")), config.paraphrases * N
        )
        if task is Task.GEN:
            asked |= {"alternatives": config.alternatives * N, "R6": updates, "R7": updates}
        else:
            asked |= {"alternatives": N, "R5": 2 * N, "R7": 2 * N}
            asked |= dict.fromkeys(("R1", "R1'", "R2", "R3", "R4", "R4'"), N)
        tallies = {count.part: count for count in report.tallies if count.task is task}
        assert {part: count.asked for part, count in tallies.items()} == asked
        assert {part: count.made for part, count in tallies.items()} == {part: made[part] for part in asked}
        for count in tallies.values():
            assert count.made + sum(count.missing.values()) == count.asked
            assert all(count.missing.values())
        assert set(made) <= set(asked)
    assert report.held_out_paraphrases == sum(p.held_out for point in points for p in point.paraphrases)
    assert report.contrapositives == sum(e.contrapositive for point in points for e in point.entailed)


@WHICH
def test_counts_add_up(which: str) -> None:
    points, report = slag_worlds.points_of(which)
    counted(points, report, slag_worlds.CONFIG)
    lacking = {count.part: count.missing for count in report.tallies if count.task is Task.TF}
    assert lacking["main"] == {NO_MORE_FACTS: 1000 - len(slag_worlds.of_task(which, Task.TF))}


def test_counts_add_up_without_the_optional_parts() -> None:
    world, agent = slag_worlds.paired()
    config = SlagConfig(points=40, paraphrases=0, alternatives=0, neutral=0)
    points, report = world_points(world, agent, config, 0)
    assert len(points) == 80
    assert not any(point.paraphrases or point.neutral for point in points)
    counted(points, report, config)


def test_the_report_is_json() -> None:
    _, report = slag_worlds.points_of("paired")
    read = json.loads(json.dumps(report.as_dict()))
    assert read["points"]["gen"] == dict(report.points[Task.GEN])
    assert [count["made"] for count in read["tallies"]] == [count.made for count in report.tallies]


def test_the_same_seed_gives_the_same_points_and_another_seed_others() -> None:
    world, agent = slag_worlds.paired()
    assert world_points(world, agent, slag_worlds.CONFIG, slag_worlds.SEED) == slag_worlds.points_of("paired")
    others = world_points(world, agent, slag_worlds.CONFIG, slag_worlds.SEED + 1)[0]
    assert {point.id for point in others} == {point.id for point in slag_worlds.points_of("paired")[0]}
    assert others != slag_worlds.points_of("paired")[0]


def test_points_do_not_depend_on_their_number_or_on_the_other_task() -> None:
    world, agent = slag_worlds.paired()
    few = replace_points(slag_worlds.CONFIG, 70)
    points = world_points(world, agent, few, slag_worlds.SEED, [Task.TF])[0]
    whole = slag_worlds.of_task("paired", Task.TF)[:70]
    # A batch of another size may sum the agent's credences in another order.
    assert [without_soft(point) for point in points] == [without_soft(point) for point in whole]


def replace_points(config: SlagConfig, points: int) -> SlagConfig:
    return config.model_copy(update={"points": points})


def without_soft(point: Point) -> Point:
    return replace(point, entailed=tuple(replace(e, soft=()) for e in point.entailed))


def test_a_world_without_dependencies_has_what_follows_by_logic_alone() -> None:
    world, agent = worlds.speaking(), worlds.agent()
    points, report = world_points(replace(world, dependencies=()), replace(agent, parent={}), SlagConfig(points=30), 0)
    assert {e.rule for point in points for e in point.entailed} == {"R1", "R1'", "R2", "R3", "R4", "R4'"}
    assert all(point.neutral for point in points)
    counted(points, report, SlagConfig(points=30))


def test_an_agent_that_was_revised_is_refused() -> None:
    from worldgen.bayes.agent import Edit

    world, agent = slag_worlds.paired()
    with pytest.raises(ValueError, match="before it is revised"):
        world_points(world, agent.revise(Edit(0, 0, 0, 5.0)), slag_worlds.CONFIG, 0)


def test_splits_that_do_not_come_to_a_hundred_are_refused() -> None:
    with pytest.raises(ValueError, match="come to 100"):
        SlagConfig(split_percents=(60, 10, 10))


def test_real_aliases_make_paraphrases_and_counts_add_up(wikidata_sample: Path) -> None:
    world, agent = slag_worlds.believed_of(open_graph(wikidata_sample))
    points, report = world_points(world, agent, slag_worlds.CONFIG, 0)
    counted(points, report, slag_worlds.CONFIG)
    made = {count.part: count.made for count in report.tallies if count.task is Task.GEN}
    assert min(made[f"{kind} paraphrase"] for kind in ("subject", "relation", "both")) > 100
    assert min(made["R6"], made["R7"], made["neutral"], report.held_out_paraphrases) > 50
