"""The agent's credence in compound statements.

    P(not A) = 1 - P(A)
    P(A or B) = P(A) + P(B) - P(A and B)
    P(A and B) = P(A) or 0                  same subject and relation: the objects agree or do not
               = P(A) p(o_B | s, r_B, o_A)  same subject, B down the chain from A (or the other way round)
               = P(A) P(B)                  otherwise

p(o_B | s, r_B, o_A) is the belief about B with the upstream object o_A for certain: so P(A and B), summed over o_A, is
P(B) in every reading of the downstream facts.

Source: paper, section 6.3; the same-subject dependence is ours (design: bayes, section 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.distribution import Distribution
from worldgen.facts import Fact


class Statement(NamedTuple):
    """A statement of the formal language: an atom (connective ""), "not" of an atom, "and" / "or" of two atoms."""

    connective: Literal["", "not", "and", "or"]
    first: Fact
    second: Fact | None = None


def credence(agent: Agent, statement: Statement) -> float:
    """Returns P(statement). Raises ValueError for an "and" / "or" of one fact."""
    connective, first, second = statement
    if connective in ("", "not"):
        return p_not(agent, first) if connective else p_atom(agent, first)
    if second is None:
        raise ValueError(f'"{connective}" joins two facts')
    return p_and(agent, first, second) if connective == "and" else p_or(agent, first, second)


def p_atom(agent: Agent, fact: Fact) -> float:
    """Returns P(s r o) = p(o | s, r)."""
    return agent.belief(fact.subject, fact.relation)[fact.object]


def p_not(agent: Agent, fact: Fact) -> float:
    """Returns P(not s r o) = 1 - P(s r o)."""
    return 1 - p_atom(agent, fact)


def p_and(agent: Agent, A: Fact, B: Fact) -> float:
    """Returns P(A and B) by the formula for facts of one relation, of one chain, or else of independent facts."""
    if A.subject == B.subject:
        if A.relation == B.relation:
            return p_atom(agent, A) if A.object == B.object else 0.0
        for upper, lower in ((A, B), (B, A)):
            path = dependency_path(agent, upper.subject, upper.relation, lower.relation)
            if path:
                return p_atom(agent, upper) * belief_given(agent, upper.subject, upper.object, path)[lower.object]
    return p_atom(agent, A) * p_atom(agent, B)


def p_or(agent: Agent, A: Fact, B: Fact) -> float:
    """Returns P(A or B) = P(A) + P(B) - P(A and B)."""
    return p_atom(agent, A) + p_atom(agent, B) - p_and(agent, A, B)


def dependency_path(agent: Agent, subject: int | None, upper: int, lower: int) -> list[int]:
    """Returns the relations from just below `upper` down to `lower`; empty unless `lower` depends on `upper`.

    With a subject, a step counts only where the subject's upstream fact was observed.
    """
    path: list[int] = []
    relation: int | None = lower
    while relation is not None and relation != upper:
        path.append(relation)
        relation = agent.parent.get(relation) if subject is None else agent.upstream_of(subject, relation)
    return path[::-1] if relation is not None else []


def belief_given(agent: Agent, subject: int | None, object_: int, path: Sequence[int]) -> Distribution:
    """Returns p(o | the upper relation's object is `object_`) at the lower end of a path (see `dependency_path`).

    With a subject, what was told of its facts on the path counts as the agent reads it.
    """
    distribution = Distribution(agent.K, np.array([object_], dtype=np.int32), np.ones(1), 0.0)
    for relation in path:
        if subject is None:
            distribution = agent.marginal(relation, distribution)
        else:
            distribution = agent.belief_given(subject, relation, distribution)
    return distribution
