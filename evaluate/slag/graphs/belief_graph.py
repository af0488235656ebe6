"""A belief graph: which beliefs change when one is flipped, to what, and by how much.

Shapes: n nodes, E edges in the order of `measures.edges_of`: by source, then by target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from worldgen.evaluate.slag.graphs.measures import Flags, Floats, Integers, edges_of, graph_of
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.evaluate.slag.predictions import normalised

Texts = NDArray[np.object_]


class Edges(NamedTuple):
    """Columns of E edges."""

    source: Integers
    target: Integers
    becomes: Texts
    weight: Floats

    @staticmethod
    def joined(parts: Sequence[Edges]) -> Edges:
        """Returns the edges of all parts."""
        nothing = Edges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, object), np.zeros(0))
        return Edges(*map(np.concatenate, zip(nothing, *parts, strict=True)))


@dataclass(frozen=True)
class BeliefGraph:
    """The belief graph of a mind: the model's, or the agent's."""

    A: csr_array
    """[n, n]: A[u, v] says that the flip of u changes what is held of v; the diagonal is empty."""
    becomes: Texts
    """[E]: what is held of v after the flip of u: "true" or "false", in GEN an answer ("" for none)."""
    weight: Floats
    """[E]: by how much the probability of what was held of v changes; NaN where nobody knows it."""
    before: Texts
    """[n]: what is held before any flip."""
    flips: Flags
    """[n]: of the model, which flips did change their own node; of the agent, which flips it can observe."""

    @staticmethod
    def of(edges: Edges, before: Texts, flips: Flags) -> BeliefGraph:
        """Returns the graph of these edges, which may come in any order."""
        order = np.lexsort((edges.target, edges.source))
        A = graph_of(edges.source, edges.target, len(before))
        return BeliefGraph(A, edges.becomes[order], edges.weight[order], before, flips)

    @property
    def keys(self) -> Integers:
        """[E]: source * n + target of each edge, rising."""
        source, target = edges_of(self.A)
        return source * self.A.shape[0] + target

    def strong(self, threshold: float) -> Flags:
        """Returns [E]: which edges have at least this weight. An edge of unknown weight has 0."""
        return np.nan_to_num(self.weight) >= threshold


def texts_of(texts: Sequence[str]) -> Texts:
    """Returns texts as an array of objects."""
    found = np.empty(len(texts), dtype=object)
    found[:] = list(texts)
    return found


def are_right(nodes: Sequence[Node], held: Texts, of: Integers) -> Flags:
    """Returns [K]: whether held[k] is right of node of[k]. Shapes: held and of [K]."""
    labels = [{normalised(label) for label in node.point.main.eligible} - {""} for node in nodes]
    return np.array([text in labels[v] for text, v in zip(held.tolist(), of.tolist(), strict=True)], dtype=bool)
