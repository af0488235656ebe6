"""The rational belief graph: the agent observes each flip, and all its beliefs are asked for again.

u -> v if what the agent holds of v differs after it has observed the flip of u: "true" or "false", whichever is more
probable; in GEN its most probable object.
Shapes: n nodes, Q pairs (u, v).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.batch.beliefs import ask_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.batch.statement_credences import ask_statements
from worldgen.bayes.statements import Statement
from worldgen.evaluate.slag.graphs.belief_graph import BeliefGraph, Edges, Texts, texts_of
from worldgen.evaluate.slag.graphs.measures import Floats, Integers
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.evaluate.slag.making.dependence import dependence_of
from worldgen.evaluate.slag.points import FALSE, TRUE, Task
from worldgen.evaluate.slag.predictions import normalised
from worldgen.evaluate.slag.rational import statement_of
from worldgen.evaluate.slag.updating.agent_after import AT_ONCE, facts_of
from worldgen.worlds.world import World

_HELD: Final = 0.5


def rational_graph(world: World, agent: Agent, nodes: Sequence[Node]) -> BeliefGraph:
    """Returns the belief graph of an agent that was not revised yet, over the flips that it can observe."""
    task = nodes[0].point.task
    statements = [statement_of(world, task, node.point.main) for node in nodes]
    mind = Mind(agent, task, statements, [normalised(name) for name in world.objects.labels])
    edits = [observation(world, node, its) for node, its in zip(nodes, statements, strict=True)]
    return observed_graph(mind, edits, dependence_of(world).component)


def observed_graph(mind: Mind, edits: Sequence[Edit | None], chain: Integers) -> BeliefGraph:
    """Returns the graph of what an agent holds after each of n observations; None is one that it cannot make.

    What it observes of a relation's fact is asked only of nodes about relations of the same chain of dependencies: the
    agent learns nothing about any other. The weight of an edge is |p after - p before| of what was held before.
    Shapes: chain [R], the number of each relation's chain.
    """
    n, pairs, parts = len(edits), _dependent_pairs(mind.statements, edits, chain), []
    before, p_before = mind.hold(np.arange(n), EditSets.none(n))
    while some := list(islice(pairs, AT_ONCE)):
        source, target = np.array(some, dtype=np.int64).T
        now, p_now = mind.hold(target, EditSets.of([[edit] if (edit := edits[u]) else [] for u in source.tolist()]))
        changed = np.flatnonzero(now != before[target])
        weight = np.abs(p_now - p_before[target])
        parts.append(Edges(source[changed], target[changed], now[changed], weight[changed]))
    return BeliefGraph.of(Edges.joined(parts), before, np.array([edit is not None for edit in edits], dtype=bool))


def observation(world: World, node: Node, statement: Statement) -> Edit | None:
    """Returns the flip as the agent can observe it: n' times a fact.

    In GEN that is the other answer. In TF it is "s r o" made true, or "not s r o" made false, which says the same. None
    for every other flip: that a fact is false is no observation that the agent takes, and neither is an "and" or "or".
    """
    first, flip = statement.first, node.flip
    if node.point.task is Task.GEN:
        return Edit(first.subject, first.relation, world.objects.id_of(flip.label), flip.weight)
    if (statement.connective, flip.label) not in {("", TRUE), ("not", FALSE)}:
        return None
    return Edit(*first, flip.weight)


@dataclass(frozen=True)
class Mind:
    """An agent that was not revised yet, and what it is asked about n nodes."""

    agent: Agent
    task: Task
    statements: Sequence[Statement]
    """[n]: whether it is true (TF); in GEN its subject and relation are asked about."""
    objects: Sequence[str]
    """The name of each object, as answers have it."""

    def hold(self, asked: Integers, edits: EditSets) -> tuple[Texts, Floats]:
        """Returns what the agent holds of the asked nodes [Q], each after its edits, and a probability.

        In TF the probability is that of "true", in GEN that of the object which the agent held before any flip.
        """
        statements = [self.statements[v] for v in asked.tolist()]
        if self.task is Task.TF:
            p = ask_statements(self.agent, statements, edits)
            return np.where(p > _HELD, TRUE, FALSE).astype(object), p
        beliefs = ask_beliefs(self.agent, _queries(statements, edits))
        return texts_of([self.objects[mode] for mode in beliefs.modes.tolist()]), beliefs.at(self._modes[asked])[:, 0]

    @cached_property
    def _modes(self) -> Integers:
        """[n, 1]: the object that is held of each node before any flip (GEN)."""
        return ask_beliefs(self.agent, _queries(self.statements, EditSets.none(len(self.statements)))).modes[:, None]


def _queries(statements: Sequence[Statement], edits: EditSets) -> Queries:
    places = np.array([statement.first[:2] for statement in statements], dtype=np.int64).reshape(-1, 2)
    return Queries(places[:, 0], places[:, 1], edits)


def _dependent_pairs(
    statements: Sequence[Statement], edits: Sequence[Edit | None], chain: Integers
) -> Iterator[tuple[int, int]]:
    """Yields (u, v) for every observable flip u and every other node v that speaks of a relation of u's chain."""
    of_chain: dict[int, list[int]] = {}
    for v, statement in enumerate(statements):
        for its in {int(chain[fact.relation]) for fact in facts_of(statement)}:
            of_chain.setdefault(its, []).append(v)
    for u, edit in enumerate(edits):
        if edit is not None:
            yield from ((u, v) for v in of_chain.get(int(chain[edit.relation]), ()) if v != u)
