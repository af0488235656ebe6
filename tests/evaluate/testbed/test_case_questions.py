"""Probes: prompts are sentences of the language, credences are the agent's."""

import math
from itertools import groupby

import pytest
import worlds

from worldgen.bayes.agent import Edit
from worldgen.bayes.statements import p_and, p_or
from worldgen.evaluate.asking.questions import QuestionKind
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.testbed.case_questions import make_probes
from worldgen.evaluate.testbed.cases import make_cases
from worldgen.evaluate.testbed.probes import (
    STATEMENT_FORMS,
    STATEMENT_SETS,
    Probe,
    load_probes,
    load_questions,
    save_probes,
)
from worldgen.evaluate.testbed.sites import SITES
from worldgen.grammar import Lexicon


def approx(credence: float):
    """Labels are made for all cases at once, where the same terms are added in another order."""
    return pytest.approx(credence, abs=1e-12)


@pytest.fixture(scope="module")
def cases():
    return make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=30), seed=1)


@pytest.fixture(scope="module")
def asked(cases) -> list[dict[tuple[str, str], Probe]]:
    """The probes of each case by (about, form)."""
    return probes_of_cases(make_probes(worlds.world(), worlds.agent(), cases, 1000, closing_stop=True))


def probes_of_cases(probes: list[Probe]) -> list[dict[tuple[str, str], Probe]]:
    """Returns the probes of each case by (about, form)."""
    grouped = groupby(probes, key=lambda probe: probe.question.case)
    return [{(probe.question.about, probe.question.form): probe for probe in group} for _, group in grouped]


def test_every_probe_is_a_sentence_of_the_language(asked):
    world = worlds.world()
    lexicon = Lexicon(*(frozenset(names.labels) for names in (world.subjects, world.relations, world.objects)))
    for probes in asked:
        for name, probe in probes.items():
            question = probe.question
            if question.kind is not QuestionKind.ANSWER:
                stop = "" if question.target.endswith(".") else "."
                assert lexicon.parse(f"{question.prompt} {question.target}{stop}"), name


def test_every_case_has_the_declared_probes(asked):
    roles = ("answer", "truth", "requested", "old_mode", "new_mode")
    statements = ("tf", "tf_false", "not", "and", "and_swapped", "or")
    names = {f"{site}/{role}" for site in SITES for role in roles} | {"s1r1/original", "b/tf"}
    names |= {f"{set_}/{statement}" for set_ in STATEMENT_SETS for statement in statements}
    assert all({probe.question.name for probe in probes.values()} == names for probes in asked)
    assert all(len(probes) == len(names) for probes in asked)


@pytest.mark.parametrize("reading", worlds.READINGS, ids=lambda reading: reading.text)
def test_the_request_is_believed_as_much_as_was_asked(reading):
    """By the root formula in the paper's reading; in the others s1r1, the statements and the belief agree."""
    world, agent = worlds.world(), worlds.agent(reading)
    cases = make_cases(world, agent, CasesConfig(cases=60), seed=1)
    probes = make_probes(world, agent, cases, 1000, closing_stop=True)
    for case, group in zip(cases, probes_of_cases(probes), strict=True):
        requested = group["s1r1", "requested"].key
        before = agent.root if reading.name == "marginal" else agent.belief
        assert requested.credence_before == approx(before(case.subject, case.relation)[case.requested])
        goal = 0.95 if requested.credence_before <= 0.95 else (1 + requested.credence_before) / 2
        assert requested.credence_after >= goal - 1e-12  # a whole weight may meet the goal exactly
        assert group["s1r1", "answer"].key.expected_after == world.objects[case.requested]
        if reading.name != "marginal":
            assert agent.revise(case.edit()).belief(case.subject, case.relation).mode() == case.requested
            assert group["requested", "tf"].key.credence_after == approx(requested.credence_after)


def test_the_downstream_credences_are_the_revised_agents(asked, cases):
    agent = worlds.agent()
    for probes, case in zip(asked, cases, strict=True):
        revised, certain = agent.revise(case.edit()), agent.revise(Edit(*case.request, 1000))
        mode = revised.belief(case.subject, case.relation2).mode()
        question, key = probes["s1r2", "new_mode"].question, probes["s1r2", "new_mode"].key
        assert question.target == f"{worlds.world().objects[mode]}."
        assert key.credence_before == approx(agent.belief(case.subject, case.relation2)[mode])
        assert key.credence_after == approx(revised.belief(case.subject, case.relation2)[mode])
        assert key.credence_certain == approx(certain.belief(case.subject, case.relation2)[mode])


def test_the_credences_in_statements_are_the_agents(asked, cases):
    for probes, case in zip(asked, cases, strict=True):
        agent = worlds.agent().revise(case.edit())
        after = {form: probes["requested", form].key.credence_after for form in STATEMENT_FORMS}
        assert after["and"] == approx(p_and(agent, case.request, case.statement_b))
        assert after["or"] == approx(p_or(agent, case.request, case.statement_b))
        total = after["tf"] + after["tf_false"]
        assert math.isclose(total, 1, abs_tol=1e-15)


def test_without_the_closing_stop(cases):
    probes = make_probes(worlds.world(), worlds.agent(), cases[:1], 1000, closing_stop=False)
    assert not any(probe.question.target.endswith(".") for probe in probes)


def test_probes_are_read_back_as_they_were_saved(asked, tmp_path):
    probes = list(asked[0].values())
    save_probes(tmp_path / "probes.parquet", probes)
    loaded = load_probes(tmp_path / "probes.parquet")
    assert [probe.question for probe in loaded] == [probe.question for probe in probes]
    assert load_questions(tmp_path / "probes.parquet") == [probe.question for probe in probes]
    rows, again = ([repr(probe.key) for probe in some] for some in (probes, loaded))  # NaN equals no NaN
    assert again == rows
