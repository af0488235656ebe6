"""R1 to R4 against truth tables: every assignment of truth to the atoms of a question and of its main statement."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import slag_worlds
from alias_worlds import hostile_worlds
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from worldgen.evaluate.slag.making.entailment import NO_OTHER_SUBJECT, logically_entailed
from worldgen.evaluate.slag.making.mains import Mains, draw_mains
from worldgen.evaluate.slag.points import TRUE, Entailed, Task
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.grammar import Atom, Formula, Not
from worldgen.worlds.world import NONE, World

Assignment = dict[Atom, bool]


def atoms_of(formula: Formula) -> list[Atom]:
    if isinstance(formula, Atom):
        return [formula]
    return [formula.atom] if isinstance(formula, Not) else [formula.left, formula.right]


def is_true(formula: Formula, assigned: Assignment) -> bool:
    if isinstance(formula, Atom):
        return assigned[formula]
    if isinstance(formula, Not):
        return not assigned[formula.atom]
    both = assigned[formula.left], assigned[formula.right]
    return all(both) if formula.connective == "and" else any(both)


def assignments(atoms: list[Atom]) -> Iterator[Assignment]:
    """Every assignment in which no subject has two objects of one relation."""
    for values in product([True, False], repeat=len(atoms)):
        assigned = dict(zip(atoms, values, strict=True))
        true = [(atom.subject, atom.relation) for atom, value in assigned.items() if value]
        if len(set(true)) == len(true):
            yield assigned


def told(world: World, prompt: str) -> Formula:
    """The formula that a question is about."""
    return world.lexicon.parse(f"{prompt} true.").formula


def known_truth(world: World, atom: Atom) -> bool:
    subject, relation = world.subjects.id_of(atom.subject), world.relations.id_of(atom.relation)
    return world.objects[int(world.truth[world.fact_of(subject, relation)])] == atom.object


def main_atom(world: World, mains: Mains, i: int) -> Atom:
    return Atom(
        world.subjects[int(mains.subject[i])], world.relations[int(mains.relation[i])],
        world.objects[int(mains.object[i])],
    )  # fmt: skip


def check(world: World, main: Atom, entailed: Entailed) -> None:
    """The label holds in every assignment with the condition, B as the world has it; and so for the contrapositive."""
    formula, (label,) = told(world, entailed.asked.prompt), entailed.asked.eligible
    atoms = list(dict.fromkeys([main, *atoms_of(formula)]))
    free = list(assignments(atoms))
    holds = [a for a in free if all(a[b] == known_truth(world, b) for b in atoms if b.subject != main.subject)]
    active = [a for a in holds if a[main] == (entailed.when == TRUE)]
    assert active
    assert {is_true(formula, a) for a in active} == {label == TRUE}
    # A wrong prediction implies that M is false, whatever is believed of B: so the flag, exactly.
    wrong = [a for a in free if is_true(formula, a) != (label == TRUE)]
    implies = bool(wrong) and not any(a[main] for a in wrong)
    assert entailed.contrapositive == (implies and entailed.when == TRUE)


@settings(max_examples=60)
@given(hostile_worlds(), st.integers(0, 2**32))
def test_labels_are_those_of_the_truth_tables_in_drawn_worlds(world: World, seed: int) -> None:
    assume(len(world.objects) > 1)
    mains = draw_mains(world, SlagConfig(split_percents=(100, 0, 0)), seed, Task.TF)
    made = logically_entailed(world, mains)
    for i, of_point in enumerate(made.items):
        for entailed in of_point:
            check(world, main_atom(world, mains, i), entailed)
    others = len(world.subjects) > 1
    assert {e.rule for of_point in made.items for e in of_point} == (
        {"R1", "R1'", "R2", "R3", "R4", "R4'"} if others else {"R1", "R1'", "R3"}
    )


def test_labels_are_those_of_the_truth_tables_in_a_whole_world() -> None:
    world = slag_worlds.paired().world
    for point in slag_worlds.of_task("paired", Task.TF):
        main = told(world, point.main.prompt)
        assert isinstance(main, Atom)
        for entailed in point.entailed:
            if entailed.rule in ("R1", "R1'", "R2", "R3", "R4", "R4'"):
                check(world, main, entailed)


def test_the_second_statement_shares_no_subject_and_no_split_and_is_true_half_the_time() -> None:
    world = slag_worlds.paired().world
    points = slag_worlds.of_task("paired", Task.TF)
    split_of = {point.subject: point.split for point in points}
    second = []
    for point in points:
        for rule in ("R2", "R4"):
            (entailed,) = (e for e in point.entailed if e.rule == rule)
            _, atom = atoms_of(told(world, entailed.asked.prompt))
            assert atom.subject != point.subject
            assert split_of[atom.subject] == point.split
            second.append(known_truth(world, atom))
    # Binomial(1204, 1/2): 5 standard deviations are 87; false alarm 6e-7.
    assert len(second) == 1204
    assert abs(sum(second) - 602) < 87


def test_a_split_of_one_subject_has_no_second_statement_and_says_so() -> None:
    world = slag_worlds.paired().world
    mains = draw_mains(world, SlagConfig(points=1000), 0, Task.TF)
    alone = int(mains.subject[0])
    splits = mains.split_of_subject.copy()
    splits[:], splits[alone] = 0, 1
    lonely = Mains(**{**vars(mains), "split_of_subject": splits, "split": splits[mains.subject]})
    made = logically_entailed(world, lonely)
    of_subject = [i for i in range(len(lonely)) if lonely.subject[i] == alone]
    assert of_subject
    for i in of_subject:
        assert {e.rule for e in made.items[i]} == {"R1", "R1'", "R3"}
    missing = {count.part: dict(count.missing) for count in made.tallies}
    assert missing["R2"] == missing["R4"] == missing["R4'"] == {NO_OTHER_SUBJECT: len(of_subject)}
    assert missing["R1"] == missing["R3"] == {}


def test_a_relation_without_another_object_has_no_r3(monkeypatch) -> None:
    world = slag_worlds.paired().world
    mains = draw_mains(world, SlagConfig(points=50), 0, Task.TF)
    monkeypatch.setattr(
        "worldgen.evaluate.slag.making.entailment.other_objects",
        lambda _world, relation, _excluded, words: words.astype(int) * 0 + NONE,
    )
    made = logically_entailed(world, mains)
    assert {count.part: count.made for count in made.tallies}["R3"] == 0
    assert not any(e.rule == "R3" for of_point in made.items for e in of_point)
