"""Many rows of a conditional at once, each after edits of its own.

Shape: Q queries.
"""

from __future__ import annotations

import numpy as np

from worldgen.arrays import gather_rows
from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.contributions import contributions_of
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import check_unrevised
from worldgen.bayes.batch.sparse_rows import SparseRows
from worldgen.bayes.sparse import Floats, Integers, sum_by_key, sum_by_place


def ask_conditionals(agent: Agent, relation: int, upstream_objects: Integers, edits: EditSets) -> SparseRows:
    """Returns p(o_d | r_d, r_u, o_u) for each of many upstream objects o_u [Q], after the edits of its query.

    Row o_u of a query gains share_c n_c of each contributor c of that query (see `contributions`).
    Raises ValueError for an agent that was revised already, KeyError for a relation that depends on nothing.
    """
    check_unrevised(agent)
    table, K, Q = agent.tables[relation], agent.K, len(upstream_objects)
    moves = contributions_of(agent, relation, edits)
    n_c = moves.downstream
    to_this_row = np.flatnonzero(moves.row == upstream_objects[moves.query])
    share = np.zeros(n_c.F)
    share[moves.contributor[to_this_row]] = moves.share[to_this_row]

    def gained(by_contributor: Floats) -> Floats:
        """Returns [Q]: the sum of share_c * a number of each contributor."""
        return sum_by_place(moves.query_of_contributor, share * by_contributor, Q)

    entry, lengths = gather_rows(table.start, upstream_objects)
    key = np.repeat(np.arange(Q), lengths) * K + table.object[entry].astype(np.int64)
    key, (excess,) = sum_by_key(
        np.append(key, moves.query_of_contributor[n_c.fact] * K + n_c.object),
        np.append(table.excess[entry], share[n_c.fact] * n_c.excess),
    )
    default = table.default[upstream_objects] + gained(n_c.default)
    strength = agent.a * K + table.total[upstream_objects] + gained(n_c.total)
    query = key // K
    return SparseRows(K, key, (agent.a + excess + default[query]) / strength[query], (agent.a + default) / strength)
