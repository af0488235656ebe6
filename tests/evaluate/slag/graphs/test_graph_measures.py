"""Measures of belief graphs: graphs made by hand, and loops and a graph library as oracles on random ones."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array

from worldgen.evaluate.slag.graphs.measures import (
    component_sizes,
    corrupting,
    descendant_transitivity,
    edges_of,
    graph_of,
    in_degrees,
    landing,
    net_corrupting,
    out_degrees,
    transitivity,
)
from worldgen.evaluate.slag.graphs.summary import Spread, summary_of
from worldgen.evaluate.slag.graphs.views import views_of
from worldgen.evaluate.statistics.block_bootstrap import Resampling

RESAMPLING = Resampling(200, 0.95, "sample")


def graph(n: int, *edges: tuple[int, int]) -> csr_array:
    source, target = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    return graph_of(source, target, n)


@st.composite
def graphs(draw: st.DrawFn) -> NDArray[np.bool_]:
    """A random dense graph of at most eight nodes, as a matrix with an empty diagonal."""
    n = draw(st.integers(1, 8))
    cells = draw(st.lists(st.booleans(), min_size=n * n, max_size=n * n))
    return np.array(cells, dtype=bool).reshape(n, n) & ~np.eye(n, dtype=bool)


def sparse(A: NDArray[np.bool_]) -> csr_array:
    return graph(len(A), *map(tuple, np.argwhere(A).tolist()))


def library(A: NDArray[np.bool_]) -> nx.DiGraph:
    return nx.from_numpy_array(A.astype(int), create_using=nx.DiGraph)


def test_a_cycle_of_three_and_the_same_with_a_chord() -> None:
    """0 -> 1 -> 2 -> 0. Grandchildren: 0 -> 2 is no edge, nor are the other two.

    Descendants of 1, the only child of 0, are 2 and 0 itself; neither is a child of 0. So both are 0. With 0 -> 2 too,
    the children of 0 are 1 and 2; 1 reaches 2 and 0, 2 reaches 0 and 1: two of four are children. 1 has the child 2,
    which reaches 0 and 1; 2 has the child 0, which reaches 1 and 2. None of those four is a child.
    """
    ring = graph(3, (0, 1), (1, 2), (2, 0))
    assert transitivity(ring).pooled == 0
    assert descendant_transitivity(ring).pooled == 0
    assert transitivity(ring).trials.tolist() == [1, 1, 1]
    assert descendant_transitivity(ring).trials.tolist() == [2, 2, 2]
    chord = graph(3, (0, 1), (1, 2), (2, 0), (0, 2))
    # 0 -> 1 -> 2 is closed; 1 -> 2 -> 0 and 2 -> 0 -> 1 are not; 0 -> 2 -> 0 and 2 -> 0 -> 2 come back: none counts.
    assert transitivity(chord).pooled == pytest.approx(1 / 3)
    assert descendant_transitivity(chord).pooled == pytest.approx(2 / 8)


def test_a_chain_differs_by_its_far_descendants() -> None:
    """0 -> 1 -> 2 -> 3 with 0 -> 2: grandchildren (0,1,2) closed, (0,2,3) and (1,2,3) open. Descendants: 1 reaches
    2 and 3, 2 reaches 3 (children of 0: 1 and 2): one of three; 2 reaches 3 (child of 1: 2): none of one."""
    chain = graph(4, (0, 1), (1, 2), (2, 3), (0, 2))
    assert transitivity(chain).pooled == pytest.approx(1 / 3)
    assert descendant_transitivity(chain).pooled == pytest.approx(1 / 4)


def test_a_graph_by_hand() -> None:
    """Nodes 0 to 4; 1 and 3 are wrong. 0 changes 1, 2 and 3; 1 changes 2; 4 has no edge."""
    A, right = graph(5, (0, 1), (0, 2), (0, 3), (1, 2)), np.array([True, False, True, False, True])
    ends_right = np.array([True, False, True, False])  # as in TF: 1 and 3 become right, 2 becomes wrong
    found = summary_of(A, right, ends_right, np.ones(5, dtype=bool), RESAMPLING, np.random.default_rng(0))
    assert (found.nodes, found.edges, found.edgeless) == (5, 4, 1 / 5)
    assert found.out_degree.top[:2] == ((0, 3), (1, 1))
    assert found.in_degree.top[0] == (2, 2)
    assert found.out_degree.quantiles == {5: 0, 25: 0, 50: 0, 75: 1, 95: pytest.approx(2.6)}
    assert corrupting(A, right, ends_right).tolist() == [1, 1, 0, 0, 0]
    assert net_corrupting(A, right, ends_right).tolist() == [-1, 1, 0, 0, 0]
    # In GEN one wrong answer may follow another: 0 -> 1 mends nothing then, and 0 -> 2 may leave a right answer right.
    assert corrupting(A, right, np.array([False, True, True, False])).tolist() == [0, 1, 0, 0, 0]
    assert net_corrupting(A, right, np.array([False, True, True, False])).tolist() == [-1, 1, 0, 0, 0]
    assert (found.weak.count, found.weak.largest, found.strong.count, found.strong.largest) == (2, (4,), 5, ())
    assert found.transitivity.mean == 1  # 0 -> 1 -> 2
    # Pairs (flip, wrong belief): 2 for each of the three right nodes, 1 for each of the two wrong ones.
    assert found.on_wrong.mean == pytest.approx(2 / 8)
    assert found.on_right.mean == pytest.approx(2 / 12)
    assert found.on_right.low <= found.on_right.mean <= found.on_right.high


def test_flips_that_were_not_made_do_not_count() -> None:
    A, right = graph(3, (0, 1)), np.array([True, True, True])
    flips = np.array([True, False, False])
    found = summary_of(A, right, np.array([False]), flips, RESAMPLING, np.random.default_rng(0))
    assert found.on_right.mean == 1 / 2
    assert found.out_degree == Spread.of(np.array([1]), np.array([0]))


def test_an_edge_to_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="itself"):
        graph(2, (1, 1))


@given(graphs())
def test_sparse_products_equal_loops(A: NDArray[np.bool_]) -> None:
    n, nodes = len(A), range(len(A))
    S, right = sparse(A), np.arange(n) % 2 == 0
    ends_right = ~right[edges_of(S)[1]]
    two_steps = [(a, b, c) for a in nodes for b in nodes for c in nodes if A[a, b] and A[b, c] and c != a]
    found = transitivity(S)
    assert found.hits.tolist() == [sum(A[a, c] for x, _, c in two_steps if x == a) for a in nodes]
    assert found.trials.tolist() == [sum(x == a for x, *_ in two_steps) for a in nodes]
    assert out_degrees(S).tolist() == A.sum(axis=1).tolist()
    assert in_degrees(S).tolist() == A.sum(axis=0).tolist()
    assert corrupting(S, right, ends_right).tolist() == [sum(A[u, v] for v in nodes if right[v]) for u in nodes]
    lost = [sum(A[u, v] * (1 if right[v] else -1) for v in nodes) for u in nodes]
    assert net_corrupting(S, right, ends_right).tolist() == lost
    landed = landing(S, right)
    assert landed.trials.tolist() == [sum(right[v] for v in nodes if v != u) for u in nodes]
    assert landed.hits.tolist() == [sum(A[u, v] for v in nodes if right[v]) for u in nodes]
    assert list(zip(*(ends.tolist() for ends in edges_of(S)), strict=True)) == list(map(tuple, np.argwhere(A).tolist()))


@given(graphs())
def test_descendants_and_components_equal_the_librarys(A: NDArray[np.bool_]) -> None:
    G, found = library(A), descendant_transitivity(sparse(A))
    for a in G:
        reached = [d for b in G[a] for d in nx.descendants(G, b)]
        assert found.trials[a] == len(reached)
        assert found.hits[a] == sum(d in G[a] for d in reached)
    for name, components in (
        ("weak", nx.weakly_connected_components(G)),
        ("strong", nx.strongly_connected_components(G)),
    ):
        assert component_sizes(sparse(A), name).tolist() == sorted(map(len, components), reverse=True)


@given(graphs())
def test_views_are_paths_and_cycles_of_the_graph(A: NDArray[np.bool_]) -> None:
    G, views = library(A), views_of(sparse(A), np.random.default_rng(0))
    assert views is not None
    through = nx.betweenness_centrality(G)
    assert [value for _, value in views.central] == sorted(through.values(), reverse=True)[:5]
    for chain in views.chains:
        assert len(chain) > 2
        assert nx.shortest_path_length(G, chain[0], chain[-1]) == len(chain) - 1
        assert nx.is_path(G, list(chain))
    # 10,000 pairs of at most 64 leave none out: (1 - 1/64)^10,000 is below 1e-68.
    longest = max((d for _, ends in nx.all_pairs_shortest_path_length(G) for d in ends.values()), default=0)
    assert max((len(chain) - 1 for chain in views.chains), default=0) == (longest if longest > 1 else 0)
    assert bool(views.cycles) == any(len(c) <= 5 for c in nx.simple_cycles(G))
    for cycle in views.cycles:
        assert nx.is_path(G, [*cycle, cycle[0]])
    if nx.is_directed_acyclic_graph(G):
        assert views.longest_path == len(nx.dag_longest_path(G))
