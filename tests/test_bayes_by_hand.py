"""The hand-computed cases of fixtures/posteriors.toml, asked of the agent and of the oracle."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from oracle import Change, MicroWorld, Oracle, Sentence
from strategies import agent_of

from bayes import statements
from bayes.agent import Agent
from worldgen.facts import Fact
from worldgen.sentences import Kind

FIXTURE = tomllib.loads((Path(__file__).parent.parent / "fixtures" / "posteriors.toml").read_text())
CASES = FIXTURE["case"]
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
    """Ids for the names of one world, in the order in which they appear."""

    def __init__(self, world: dict[str, Any]) -> None:
        atoms = [atom for sentence in world["sentences"] for atom in sentence["atoms"]]
        self.subjects = list(dict.fromkeys(atom[0] for atom in atoms))
        self.relations = list(dict.fromkeys(atom[1] for atom in atoms))
        self.objects = world["objects"]
        assert world["K"] == len(self.objects)

    def fact(self, atom: list[str]) -> Fact:
        """An atom as ids; no subject is -1."""
        subject = self.subjects.index(atom[0]) if atom[0] else -1
        return Fact(subject, self.relations.index(atom[1]), self.objects.index(atom[2]))

    def micro_world(self, world: dict[str, Any]) -> MicroWorld:
        """The world as the oracle reads it."""
        said: list[Sentence] = []
        for sentence in world["sentences"]:
            atoms = tuple(self.fact(atom) for atom in sentence["atoms"])
            said += [Sentence(*KINDS[sentence["kind"]], atoms)] * sentence.get("times", 1)
        pairs = tuple((self.relations.index(u), self.relations.index(d)) for u, d in world["pairs"])
        sizes = (len(self.subjects), len(self.relations), len(self.objects))
        return MicroWorld(*sizes, pairs, Fraction(world["a"]), 1, tuple(said))


def by_agent(agent: Agent, question: dict[str, Any], names: Names) -> float:
    """The answer of `bayes`."""
    kind, facts = question["kind"], [names.fact(atom) for atom in question.get("atoms", [])]
    if kind == "conditional":
        (_, o_u), (r_d, o_d) = question["upstream"], question["downstream"]
        row = agent.conditional(names.relations.index(r_d), names.objects.index(o_u))
        return row[names.objects.index(o_d)]
    if kind == "relation":
        return agent.general(facts[0].relation)[facts[0].object]
    if kind == "weight":
        return agent.weight_for(*facts[0], float(Fraction(question["target"])))
    ask: dict[str, Callable[..., float]] = {
        "credence": statements.p_atom, "not": statements.p_not, "and": statements.p_and, "or": statements.p_or
    }  # fmt: skip
    return ask[kind](agent, *facts)


def by_oracle(oracle: Oracle, question: dict[str, Any], names: Names) -> Fraction | int:
    """The answer of the oracle."""
    kind, facts = question["kind"], [names.fact(atom) for atom in question.get("atoms", [])]
    if kind == "conditional":
        (_, o_u), (r_d, o_d) = question["upstream"], question["downstream"]
        row = oracle.conditional(names.relations.index(r_d), names.objects.index(o_u))
        return row[names.objects.index(o_d)]
    if kind == "relation":
        return oracle.general(facts[0].relation)[facts[0].object]
    if kind == "weight":
        return oracle.least_weight(*facts[0], Fraction(question["target"]))
    ask = {"credence": oracle.p_atom, "not": oracle.p_not, "and": oracle.p_and, "or": oracle.p_or}
    return ask[kind](*facts)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    described = FIXTURE["worlds"][case["world"]]
    names = Names(described)
    world, edits = names.micro_world(described), []
    if "edit" in case:
        edits = [Change(*names.fact(case["edit"]["atom"]), Fraction(case["edit"]["weight"]))]
    expected = Fraction(case["expected"])
    assert by_oracle(Oracle(world, *edits), case["question"], names) == expected
    # Fewer than 100 roundings of 1.1e-16 each, of numbers at most 1; a weight is whole and exact.
    found = by_agent(agent_of(world, *edits), case["question"], names)
    assert abs(found - float(expected)) <= 1e-14
