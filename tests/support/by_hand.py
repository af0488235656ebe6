"""Cases worked out by hand: this reads them from `fixtures/` and asks an agent their questions."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from oracle import Oracle
from published import Published

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.testing import MicroWorld, Sentence
from worldgen.corpus.sentences import Kind
from worldgen.facts import Fact

FIXTURES = Path(__file__).parents[2] / "fixtures"

KINDS = {
    "atomic": (Kind.ATOM, True),
    "true": (Kind.STATED, True),
    "false": (Kind.STATED, False),
    "not-true": (Kind.NOT, True),
    "not-false": (Kind.NOT, False),
    "and-true": (Kind.AND, True),
    "and-false": (Kind.AND, False),
    "or-true": (Kind.OR, True),
    "or-false": (Kind.OR, False),
}


class Names:
    """The ids of the names of one world, in the order in which the names appear."""

    def __init__(self, world: dict[str, Any]) -> None:
        atoms = [atom for sentence in world["sentences"] for atom in sentence["atoms"]]
        self.subjects = list(dict.fromkeys(atom[0] for atom in atoms))
        self.relations = list(dict.fromkeys(atom[1] for atom in atoms))
        self.objects = world["objects"]
        assert world["K"] == len(self.objects)

    def fact(self, atom: list[str]) -> Fact:
        """Returns an atom as ids; the subject is -1 where the atom has none."""
        subject = self.subjects.index(atom[0]) if atom[0] else -1
        return Fact(subject, self.relations.index(atom[1]), self.objects.index(atom[2]))

    def micro_world(self, world: dict[str, Any]) -> MicroWorld:
        """Returns the world as hypothesis would draw it."""
        sentences: list[Sentence] = []
        for sentence in world["sentences"]:
            atoms = tuple(self.fact(atom) for atom in sentence["atoms"])
            sentences += [Sentence(*KINDS[sentence["kind"]], atoms)] * sentence.get("times", 1)
        pairs = tuple((self.relations.index(u), self.relations.index(d)) for u, d in world["pairs"])
        sizes = (len(self.subjects), len(self.relations), len(self.objects))
        return MicroWorld(*sizes, pairs, Fraction(world["a"]), 1, tuple(sentences))


class Case(NamedTuple):
    """A question about a world after some edits, and its exact answer."""

    name: str
    world: MicroWorld
    edits: tuple[Edit, ...]
    question: dict[str, Any]
    names: Names
    expected: Fraction

    def facts(self) -> list[Fact]:
        """Returns the atoms that the question asks about."""
        return [self.names.fact(atom) for atom in self.question.get("atoms", [])]


def cases(fixture: str) -> list[Case]:
    """Returns the cases of a file in `fixtures/`."""
    file = tomllib.loads((FIXTURES / fixture).read_text())
    names = {name: Names(world) for name, world in file["worlds"].items()}
    worlds = {name: names[name].micro_world(world) for name, world in file["worlds"].items()}

    def read(case: dict[str, Any]) -> Case:
        world, edit = case["world"], case.get("edit")
        edits = (Edit(*names[world].fact(edit["atom"]), edit["weight"]),) if edit else ()
        return Case(case["name"], worlds[world], edits, case["question"], names[world], Fraction(case["expected"]))

    return [read(case) for case in file["case"]]


def credence(agent: Agent | Oracle | Published, case: Case) -> float | Fraction:
    """Returns the answer of an agent, revised by the case's edits, to a question about one distribution."""
    question, names = case.question, case.names
    if question["kind"] == "conditional":
        (_, o_u), (r_d, o_d) = question["upstream"], question["downstream"]
        row = agent.conditional(names.relations.index(r_d), names.objects.index(o_u))
        return row[names.objects.index(o_d)]
    (fact,) = case.facts()
    answer = {"credence": lambda: agent.belief(*fact[:2]), "relation": lambda: agent.unseen_subject(fact.relation)}
    return answer[question["kind"]]()[fact.object]
