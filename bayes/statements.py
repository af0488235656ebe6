"""The agent's credence in compound statements.

    P(not A) = 1 - P(A)
    P(A or B) = P(A) + P(B) - P(A and B)
    P(A and B) = P(A) or 0               same subject and relation: the objects agree or do not
               = P(A) p(o_B | r_B, o_A)  same subject, B down the chain from A (or the other way round)
               = P(A) P(B)               otherwise

Source: paper, section 6.3; the same-subject dependence is ours (design: bayes, section 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.batch.ask import ask_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.questions import Questions
from worldgen.bayes.distribution import Distribution
from worldgen.facts import Fact


class Statement(NamedTuple):
    """What the formal language can say: an atom (""), "not" of it, "and" / "or" of two (`second`)."""

    connective: Literal["", "not", "and", "or"]
    first: Fact
    second: Fact | None = None


def credence(agent: Agent, statement: Statement) -> float:
    """P(statement). Raises ValueError for an "and" / "or" of one fact."""
    connective, first, second = statement
    if connective in ("", "not"):
        return p_not(agent, first) if connective else p_atom(agent, first)
    if second is None:
        raise ValueError(f'"{connective}" joins two facts')
    return p_and(agent, first, second) if connective == "and" else p_or(agent, first, second)


def credences(agent: Agent, statements: Sequence[Statement], edits: Sequence[Sequence[Edit]]) -> NDArray[np.float64]:
    """[Q]: P(statement) of each, under edits of its own, as `credence` of the revised agent.

    Statements of one subject's two facts, which may depend on each other, are asked one by one.
    """
    first = np.array([statement.first for statement in statements], dtype=np.int64).reshape(-1, 3)
    second = np.array([statement.second or statement.first for statement in statements], dtype=np.int64).reshape(-1, 3)
    sets = EditSets.of(edits)
    p, q = _p_atoms(agent, first, sets), _p_atoms(agent, second, sets)
    by_form = {"": p, "not": 1 - p, "and": p * q, "or": p + q - p * q}
    found = np.array([by_form[statement.connective][i] for i, statement in enumerate(statements)], dtype=np.float64)
    for i, statement in enumerate(statements):
        if statement.connective in ("and", "or") and first[i, 0] == second[i, 0]:
            found[i] = credence(agent.revise(*edits[i]), statement)
    return found


def _p_atoms(agent: Agent, facts: NDArray[np.int64], edits: EditSets) -> NDArray[np.float64]:
    """[Q]: P(s r o) of facts [Q, 3], each under its edits."""
    return ask_beliefs(agent, Questions(facts[:, 0], facts[:, 1], edits)).at(facts[:, 2:])[:, 0]


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
            path = path_down(agent, upper.subject, upper.relation, lower.relation)
            if path:
                return p_atom(agent, upper) * given(agent, upper.object, path)[lower.object]
    return p_atom(agent, first) * p_atom(agent, second)


def p_or(agent: Agent, first: Fact, second: Fact) -> float:
    """P(A or B)."""
    return p_atom(agent, first) + p_atom(agent, second) - p_and(agent, first, second)


def path_down(agent: Agent, subject: int | None, upper: int, lower: int) -> list[int]:
    """The relations from just below `upper` to `lower`, empty unless the one depends on the other.

    With a subject, only where its own upstream facts were observed.
    """
    path: list[int] = []
    relation: int | None = lower
    while relation is not None and relation != upper:
        path.append(relation)
        relation = agent.parent.get(relation) if subject is None else agent.upstream_of(subject, relation)
    return path[::-1] if relation is not None else []


def given(agent: Agent, object_: int, path: Sequence[int]) -> Distribution:
    """p(o | the upper object) at the end of a path that leads down from it."""
    distribution = Distribution(agent.K, np.array([object_], dtype=np.int32), np.ones(1), 0.0)
    for relation in path:
        distribution = agent.marginal(relation, distribution)
    return distribution
