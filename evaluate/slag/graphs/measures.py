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
Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_ROWS_AT_ONCE: Final = 256  # rows of A @ A that are held at once: 20 MB of them at 10,000 nodes
_ONES: Final = np.array([byte.bit_count() for byte in range(256)], dtype=np.uint8)  # numpy 1.26 counts no bits itself


def graph_of(source: Integers, target: Integers, n: int) -> csr_array:
    """Returns the graph of these edges [E], each given once, in any order.

    Raises ValueError for an edge from a node to itself.
    """
    if (source == target).any():
        raise ValueError("a belief graph has no edge from a node to itself")
    A = csr_array((np.ones(len(source), dtype=np.int64), (source, target)), shape=(n, n))
    A.sort_indices()
    return A


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


def corrupting(A: csr_array, right: Flags, ends_right: Flags) -> Integers:
    """Returns [n]: how many right beliefs each flip makes wrong.

    Shapes: right [n], before any flip; ends_right [E], the changed belief of each edge, in the order of `edges_of`.
    """
    source, target = edges_of(A)
    return np.bincount(source[right[target] & ~ends_right], minlength=A.shape[0]).astype(np.int64)


def net_corrupting(A: csr_array, right: Flags, ends_right: Flags) -> Integers:
    """Returns [n]: how many right beliefs each flip makes wrong, minus the wrong ones that it makes right."""
    return corrupting(A, right, ends_right) - corrupting(A, ~right, ~ends_right)


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
    With c(b) the strong component of b, N(a) the children of a, D[c] the nodes in c and those that it reaches:

        hits_a = sum_b A[a, b] |D[c(b)] & N(a)| - outdegree_a,    trials_a = sum_b A[a, b] (|D[c(b)]| - 1)
    """
    _, component = connected_components(A, connection="strong")
    D, n = _reached(A, component), A.shape[0]
    sizes = np.array([_ONES[row].sum(dtype=np.int64) for row in D], dtype=np.int64)[component] - 1
    hits = np.zeros(n, dtype=np.int64)
    for a in range(n):
        children = A.indices[A.indptr[a] : A.indptr[a + 1]]
        hits[a] = _ONES[D[component[children]] & _bits(children, n)].sum(dtype=np.int64)
    return Ratios((hits - out_degrees(A)).astype(np.float64), (A @ sizes).astype(np.float64))


def _bits(nodes: Integers, n: int) -> Bytes:
    """Returns [ceil(n / 8)]: a set of nodes, a bit for each node."""
    found = np.zeros(n, dtype=bool)
    found[nodes] = True
    return np.packbits(found)


def _reached(A: csr_array, component: Integers) -> Bytes:
    """Returns [C, ceil(n / 8)]: the nodes that lie in each strong component or are reached from it (`_bits`)."""
    n, C = len(component), int(component.max(initial=-1)) + 1
    source, target = edges_of(A)
    between = coo_array((np.ones(A.nnz), (component[source], component[target])), shape=(C, C)).tocsr()
    successors = [between.indices[between.indptr[c] : between.indptr[c + 1]] for c in range(C)]
    order = TopologicalSorter({c: [s for s in of.tolist() if s != c] for c, of in enumerate(successors)})
    members = np.split(np.argsort(component, kind="stable"), np.cumsum(np.bincount(component, minlength=C))[:-1])
    D = np.zeros((C, -(-n // 8)), dtype=np.uint8)
    for c in order.static_order():  # successors come first
        D[c] = _bits(members[c], n) | np.bitwise_or.reduce(D[successors[c]], axis=0)
    return D


def component_sizes(A: csr_array, connection: str) -> Integers:
    """Returns the sizes of the components, the largest first; `connection` is "weak" or "strong"."""
    count, of_node = connected_components(A, connection=connection)
    return np.sort(np.bincount(of_node, minlength=count))[::-1].astype(np.int64)


def _row_blocks(A: csr_array) -> Iterator[csr_array]:
    for first in range(0, max(A.shape[0], 1), _ROWS_AT_ONCE):
        yield A[first : first + _ROWS_AT_ONCE]
