"""Probes: prompts as the corpus has them, credences as the agent has them."""

import math
from itertools import groupby

import pytest
import worlds

from worldgen.bayes.statements import p_and, p_or
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.testbed.cases import make_cases
from worldgen.evaluate.testbed.questions import STATEMENT_SETS, Probe, load_probes, make_probes, save_probes
from worldgen.evaluate.testbed.sites import SITES
from worldgen.facts import Fact
from worldgen.grammar import Lexicon


def approx(credence: float):
    """Labels are made all at once; one by one the same terms are added in another order."""
    return pytest.approx(credence, abs=1e-12)


@pytest.fixture(scope="module")
def cases():
    return make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=30), seed=1)


@pytest.fixture(scope="module")
def asked(cases) -> list[dict[str, Probe]]:
    probes = make_probes(worlds.world(), worlds.agent(), cases, 1000, closing_stop=True)
    return [{probe.name: probe for probe in group} for _, group in groupby(probes, key=lambda probe: probe.case)]


def test_every_probe_is_a_sentence_of_the_language(asked):
    world = worlds.world()
    lexicon = Lexicon(*(frozenset(names.labels) for names in (world.subjects, world.relations, world.objects)))
    for probes in asked:
        for name, probe in probes.items():
            if not probe.asks_for_answer:
                stop = "" if probe.target.endswith(".") else "."
                assert lexicon.parse(f"{probe.prompt} {probe.target}{stop}"), name


def test_names(asked):
    roles = ("answer", "truth", "requested", "old_mode", "new_mode")
    statements = ("tf", "tf_false", "not", "and", "and_swapped", "or")
    names = {f"{site}/{role}" for site in SITES for role in roles} | {"s1r1/original", "b/tf"}
    names |= {f"{set_}/{statement}" for set_ in STATEMENT_SETS for statement in statements}
    assert all(set(probes) == names for probes in asked)


def test_the_request_reaches_its_goal_by_the_root_formula(asked, cases):
    for probes, case in zip(asked, cases, strict=True):
        requested = probes["s1r1/requested"]
        agent = worlds.agent()
        assert requested.credence_before == approx(agent.root(case.subject, case.relation)[case.requested])
        # At least the goal, to rounding where a whole weight meets it exactly.
        assert requested.credence_after >= min(0.95, requested.credence_after) > requested.credence_before - 1e-12
        assert probes["s1r1/answer"].expected_after == worlds.world().objects[case.requested]


def test_downstream_labels_are_the_revised_agents(asked, cases):
    agent = worlds.agent()
    for probes, case in zip(asked, cases, strict=True):
        revised, certain = agent.revise(case.edit()), agent.revise(case.certain_edit(1000))
        mode = revised.belief(case.subject, case.relation2).mode()
        probe = probes["s1r2/new_mode"]
        assert probe.target == f"{worlds.world().objects[mode]}."
        assert probe.credence_before == approx(agent.belief(case.subject, case.relation2)[mode])
        assert probe.credence_after == approx(revised.belief(case.subject, case.relation2)[mode])
        assert probe.credence_certain == approx(certain.belief(case.subject, case.relation2)[mode])


def test_statements_are_credited_by_the_agent(asked, cases):
    for probes, case in zip(asked, cases, strict=True):
        agent = worlds.agent().revise(case.edit())
        claim = Fact(case.subject, case.relation, case.requested)
        assert probes["requested/and"].credence_after == approx(p_and(agent, claim, case.b()))
        assert probes["requested/or"].credence_after == approx(p_or(agent, claim, case.b()))
        total = probes["requested/tf"].credence_after + probes["requested/tf_false"].credence_after
        assert math.isclose(total, 1, abs_tol=1e-15)


def test_without_the_closing_stop(cases):
    probes = make_probes(worlds.world(), worlds.agent(), cases[:1], 1000, closing_stop=False)
    assert not any(probe.target.endswith(".") for probe in probes)


def test_saved_and_loaded(asked, tmp_path):
    probes = [probe for probe in asked[0].values() if not probe.asks_for_answer]
    save_probes(tmp_path / "probes.parquet", probes)
    assert load_probes(tmp_path / "probes.parquet") == probes
