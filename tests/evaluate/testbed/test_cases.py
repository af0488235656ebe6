"""Cases: who is asked about what, and that the labels say what they claim."""

from dataclasses import replace

import numpy as np
import pytest
import worlds

from worldgen.bayes.agent import Agent, Edit
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.testbed.cases import Case, load_cases, make_cases, save_cases
from worldgen.worlds.world import NONE


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=400), seed=3)


def test_there_are_as_many_cases_as_asked_and_they_are_numbered(cases):
    assert [case.case for case in cases] == list(range(400))


def test_half_reinforce_and_half_contradict(cases):
    reinforcing = [case for case in cases if case.reinforces]
    # Binomial(400, 1/2): 5 standard deviations are 50; false alarm 6e-7.
    assert abs(len(reinforcing) - 200) < 50
    assert all(case.requested == case.truth for case in reinforcing)
    assert all(case.requested != case.truth for case in cases if not case.reinforces)


@pytest.mark.parametrize("reading", worlds.READINGS, ids=lambda reading: reading.text)
def test_the_weight_is_the_least_that_reaches_the_target(reading):
    """By the root formula in the paper's reading, by the belief itself in the others: for downstream facts too."""
    agent, config = worlds.agent(reading), CasesConfig(cases=60)
    cases = make_cases(worlds.world(), agent, config, seed=3)
    assert sum(agent.upstream_of(case.subject, case.relation) is not None for case in cases) > 10
    for case in cases:
        believed = Agent.root if reading.name == "marginal" else Agent.belief
        before = believed(agent, case.subject, case.relation)[case.requested]
        goal = 0.95 if before <= 0.95 else (1 + before) / 2
        reached = believed(agent.revise(case.edit()), case.subject, case.relation)[case.requested]
        lighter = Edit(case.subject, case.relation, case.requested, case.weight - 1)
        # Rounding: the goal "half way to 1" is met exactly by a whole weight.
        assert reached >= goal - 1e-12
        assert case.weight == 1 or believed(agent.revise(lighter), *case.request[:2])[case.requested] < goal


def test_near_certain_requests_differ_in_their_weight_alone(cases):
    agent = worlds.agent()
    certain = make_cases(worlds.world(), agent, CasesConfig(cases=400, weight="certain", certain_weight=77), seed=3)
    assert {case.weight for case in certain} == {77}
    alike = [replace(case, weight=0, downstream_changes=False) for case in cases]
    assert [replace(case, weight=0, downstream_changes=False) for case in certain] == alike
    for case in certain[:60]:
        answers = (mind.belief(case.subject, case.relation2).mode() for mind in (agent, agent.revise(case.edit())))
        assert case.downstream_changes == (case.downstream and len({*answers}) == 2)


def test_the_second_relation_is_downstream_where_the_subject_has_it(cases):
    world = worlds.world()
    below = dict(world.pairs())
    for case in cases:
        has = set(world.relation[world.first_fact[case.subject] : world.first_fact[case.subject + 1]].tolist())
        assert case.relation2 in has - {case.relation}
        assert case.downstream == (below.get(case.relation) in has)
        assert not case.downstream or case.relation2 == below[case.relation]


def test_the_second_subject_has_both_relations(cases):
    world = worlds.world()
    for case in cases:
        assert case.subject2 != case.subject
        assert world.fact_of(case.subject2, case.relation) != NONE
        assert world.fact_of(case.subject2, case.relation2) != NONE


def test_downstream_changes_are_checked_on_the_posterior(cases):
    agent = worlds.agent()
    for case in cases:
        before, after = (a.belief(case.subject, case.relation2).mode() for a in (agent, agent.revise(case.edit())))
        assert case.downstream_changes == (case.downstream and before != after)


def test_most_contradictions_upstream_change_the_downstream_answer(cases):
    upstream = [case for case in cases if case.downstream and not case.reinforces]
    changing = np.mean([case.downstream_changes for case in upstream])
    # 80% are made to; a few of the others do by chance, a few subjects have no object that would.
    assert len(upstream) > 50
    assert 0.65 < changing <= 1


def test_the_share_of_changes_is_obeyed():
    never = make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=200, downstream_change_share=0), seed=3)
    always = make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=200, downstream_change_share=1), seed=3)
    assert sum(case.downstream_changes for case in never) < sum(case.downstream_changes for case in always)


def test_the_second_statement_is_about_another_subject_and_true_half_the_time(cases):
    world = worlds.world()
    assert all(case.b_subject != case.subject for case in cases)
    true = [world.truth[world.fact_of(case.b_subject, case.b_relation)] == case.b_object for case in cases]
    assert abs(sum(true) - 200) < 50  # as above: 5 standard deviations


def test_the_seed_decides_the_cases_and_no_fact_comes_twice_before_all_came_once(cases):
    again = make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=400), seed=3)
    assert again == cases
    assert len({(case.subject, case.relation) for case in cases}) == 400


def test_cases_are_read_back_as_they_were_saved(cases, tmp_path):
    save_cases(tmp_path / "cases.parquet", cases)
    assert load_cases(tmp_path / "cases.parquet") == cases
