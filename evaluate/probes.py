"""What a model is asked about a case, and what the agent answers: prompts, targets, credences.

Sites are the (subject, relation) pairs s1r1, s1r2, s2r1, s2r2. Names of probes:

    s1r1/answer                       greedy completion of "s r"
    s1r1/truth /requested /old_mode /new_mode     p("o." | "s r"): the original truth, the requested object, the
                                      agent's most probable object before and after the edit
    s1r1/original                     the same of the second set's object
    requested/tf /tf_false /not /and /and_swapped /or         p(true | '"F" is'), A the requested statement
    original/tf ...                   A the original statement or a false one
    b/tf                              the second statement alone

Credences are the agent's before the edit, after n' and after the near certain weight. At s1r1 they are by the
root formula (evaluation design: the weight n' is defined by it); everywhere else p(o | s, r) as believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

from bayes.agent import Agent
from bayes.distribution import Distribution
from bayes.statements import p_and, p_atom, p_not, p_or
from evaluate.cases import Case
from worldgen.facts import Fact
from worldgen.files import read_columns, write_table
from worldgen.grammar import Atom, Both, Formula, Not, truth_prompt
from worldgen.world import World

SITES = ("s1r1", "s1r2", "s2r1", "s2r2")
STATEMENT_SETS = ("requested", "original")


@dataclass(frozen=True)
class Probe:
    """One question. An answer probe has no target; its expected answers are the agent's modes before and after."""

    case: int
    name: str
    prompt: str
    target: str
    credence_before: float
    credence_after: float
    credence_certain: float
    expected_before: str
    expected_after: str

    @property
    def asks_for_answer(self) -> bool:
        """Whether the model completes the prompt freely."""
        return not self.target


class Minds(NamedTuple):
    """The agent before an edit, after it with weight n', after it with the near certain weight."""

    before: Agent
    after: Agent
    certain: Agent


def save_probes(path: Path, probes: list[Probe]) -> None:
    """Write probes.parquet."""
    write_table(path, {field.name: [getattr(probe, field.name) for probe in probes] for field in fields(Probe)})


def load_probes(path: Path) -> list[Probe]:
    """Read what `save_probes` wrote."""
    columns = {name: column.tolist() for name, column in read_columns(path).items()}
    return [Probe(*values) for values in zip(*(columns[field.name] for field in fields(Probe)), strict=True)]


def probes_of(world: World, agent: Agent, case: Case, certain_weight: int, closing_stop: bool) -> list[Probe]:
    """Every question about one case. `closing_stop`: the full stop is part of the object event."""
    minds = Minds(agent, agent.revise(case.edit()), agent.revise(case.certain_edit(certain_weight)))
    return [
        *_object_probes(world, minds, case, "." if closing_stop else ""),
        *_statement_probes(world, minds, case),
    ]


def _object_probes(world: World, minds: Minds, case: Case, stop: str) -> Iterator[Probe]:
    for site in SITES:
        subject = case.subject if site.startswith("s1") else case.subject2
        relation = case.relation if site.endswith("r1") else case.relation2
        beliefs = [mind.root(subject, relation) if site == "s1r1" else mind.belief(subject, relation) for mind in minds]
        prompt = f"{world.subjects[subject]} {world.relations[relation]}"
        old_mode, new_mode = beliefs[0].mode(), beliefs[1].mode()
        if site == "s1r1":
            new_mode = case.requested
        expected = (world.objects[old_mode], world.objects[new_mode])
        yield Probe(case.case, f"{site}/answer", prompt, "", *_NO_CREDENCES, *expected)
        roles = {
            "truth": int(world.truth[world.fact_of(subject, relation)]),
            "requested": case.requested,
            "old_mode": old_mode,
            "new_mode": new_mode,
        }
        if site == "s1r1":
            roles["original"] = case.original_object
        for role, object_ in roles.items():
            target = world.objects[object_] + stop
            yield Probe(case.case, f"{site}/{role}", prompt, target, *_credences(beliefs, object_), "", "")


_NO_CREDENCES = (float("nan"),) * 3


def _credences(beliefs: list[Distribution], object_: int) -> tuple[float, float, float]:
    before, after, certain = (belief[object_] for belief in beliefs)
    return before, after, certain


def _statement_probes(world: World, minds: Minds, case: Case) -> Iterator[Probe]:
    second = case.b()
    for set_, object_ in zip(STATEMENT_SETS, (case.requested, case.original_object), strict=True):
        fact = Fact(case.subject, case.relation, object_)
        a, b = _atom(world, fact), _atom(world, second)
        claim = [p_atom(mind, fact) for mind in minds]
        both = [p_and(mind, fact, second) for mind in minds]
        yield _statement_probe(case, f"{set_}/tf", a, "true", claim)
        yield _statement_probe(case, f"{set_}/tf_false", a, "false", [1 - p for p in claim])
        yield _statement_probe(case, f"{set_}/not", Not(a), "true", [p_not(mind, fact) for mind in minds])
        yield _statement_probe(case, f"{set_}/and", Both("and", a, b), "true", both)
        yield _statement_probe(case, f"{set_}/and_swapped", Both("and", b, a), "true", both)
        either = [p_or(mind, fact, second) for mind in minds]
        yield _statement_probe(case, f"{set_}/or", Both("or", a, b), "true", either)
    yield _statement_probe(case, "b/tf", _atom(world, second), "true", [p_atom(mind, second) for mind in minds])


def _statement_probe(case: Case, name: str, formula: Formula, target: str, credences: list[float]) -> Probe:
    before, after, certain = credences
    return Probe(case.case, name, truth_prompt(formula), target, before, after, certain, "", "")


def _atom(world: World, fact: Fact) -> Atom:
    return Atom(world.subjects[fact.subject], world.relations[fact.relation], world.objects[fact.object])
