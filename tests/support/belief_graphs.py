"""Nodes of belief graphs in made worlds, and graphs from a table of edges."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import slag_worlds
from scipy.sparse import csr_array

from worldgen.evaluate.slag.graphs.belief_graph import BeliefGraph, Edges, texts_of
from worldgen.evaluate.slag.graphs.measures import edges_of
from worldgen.evaluate.slag.graphs.nodes import Node, entailed_nodes, nodes_of
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.predictions import PointQuestions, predictions_of


def nodes_in(which: str, count: int, task: Task = Task.TF, entailed: bool = False) -> list[Node]:
    """Nodes of a world, those of few subjects, of a model that answers TF by a coin and GEN by the truth."""
    world, agent = getattr(slag_worlds, which)()
    points = tuple(sorted(slag_worlds.of_task(which, task), key=lambda point: point.subject)[:count])
    questions, draw = PointQuestions(points), np.random.default_rng(0)
    coins = draw.choice(["true", "false"], len(questions.asked)).tolist()
    said = coins if task is Task.TF else [asked.eligible[0] for asked in questions.asked]
    predictions = predictions_of(questions.asked, said)
    nodes = nodes_of(points, questions, predictions, draw)
    return nodes + (entailed_nodes(world, agent, questions, predictions, 0.95) if entailed else [])


def graph_of_edges(
    n: int,
    edges: Mapping[tuple[int, int], tuple[str, float]],
    observed: Collection[int] | None = None,
    before: Sequence[str] | None = None,
) -> BeliefGraph:
    """The graph of these edges, each with what the target becomes and the weight; by default all flips were made."""
    ends = np.array(list(edges), dtype=np.int64).reshape(-1, 2)
    becomes, weight = texts_of([said for said, _ in edges.values()]), np.array([w for _, w in edges.values()], float)
    flips = np.array([observed is None or u in observed for u in range(n)])
    return BeliefGraph.of(Edges(ends[:, 0], ends[:, 1], becomes, weight), texts_of(before or [""] * n), flips)


def ordered(graph: BeliefGraph) -> list[tuple[int, int]]:
    """All edges in the order of their columns."""
    return list(zip(*(ends.tolist() for ends in edges_of(graph.A)), strict=True))


def pairs(A: csr_array) -> set[tuple[int, int]]:
    """All edges."""
    return set(zip(*(ends.tolist() for ends in edges_of(A)), strict=True))
