"""The rational belief graph: the agent observes each flipped statement, and all its beliefs are asked for again.

u -> v if the agent's "true" or "false" to v, whichever is more probable, differs after it has observed the flip of u.
Shapes: n nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.statement_credences import ask_statements
from worldgen.evaluate.slag.graphs.measures import Flags, graph_of
from worldgen.evaluate.slag.graphs.nodes import Node, statements_of
from worldgen.evaluate.slag.making.dependence import dependence_of
from worldgen.evaluate.slag.updating.agent_after import AT_ONCE, facts_of
from worldgen.worlds.world import World

_HELD: Final = 0.5


@dataclass(frozen=True)
class RationalGraph:
    """The rational belief graph of n nodes."""

    edges: csr_array
    """[n, n]: the edges; the row of a flip that the agent cannot observe is empty."""
    observed: Flags
    """[n]: whether the agent can observe the flip of a node (`Node.observation`)."""
    before: Flags
    """[n]: whether the agent holds each statement true before any flip."""


def rational_graph(world: World, agent: Agent, nodes: Sequence[Node]) -> RationalGraph:
    """Returns the belief graph of an agent that was not revised yet.

    A flip of a relation's fact is asked only of statements about relations of the same chain of dependencies: the agent
    learns nothing about any other.
    """
    statements, n = statements_of(nodes), len(nodes)
    before = ask_statements(agent, statements, EditSets.none(n)) > _HELD
    edits = [node.observation for node in nodes]
    pairs, source, target = _dependent_pairs(world, nodes), [], []
    while some := list(islice(pairs, AT_ONCE)):
        sets = EditSets.of([[edit] if (edit := edits[u]) else [] for u, _ in some])
        after = ask_statements(agent, [statements[v] for _, v in some], sets) > _HELD
        changed = [pair for pair, held in zip(some, after.tolist(), strict=True) if held != before[pair[1]]]
        source += [u for u, _ in changed]
        target += [v for _, v in changed]
    edges = graph_of(np.array(source, dtype=np.int64), np.array(target, dtype=np.int64), n)
    return RationalGraph(edges, np.array([edit is not None for edit in edits], dtype=bool), before)


def _dependent_pairs(world: World, nodes: Sequence[Node]) -> Iterator[tuple[int, int]]:
    """Yields (u, v) for every observable flip u and every other node v that speaks of a relation of u's chain."""
    component = dependence_of(world).component
    of_chain: dict[int, list[int]] = {}
    for v, node in enumerate(nodes):
        for chain in {int(component[fact.relation]) for fact in facts_of(node.statement)}:
            of_chain.setdefault(chain, []).append(v)
    for u, node in enumerate(nodes):
        if (edit := node.observation) is not None:
            yield from ((u, v) for v in of_chain[int(component[edit.relation])] if v != u)
