"""The agent and the oracle against the hand-computed cases of fixtures/posteriors.toml."""

from __future__ import annotations

from fractions import Fraction

import pytest
from by_hand import Case, cases, credence
from oracle import Oracle

from worldgen.bayes import statements
from worldgen.bayes.agent import Agent
from worldgen.bayes.testing import agent_of


def by_agent(agent: Agent, case: Case) -> float:
    """Returns the agent's answer."""
    kind, facts = case.question["kind"], case.facts()
    if kind == "weight":
        return agent.weight_for(*facts[0], float(Fraction(case.question["target"])))
    ask = {"not": statements.p_not, "and": statements.p_and, "or": statements.p_or}
    return ask[kind](agent, *facts) if kind in ask else credence(agent, case)


def by_oracle(oracle: Oracle, case: Case) -> Fraction | int:
    """Returns the oracle's answer."""
    kind, facts = case.question["kind"], case.facts()
    if kind == "weight":
        return oracle.least_weight(*facts[0], Fraction(case.question["target"]))
    ask = {"not": oracle.p_not, "and": oracle.p_and, "or": oracle.p_or}
    return ask[kind](*facts) if kind in ask else credence(oracle, case)


@pytest.mark.parametrize("case", cases("posteriors.toml"), ids=lambda case: case.name)
def test_the_answer_equals_the_one_by_hand(case: Case) -> None:
    assert by_oracle(Oracle(case.world, *case.edits), case) == case.expected
    # Fewer than 100 roundings of 1.1e-16 each, of numbers at most 1; a weight is whole and exact.
    found = by_agent(agent_of(case.world, *case.edits), case)
    assert abs(found - float(case.expected)) <= 1e-14
