"""The agent's credence in compound statements.

    P(not A) = 1 - P(A)
    P(A or B) = P(A) + P(B) - P(A and B)
    P(A and B) = P(A) or 0               same subject and relation: the objects agree or do not
               = P(A) p(o_B | r_B, o_A)  same subject, B down the chain from A (or the other way round)
               = P(A) P(B)               otherwise

Source: paper, section 6.3; the same-subject dependence is ours (design: bayes, section 7).
"""

from __future__ import annotations

import numpy as np

from bayes.agent import Agent
from bayes.distribution import Distribution
from worldgen.facts import Fact


def p_atom(agent: Agent, fact: Fact) -> float:
    """P(s r o)."""
    return agent.belief(fact.subject, fact.relation)[fact.object]


def p_not(agent: Agent, fact: Fact) -> float:
    """P(not s r o)."""
    return 1 - p_atom(agent, fact)


def p_and(agent: Agent, first: Fact, second: Fact) -> float:
    """P(A and B)."""
    if first.subject == second.subject:
        if first.relation == second.relation:
            return p_atom(agent, first) if first.object == second.object else 0.0
        for upper, lower in ((first, second), (second, first)):
            path = _path_down(agent, upper, lower)
            if path:
                return p_atom(agent, upper) * _given(agent, upper.object, path)[lower.object]
    return p_atom(agent, first) * p_atom(agent, second)


def p_or(agent: Agent, first: Fact, second: Fact) -> float:
    """P(A or B)."""
    return p_atom(agent, first) + p_atom(agent, second) - p_and(agent, first, second)


def _path_down(agent: Agent, upper: Fact, lower: Fact) -> list[int]:
    """The relations from just below `upper` to `lower`, if the one depends on the other for their subject."""
    path, relation = [lower.relation], agent.upstream_of(lower.subject, lower.relation)
    while relation is not None and relation != upper.relation:
        path.append(relation)
        relation = agent.upstream_of(lower.subject, relation)
    return path[::-1] if relation is not None else []


def _given(agent: Agent, object_: int, path: list[int]) -> Distribution:
    """p(o | the upper object) at the end of the path."""
    certain = Distribution(agent.K, np.array([object_], dtype=np.int32), np.ones(1), 0.0)
    distribution = certain
    for relation in path:
        distribution = agent.marginal(relation, distribution)
    return distribution
