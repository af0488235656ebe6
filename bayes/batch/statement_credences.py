"""The agent's credences in many statements at once, each under edits of its own (see `worldgen.bayes.statements`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import ask_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.statements import Statement, credence


def ask_statements(agent: Agent, statements: Sequence[Statement], edits: EditSets) -> NDArray[np.float64]:
    """Returns [Q]: P(statement q) after set q, equal to `credence(agent.revise(*edits.set_of(q)), statements[q])`.

    An "and" / "or" of two facts of one subject is answered one by one, because its facts may depend on each other.
    Raises ValueError for an agent that was revised already.
    """
    first = np.array([statement.first for statement in statements], dtype=np.int64).reshape(-1, 3)
    second = np.array([statement.second or statement.first for statement in statements], dtype=np.int64).reshape(-1, 3)
    p, q = _p_atoms(agent, first, edits), _p_atoms(agent, second, edits)
    by_form = {"": p, "not": 1 - p, "and": p * q, "or": p + q - p * q}
    found = np.array([by_form[statement.connective][i] for i, statement in enumerate(statements)], dtype=np.float64)
    for i, statement in enumerate(statements):
        if statement.connective in ("and", "or") and first[i, 0] == second[i, 0]:
            found[i] = credence(agent.revise(*edits.set_of(i)), statement)
    return found


def _p_atoms(agent: Agent, facts: NDArray[np.int64], edits: EditSets) -> NDArray[np.float64]:
    """Returns [Q]: P(s r o) of facts [Q, 3], each after its edits."""
    return ask_beliefs(agent, Queries(facts[:, 0], facts[:, 1], edits)).at(facts[:, 2:])[:, 0]
