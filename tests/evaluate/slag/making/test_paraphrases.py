"""Paraphrases: other names of the main question, of one fact only, and the held-out ones marked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import slag_worlds
import worlds
from alias_worlds import hostile_worlds, speak, talkative_world, world_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.evaluate.slag.making.mains import draw_mains
from worldgen.evaluate.slag.making.paraphrases import (
    KINDS,
    NO_MORE_NAMES,
    NO_NAME,
    main_prompt,
    make_paraphrases,
)
from worldgen.evaluate.slag.making.tally import Made
from worldgen.evaluate.slag.points import Asked, Paraphrase, Task
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.grammar import Atom
from worldgen.worlds.world import World

TASKS = pytest.mark.parametrize("task", Task)


def paraphrased(world: World, task: Task, most: int, seed: int = 0) -> tuple[list[tuple[int, Asked]], Made[Paraphrase]]:
    """The main questions with their facts, and what was made of them."""
    mains = draw_mains(world, SlagConfig(), seed, task)
    names = [(world.subjects[s], world.relations[r]) for s, r in zip(mains.subject, mains.relation, strict=True)]
    asked = tuple(
        Asked(main_prompt(world, task, its, int(o)), ("x",)) for its, o in zip(names, mains.object, strict=True)
    )
    return list(zip(mains.fact.tolist(), asked, strict=True)), make_paraphrases(world, mains, asked, most)


def atom_of(world: World, task: Task, prompt: str) -> Atom:
    """The names in a prompt, as the language's own parser reads them."""
    whole = f"{prompt} {world.objects[0]}." if task is Task.GEN else f"{prompt} true."
    atom = world.lexicon.parse(whole).formula
    assert isinstance(atom, Atom)
    return atom


def check(world: World, task: Task, most: int, seed: int = 0) -> None:
    mains, made = paraphrased(world, task, most, seed)
    for (fact, asked), of_point in zip(mains, made.items, strict=True):
        s, r = int(world.subject[fact]), int(world.relation[fact])
        subject, relation = world.subjects.names(s), world.relations.names(r)
        possible = {
            "subject": {(n, relation[0]) for n in subject[1:]},
            "relation": {(subject[0], n) for n in relation[1:]},
            "both": {(n, m) for n in subject[1:] for m in relation[1:]},
        }
        main = atom_of(world, task, asked.prompt)
        assert (main.subject, main.relation) == (subject[0], relation[0])
        for kind in KINDS:
            atoms = [(p, atom_of(world, task, p.asked.prompt)) for p in of_point if p.part == kind]
            names = {(atom.subject, atom.relation) for _, atom in atoms}
            assert names <= possible[kind]
            assert len(names) == len(atoms) == min(most, len(possible[kind]))
            assert all(atom.object == main.object for _, atom in atoms)
            held_out = set(world.held_out_names(fact))
            assert all(p.held_out == ((atom.subject, atom.relation) in held_out) for p, atom in atoms)
        assert all(p.asked.eligible == asked.eligible for p in of_point)


@TASKS
@pytest.mark.parametrize("most", [1, 2, 4, 9])
def test_paraphrases_are_all_other_names_or_as_many_as_asked(task: Task, most: int) -> None:
    check(talkative_world(), task, most)
    check(slag_worlds.paired().world, task, most)


@settings(max_examples=80)
@given(hostile_worlds(), st.sampled_from(Task), st.integers(0, 2**32))
def test_paraphrases_are_read_as_meant_in_drawn_worlds(plain: World, task: Task, seed: int) -> None:
    world, _ = speak(plain)
    assume(world.has_aliases and len(world.objects) > 1)
    check(world, task, 3, seed)


@settings(max_examples=80)
@given(hostile_worlds())
def test_no_paraphrase_asks_about_two_facts(plain: World) -> None:
    world, _ = speak(plain)
    assume(world.has_aliases)
    assert_one_fact_each(world)


def test_no_paraphrase_of_a_whole_world_asks_about_two_facts() -> None:
    assert_one_fact_each(talkative_world())
    assert_one_fact_each(slag_worlds.paired().world)


def assert_one_fact_each(world: World) -> None:
    mains, made = paraphrased(world, Task.GEN, 100)
    asked_about: dict[str, set[int]] = {}
    for (fact, asked), of_point in zip(mains, made.items, strict=True):
        for prompt in [asked.prompt, *(p.asked.prompt for p in of_point)]:
            asked_about.setdefault(prompt, set()).add(fact)
    assert all(len(facts) == 1 for facts in asked_about.values())


@TASKS
def test_what_is_not_made_is_counted_by_reason(task: Task) -> None:
    world, most = talkative_world(), 4
    mains, made = paraphrased(world, task, most)
    assert [count.part for count in made.tallies] == [f"{kind} paraphrase" for kind in KINDS]
    for kind, count in zip(KINDS, made.tallies, strict=True):
        expected: Counter[str] = Counter()
        for fact, _ in mains:
            a = len(world.subjects.names(int(world.subject[fact]))) - 1
            b = len(world.relations.names(int(world.relation[fact]))) - 1
            possible = {"subject": a, "relation": b, "both": a * b}[kind]
            expected[NO_NAME if not possible else NO_MORE_NAMES] += max(most - possible, 0)
        assert count.missing == {reason: n for reason, n in expected.items() if n}
        assert count.made == sum(p.part == kind for of_point in made.items for p in of_point) > 0
        assert count.asked == most * len(mains) == count.made + sum(count.missing.values())


def test_some_combinations_are_held_out() -> None:
    _, made = paraphrased(talkative_world(), Task.GEN, 9)
    marked = [p for of_point in made.items for p in of_point if p.held_out]
    assert len(marked) == len(talkative_world().held_out) > 20
    assert all(p.part == "both" for p in marked)


def test_a_world_without_aliases_is_refused_with_the_option_that_makes_them() -> None:
    with pytest.raises(UserError, match=r"world\.aliases=3") as refused:
        paraphrased(worlds.world(), Task.GEN, 4)
    assert "\n" not in str(refused.value)
    _, made = paraphrased(worlds.world(), Task.GEN, 0)
    assert not any(made.items)
    assert all(count.asked == 0 for count in made.tallies)


def test_a_world_where_only_objects_have_aliases_is_not_refused() -> None:
    world, _ = speak(world_of({"sam": [], "tom": []}, {"likes": []}, {"tea": ["hot tea"], "milk": []}))
    assert world.has_aliases
    _, made = paraphrased(replace(world), Task.GEN, 2)
    assert [dict(count.missing) for count in made.tallies] == [{NO_NAME: 4}] * 3
