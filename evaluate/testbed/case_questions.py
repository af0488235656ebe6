"""Makes the probes of every case: prompts and targets in the world's words, credences as the agent has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from worldgen.bayes.agent import Agent
from worldgen.bayes.sparse import Floats
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.credences import Labels, label
from worldgen.evaluate.testbed.probes import STATEMENT_SETS, AnswerKey, Probe, case_question
from worldgen.facts import Fact
from worldgen.grammar import Atom, Both, Formula, Not, truth_prompt
from worldgen.worlds.world import World


def make_probes(
    world: World, agent: Agent, cases: Sequence[Case], certain_weight: float, closing_stop: bool
) -> list[Probe]:
    """Returns every probe of the cases, case by case.

    `closing_stop` says whether the full stop belongs to the event that an object follows.
    """
    labels = label(world, agent, cases, certain_weight)
    stop = "." if closing_stop else ""
    return [
        probe
        for row, case in enumerate(cases)
        for probe in (*_object_probes(world, labels, row, case, stop), *_statement_probes(world, labels, row, case))
    ]


def _object_probes(world: World, labels: Labels, row: int, case: Case, stop: str) -> Iterator[Probe]:
    """Yields the probes of the four sites: at each the free answer, then the probability of each object."""
    for name, site in labels.sites.items():
        prompt = fact_prompt(world, int(site.subject[row]), int(site.relation[row]))
        said = {role: world.objects[int(objects[row])] for role, objects in site.objects.items()}
        modes = AnswerKey(expected_before=said["old_mode"], expected_after=said["new_mode"])
        yield Probe(case_question(case.case, name, "answer", prompt, ""), modes)
        for role, object_ in said.items():
            key = AnswerKey(*site.credence[role][:, row].tolist())
            yield Probe(case_question(case.case, name, role, prompt, object_ + stop), key)


def _statement_probes(world: World, labels: Labels, row: int, case: Case) -> Iterator[Probe]:
    """Yields the probes of both sets of statements, then that of B alone.

    B is about another subject than A, so that P(A and B) = P(A) P(B) (see `worldgen.bayes.statements`).
    """
    assert case.b_subject != case.subject
    b, p_b = _atom(world, case.statement_b), labels.claims["b"][:, row]
    for set_, object_ in zip(STATEMENT_SETS, (case.requested, case.original_object), strict=True):
        a, p_a = _atom(world, Fact(case.subject, case.relation, object_)), labels.claims[set_][:, row]
        yield _statement_probe(case, (set_, "tf"), a, "true", p_a)
        yield _statement_probe(case, (set_, "tf_false"), a, "false", 1 - p_a)
        yield _statement_probe(case, (set_, "not"), Not(a), "true", 1 - p_a)
        yield _statement_probe(case, (set_, "and"), Both("and", a, b), "true", p_a * p_b)
        yield _statement_probe(case, (set_, "and_swapped"), Both("and", b, a), "true", p_a * p_b)
        yield _statement_probe(case, (set_, "or"), Both("or", a, b), "true", p_a + p_b - p_a * p_b)
    yield _statement_probe(case, ("b", "tf"), b, "true", p_b)


def _statement_probe(
    case: Case, about_and_form: tuple[str, str], formula: Formula, target: str, credences: Floats
) -> Probe:
    question = case_question(case.case, *about_and_form, truth_prompt(formula), target)
    return Probe(question, AnswerKey(*credences.tolist()))


def _atom(world: World, fact: Fact) -> Atom:
    return Atom(world.subjects[fact.subject], world.relations[fact.relation], world.objects[fact.object])
