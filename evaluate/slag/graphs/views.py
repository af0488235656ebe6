"""Places in a belief graph that are worth a look: central nodes, chains, cycles, the longest path.

Source: the views of the paper's published code. Each is one of the graph library's algorithms.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from worldgen.evaluate.slag.graphs.measures import edges_of

_CENTRAL: Final = 5
_SHOWN: Final = 10
_PAIRS: Final = 10_000
_LONGEST_CYCLE: Final = 5
_STARTS: Final = 500  # nodes from which chains begin, so that all distances from them are soon found
_STEPS: Final = 50_000_000  # steps along edges that the search for central nodes may take
MOST_EDGES: Final = 200_000
"""The views of a graph with more edges are not made: the library's graph would not fit into memory."""


@dataclass(frozen=True)
class Views:
    """The places; nodes are told by their numbers."""

    central: tuple[tuple[int, float], ...]
    """The five nodes of the greatest betweenness, with it: the share of shortest paths that go through a node."""
    chains: tuple[tuple[int, ...], ...]
    """The ten longest of the shortest paths between random pairs of nodes, of more than two nodes."""
    cycles: tuple[tuple[int, ...], ...]
    """The first ten simple cycles of at most five nodes."""
    longest_path: int
    """The number of strong components on the longest path through them: in a graph without cycles, of nodes."""


def views_of(A: csr_array, draw: np.random.Generator) -> Views | None:
    """Returns the views of a graph; None for a graph of more than `MOST_EDGES` edges."""
    n = A.shape[0]
    if not n or A.nnz > MOST_EDGES:
        return None
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(zip(*(ends.tolist() for ends in edges_of(A)), strict=True))
    sources = min(n, max(1, _STEPS // max(A.nnz, 1)))
    through = nx.betweenness_centrality(graph, k=None if sources == n else sources, seed=int(draw.integers(2**31)))
    central = sorted(through.items(), key=lambda item: (-item[1], item[0]))[:_CENTRAL]
    cycles = sorted(map(tuple, islice(nx.simple_cycles(graph, length_bound=_LONGEST_CYCLE), _SHOWN)))
    return Views(tuple(central), _chains(A, draw), tuple(cycles), len(nx.dag_longest_path(nx.condensation(graph))))


def _chains(A: csr_array, draw: np.random.Generator) -> tuple[tuple[int, ...], ...]:
    n = A.shape[0]
    starts = draw.permutation(n)[:_STARTS]
    distance, before = shortest_path(A, unweighted=True, indices=starts, return_predecessors=True)
    row, end = draw.integers(0, len(starts), _PAIRS), draw.integers(0, n, _PAIRS)
    pairs = np.unique(np.stack([row, end]), axis=1)
    steps = distance[pairs[0], pairs[1]]
    longest = [i for i in np.argsort(-np.where(np.isinf(steps), 0, steps), kind="stable")[:_SHOWN] if steps[i] > 1]
    return tuple(_path(before[row], int(end)) for row, end in pairs.T[[i for i in longest if np.isfinite(steps[i])]])


def _path(before: np.ndarray, end: int) -> tuple[int, ...]:
    """Returns the nodes of the path that ends here; `before` [n] is the node before each, negative at the start."""
    path = [end]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return tuple(reversed(path))
