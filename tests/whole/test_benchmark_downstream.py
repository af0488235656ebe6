"""benchmarks/downstream.py counts what the agent says of each request, asked one by one."""

import benchmark_files
import numpy as np
import pytest
import worlds

from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.testbed.cases import make_cases


@pytest.mark.parametrize("reading", worlds.READINGS, ids=lambda reading: reading.text)
def test_the_counts_are_those_of_the_agent_asked_one_by_one(reading):
    agent, world = worlds.agent(reading), worlds.world()
    cases = make_cases(world, worlds.agent(), CasesConfig(cases=40), seed=5)
    row = benchmark_files.load("downstream").row_of(world, agent, cases, 0.95)
    told, changing, edited = [], 0, 0
    for case in cases:
        weight = agent.weight_for(*case.request, 0.95)
        after = agent.revise(case.edit()._replace(weight=weight))
        if agent.upstream_of(case.subject, case.relation) is not None:
            told.append((after.belief(case.subject, case.relation), case.requested, weight))
        if case.downstream and not case.reinforces:
            edited += 1
            answers = {mind.belief(case.subject, case.relation2).mode() for mind in (agent, after)}
            changing += len(answers) == 2
    assert row[:3] == ["40", str(len(told)), str(sum(belief.mode() != o for belief, o, _ in told))]
    assert row[3] == f"{min(belief[o] for belief, o, _ in told):.3f}"
    assert row[4] == f"{np.median([weight for *_, weight in told]):.0f}"
    assert row[5].startswith(f"{changing} of {edited} (")
