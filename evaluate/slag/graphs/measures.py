"""Measures of a belief graph, as products of sparse matrices (Hase et al., 2021, section 6 and appendix E).

Shapes: n nodes. A [n, n] is the graph: A[u, v] says that flipping u changes v; its diagonal is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from worldgen.evaluate.statistics.ratios import Ratios

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_ROWS_AT_ONCE: Final = 256  # rows of A @ A that are held at once: 20 MB of them at 10,000 nodes


def graph_of(source: Integers, target: Integers, n: int) -> csr_array:
    """Returns the graph of these edges [E], each given once. Raises ValueError for an edge from a node to itself."""
    if (source == target).any():
        raise ValueError("a belief graph has no edge from a node to itself")
    return csr_array((np.ones(len(source), dtype=np.int64), (source, target)), shape=(n, n))


def edges_of(A: csr_array) -> tuple[Integers, Integers]:
    """Returns the sources and the targets of all edges, in order."""
    entries = A.tocoo()
    return entries.row.astype(np.int64), entries.col.astype(np.int64)


def out_degrees(A: csr_array) -> Integers:
    """Returns [n]: how many nodes each flip changes."""
    return np.asarray(A.sum(axis=1), dtype=np.int64)


def in_degrees(A: csr_array) -> Integers:
    """Returns [n]: how many flips change each node."""
    return np.asarray(A.sum(axis=0), dtype=np.int64)


def corrupting(A: csr_array, right: Flags) -> Integers:
    """Returns [n]: how many right beliefs each flip changes; in TF they are wrong then. Shapes: right [n]."""
    return np.asarray(A @ right.astype(np.int64))


def net_corrupting(A: csr_array, right: Flags) -> Integers:
    """Returns [n]: how many right beliefs each flip changes, minus the wrong ones that it changes."""
    return np.asarray(A @ np.where(right, 1, -1))


def landing(A: csr_array, on: Flags) -> Ratios:
    """Returns for each flip the share that it changes of the chosen nodes other than itself. Shapes: on [n]."""
    return Ratios((A @ on.astype(np.float64)), on.sum() - on.astype(np.float64))


def transitivity(A: csr_array) -> Ratios:
    """Returns for each node a, over all a -> b -> c with c other than a: how many have a -> c, and how many there are.

        pooled = sum((A @ A) * A) / sum(offdiag(A @ A))

    Source: Hase et al., 2021, section 6: "if updating A changes B, and updating B changes C".
    """
    returning = np.asarray(A.multiply(A.T.tocsr()).sum(axis=1))  # diag(A @ A): a -> b -> a
    paths = A @ out_degrees(A) - returning
    closed = [np.asarray((some @ A).multiply(some).sum(axis=1)) for some in _row_blocks(A)]
    return Ratios(np.concatenate(closed).astype(np.float64), paths.astype(np.float64))


def descendant_transitivity(A: csr_array) -> Ratios:
    """Returns for each node a, over its children b and all d that b reaches: how many d are a's children, and how many.

    A d counts once for each b. It may be a, but it is not b. Source: the paper's published code.
    With c(b) the strong component of b, D[c] the nodes in c and those that it reaches, M[a, c] the children of a in c:

        hits_a = sum((M @ D) * A, axis=1) - outdegree_a,    trials_a = sum_b A[a, b] (|D[c(b)]| - 1)
    """
    _, component = connected_components(A, connection="strong")
    D, degrees = _reached(A, component), out_degrees(A)
    n, C = len(component), len(D)
    member = csr_array((np.ones(n, dtype=np.int32), (np.arange(n), component)), shape=(n, C))
    hits = [_picked((some @ member) @ D, some) for some in _row_blocks(A)]
    sizes = D.sum(axis=1, dtype=np.int64)[component] - 1
    return Ratios((np.concatenate(hits) - degrees).astype(np.float64), (A @ sizes).astype(np.float64))


def _picked(counts: NDArray, edges: csr_array) -> Integers:
    """Returns the sum over each row of those counts that lie on an edge."""
    where = edges.tocoo()
    return np.bincount(where.row, counts[where.row, where.col], minlength=edges.shape[0]).astype(np.int64)


def _reached(A: csr_array, component: Integers) -> NDArray[np.int32]:
    """Returns [C, n]: 1 where a node lies in a strong component or is reached from it."""
    n, C = len(component), int(component.max(initial=-1)) + 1
    D = np.zeros((C, n), dtype=np.int32)
    D[component, np.arange(n)] = 1
    source, target = edges_of(A)
    between = coo_array((np.ones(A.nnz), (component[source], component[target])), shape=(C, C)).tocsr()
    successors = [between.indices[between.indptr[c] : between.indptr[c + 1]] for c in range(C)]
    order = TopologicalSorter({c: [s for s in of.tolist() if s != c] for c, of in enumerate(successors)})
    for c in order.static_order():  # successors come first
        for successor in successors[c].tolist():
            np.maximum(D[c], D[successor], out=D[c])
    return D


def component_sizes(A: csr_array, connection: str) -> Integers:
    """Returns the sizes of the components, the largest first; `connection` is "weak" or "strong"."""
    count, of_node = connected_components(A, connection=connection)
    return np.sort(np.bincount(of_node, minlength=count))[::-1].astype(np.int64)


def _row_blocks(A: csr_array) -> Iterator[csr_array]:
    for first in range(0, max(A.shape[0], 1), _ROWS_AT_ONCE):
        yield A[first : first + _ROWS_AT_ONCE]
