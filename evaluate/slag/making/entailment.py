"""What follows from a statement by logic alone: the rules R1 to R4 of the task TF.

M is the main statement "s r o", B a statement about another subject, whose truth the world knows. A relation has one
object for each subject. Source: Hase et al., 2021, section 3.1; the rules are ours.

    M true:   R1   not M -> false   R2  M or B -> true   R3  s r o' -> false (o' other than o)   R4  M and B -> B
    M false:  R1'  not M -> true                                                              R4' M and B -> false
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.slag.making.mains import Integers, Mains, other_objects
from worldgen.evaluate.slag.making.tally import Made, tally
from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Entailed
from worldgen.facts import Fact
from worldgen.grammar import Atom, Both, Formula, Not, truth_prompt
from worldgen.randomness import below
from worldgen.worlds.world import NONE, World

RULES = ("R1", "R1'", "R2", "R3", "R4", "R4'")
NO_OTHER_SUBJECT = "the split has no fact of another subject"
NO_OTHER_OBJECT = "the relation has no other object"


class Statement(NamedTuple):
    """A statement whose truth the world knows."""

    atom: Atom
    holds: bool


@dataclass(frozen=True)
class OtherFacts:
    """A statement about another subject of the same split for each point, true or false with equal chance."""

    fact: Integers
    """[N]: the fact's number in the world; NONE where no other subject of the split has a fact."""
    object: Integers  # [N]
    holds: NDArray[np.bool_]  # [N]

    def statement(self, world: World, i: int) -> Statement | None:
        """Returns the statement of point i."""
        fact = int(self.fact[i])
        if fact == NONE:
            return None
        told = Fact(int(world.subject[fact]), int(world.relation[fact]), int(self.object[i]))
        return Statement(atom_of(world, told), bool(self.holds[i]))


def logically_entailed(world: World, mains: Mains) -> Made[Entailed]:
    """Returns what follows from each main statement being true, and from its being false."""
    other = other_objects(world, mains.relation, mains.object, mains.words("R3", 1))[:, 0]
    second = {rule: other_facts(world, mains, rule) for rule in ("R2", "R4")}
    items = []
    for i, (s, r, o) in enumerate(
        zip(mains.subject.tolist(), mains.relation.tolist(), mains.object.tolist(), strict=True)
    ):
        main, not_o = atom_of(world, Fact(s, r, o)), int(other[i])
        o_other = atom_of(world, Fact(s, r, not_o)) if not_o != NONE else None
        items.append(
            tuple(_entailed(main, o_other, second["R2"].statement(world, i), second["R4"].statement(world, i)))
        )
    lacking = {
        "R2": (NO_OTHER_SUBJECT, second["R2"].fact), "R3": (NO_OTHER_OBJECT, other),
        "R4": (NO_OTHER_SUBJECT, second["R4"].fact), "R4'": (NO_OTHER_SUBJECT, second["R4"].fact),
    }  # fmt: skip
    made = {rule: sum(e.rule == rule for entailed in items for e in entailed) for rule in RULES}
    missing = {rule: {reason: int((found == NONE).sum())} for rule, (reason, found) in lacking.items()}
    return Made(items, tuple(tally(mains.task, rule, made[rule], missing.get(rule, {})) for rule in RULES))


def _entailed(
    main: Atom, other: Atom | None, for_or: Statement | None, for_and: Statement | None
) -> Iterator[Entailed]:
    """Yields what follows from one statement."""
    yield _follows(Not(main), False, "R1", TRUE, contrapositive=True)
    yield _follows(Not(main), True, "R1'", FALSE)
    if for_or:
        yield _follows(Both("or", main, for_or.atom), True, "R2", TRUE, contrapositive=True)
    if other:
        yield _follows(other, False, "R3", TRUE, contrapositive=True)
    if for_and:
        yield _follows(Both("and", main, for_and.atom), for_and.holds, "R4", TRUE)
        yield _follows(Both("and", main, for_and.atom), False, "R4'", FALSE)


def _follows(formula: Formula, holds: bool, rule: str, when: str, contrapositive: bool = False) -> Entailed:
    return Entailed(Asked(truth_prompt(formula), (truth_word(holds),)), rule, when, contrapositive)


def truth_word(holds: bool) -> str:
    """Returns the answer to a TF question."""
    return TRUE if holds else FALSE


def atom_of(world: World, fact: Fact) -> Atom:
    """Returns a fact in canonical names."""
    return Atom(world.subjects[fact.subject], world.relations[fact.relation], world.objects[fact.object])


def other_facts(world: World, mains: Mains, part: str) -> OtherFacts:
    """Draws for each point a fact of another subject of the same split, uniform, and what is stated about it.

    No such fact shares an atom with a question about the point's subject, and no statement leads from one split into
    another.
    """
    fact = np.full(len(mains), NONE, dtype=np.int64)
    words = mains.words(f"{part} second statement", 2)
    split_of_fact = mains.split_of_subject[world.subject]
    for split in np.unique(mains.split):
        points, facts = np.flatnonzero(mains.split == split), np.flatnonzero(split_of_fact == split)
        begin, end = np.searchsorted(world.subject[facts], [mains.subject[points], mains.subject[points] + 1])
        others = len(facts) - (end - begin)
        place = below(words[points, 0], np.maximum(others, 1))
        place += np.where(place >= begin, end - begin, 0)
        fact[points] = np.where(others > 0, facts[np.minimum(place, len(facts) - 1)], NONE)
    coin, known = mains.coins(f"{part} second truth"), fact != NONE
    truth = np.where(known, world.truth[fact], NONE).astype(np.int64)
    false = other_objects(world, world.relation[fact], truth, words[:, 1:])[:, 0]
    return OtherFacts(fact, np.where(coin, truth, false), coin)
