"""Trials: cases in editions in order, each request with its words, its weight and its fact."""

import pytest
import worlds

from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.testbed.case_questions import make_probes
from worldgen.evaluate.testbed.case_trials import edition_seed, make_trials
from worldgen.evaluate.testbed.cases import make_cases


@pytest.fixture(scope="module")
def cases():
    return make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=5), seed=1)


@pytest.fixture(scope="module")
def questions(cases):
    return [probe.question for probe in make_probes(worlds.world(), worlds.agent(), cases, 1000, closing_stop=True)]


def test_cases_go_into_editions_in_order_and_the_last_is_smaller(cases, questions):
    trials = make_trials(worlds.world(), cases, questions, 2, seed=3)
    assert [trial.edition.name for trial in trials] == ["0", "2", "4"]
    assert [trial.first_case for trial in trials] == [0, 2, 4]
    assert [len(trial.edition.requests) for trial in trials] == [2, 2, 1]
    assert [question for trial in trials for question in trial.questions] == questions
    assert [trial.edition.seed for trial in trials] == [edition_seed(3, case) for case in (0, 2, 4)]
    assert len({edition_seed(seed, case) for seed in (3, 4) for case in range(5)}) == 10


def test_a_request_is_its_case_in_words(cases, questions):
    world = worlds.world()
    trials = make_trials(world, cases, questions, 1, seed=3)
    for case, trial in zip(cases, trials, strict=True):
        (request,) = trial.edition.requests
        assert request.fact == (case.subject, case.relation, case.requested)
        assert request.weight == case.weight
        assert request.subject == world.subjects[case.subject]
        assert request.prompt == f"{request.subject} {world.relations[case.relation]}"
        assert request.target == f"{world.objects[case.requested]}."
