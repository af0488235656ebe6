"""What a model is asked about a case, and what the agent answers: prompts, targets, credences.

Sites are the (subject, relation) pairs s1r1, s1r2, s2r1, s2r2. Names of probes:

    s1r1/answer                       greedy completion of "s r"
    s1r1/truth /requested /old_mode /new_mode     p("o." | "s r"): the original truth, the requested object, the
                                      agent's most probable object before and after the edit
    s1r1/original                     the same of the second set's object
    requested/tf /tf_false /not /and /and_swapped /or         p(true | '"F" is'), A the requested statement
    original/tf ...                   A the original statement or a false one
    b/tf                              the second statement alone

Credences are the agent's before the edit, after it (with n', or as `cases.weight` says) and after the near certain
weight. At s1r1 they are by the root formula (evaluation design: n' is defined by it); everywhere else p(o | s, r) as
believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from worldgen.bayes.agent import Agent
from worldgen.bayes.sparse import Floats
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.credences import Labels, label
from worldgen.evaluate.testbed.sites import SITES as SITES
from worldgen.facts import Fact
from worldgen.grammar import Atom, Both, Formula, Not, truth_prompt
from worldgen.storage.files import read_columns, write_table
from worldgen.worlds.world import World

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


def save_probes(path: Path, probes: list[Probe]) -> None:
    """Write probes.parquet."""
    write_table(path, {field.name: [getattr(probe, field.name) for probe in probes] for field in fields(Probe)})


def load_probes(path: Path) -> list[Probe]:
    """Read what `save_probes` wrote."""
    columns = {name: column.tolist() for name, column in read_columns(path).items()}
    return [Probe(*values) for values in zip(*(columns[field.name] for field in fields(Probe)), strict=True)]


def make_probes(
    world: World, agent: Agent, cases: Sequence[Case], certain_weight: float, closing_stop: bool
) -> list[Probe]:
    """Every question about the cases, case by case. `closing_stop`: the full stop is part of the object event."""
    labels = label(world, agent, cases, certain_weight)
    stop = "." if closing_stop else ""
    return [
        probe
        for row, case in enumerate(cases)
        for probe in (*_object_probes(world, labels, row, case, stop), *_statement_probes(world, labels, row, case))
    ]


def _object_probes(world: World, labels: Labels, row: int, case: Case, stop: str) -> Iterator[Probe]:
    for name, site in labels.sites.items():
        prompt = f"{world.subjects[int(site.subject[row])]} {world.relations[int(site.relation[row])]}"
        said = {role: world.objects[int(objects[row])] for role, objects in site.objects.items()}
        yield Probe(case.case, f"{name}/answer", prompt, "", *_NO_CREDENCES, said["old_mode"], said["new_mode"])
        for role, object_ in said.items():
            credences = _credences(site.credence[role][:, row])
            yield Probe(case.case, f"{name}/{role}", prompt, object_ + stop, *credences, "", "")


_NO_CREDENCES = (float("nan"),) * 3


def _statement_probes(world: World, labels: Labels, row: int, case: Case) -> Iterator[Probe]:
    """B is another subject's, so that P(A and B) = P(A) P(B) (see `worldgen.bayes.statements`)."""
    assert case.b_subject != case.subject
    b, p_b = _atom(world, case.b()), labels.claims["b"][:, row]
    for set_, object_ in zip(STATEMENT_SETS, (case.requested, case.original_object), strict=True):
        a, p_a = _atom(world, Fact(case.subject, case.relation, object_)), labels.claims[set_][:, row]
        yield _statement_probe(case, f"{set_}/tf", a, "true", p_a)
        yield _statement_probe(case, f"{set_}/tf_false", a, "false", 1 - p_a)
        yield _statement_probe(case, f"{set_}/not", Not(a), "true", 1 - p_a)
        yield _statement_probe(case, f"{set_}/and", Both("and", a, b), "true", p_a * p_b)
        yield _statement_probe(case, f"{set_}/and_swapped", Both("and", b, a), "true", p_a * p_b)
        yield _statement_probe(case, f"{set_}/or", Both("or", a, b), "true", p_a + p_b - p_a * p_b)
    yield _statement_probe(case, "b/tf", b, "true", p_b)


def _statement_probe(case: Case, name: str, formula: Formula, target: str, credences: Floats) -> Probe:
    return Probe(case.case, name, truth_prompt(formula), target, *_credences(credences), "", "")


def _credences(minds: Floats) -> tuple[float, float, float]:
    before, after, certain = minds.tolist()
    return before, after, certain


def _atom(world: World, fact: Fact) -> Atom:
    return Atom(world.subjects[fact.subject], world.relations[fact.relation], world.objects[fact.object])
