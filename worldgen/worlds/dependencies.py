"""Dependencies between relations: a matching makes the pairs, and predictability gives each pair its direction.

All are pure functions of the graph's counts. Shapes: R relations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.facts import Vocabulary
from worldgen.graphs.graph import KnowledgeGraph


class Pair(NamedTuple):
    """A dependency between relations: the object of `upstream` decides how likely each object of `downstream` is."""

    upstream: int
    downstream: int


@dataclass(frozen=True)
class Dependency:
    """A pair and its statistics in the graph, over the subjects that have both relations."""

    pair: Pair
    cooccurrence: int
    """The number of subjects that have both relations."""
    downstream_entropy: float
    """H(downstream object), in bits."""
    conditional_entropy: float
    """H(downstream object | upstream object), in bits."""


def find_dependencies(graph: KnowledgeGraph, fixed: Sequence[str]) -> list[Dependency]:
    """Returns the dependencies, upper pairs of chains first.

    The pairs are those that the config fixes ("P69 -> P106"). If it fixes none, they are the best matching, each in
    the direction that predicts better. Raises UserError for pairs that cannot be.
    """
    pairs = _fixed_pairs(graph.relations, fixed) if fixed else _matched_pairs(graph)
    return [_described(graph, pair) for pair in upstream_first(pairs)]


def match_relations(together: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Returns the perfect matching of greatest weight, weight(i, j) = c_ij / sum_k c_ik + c_ij / sum_k c_jk.

    c is `together` [R, R]: the number of subjects with both relations; k runs over the other relations. The matching is
    exact (a blossom algorithm). Raises ValueError if R is odd.
    """
    import networkx as nx  # slow to import, and not needed to load a world

    if len(together) % 2:
        raise ValueError(f"{len(together)} relations cannot be paired: ask for an even number")
    counts = together.astype(np.float64) * (1 - np.eye(len(together)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    weights = shares + shares.T
    network = nx.Graph()
    network.add_weighted_edges_from((i, j, weights[i, j]) for i in range(len(weights)) for j in range(i))
    matching = nx.max_weight_matching(network, maxcardinality=True)
    return sorted((min(edge), max(edge)) for edge in matching)


def conditional_entropy(given: NDArray, of: NDArray) -> float:
    """Returns H(of | given) in bits. `given` and `of` are paired columns of ids, [N] each."""
    joint = np.unique(np.stack([given, of]), axis=1, return_counts=True)[1]
    return round(_entropy(joint) - _entropy(np.unique(given, return_counts=True)[1]), 12)


def upstream_first(pairs: Sequence[Pair]) -> list[Pair]:
    """Returns the pairs with each chain's upper pair before its lower one. Raises UserError for a circle."""
    import networkx as nx

    network = nx.DiGraph([tuple(pair) for pair in pairs])
    if not nx.is_directed_acyclic_graph(network):
        raise UserError("world.pairs: a relation depends on itself through others, take one pair out")
    depth = {relation: i for i, relation in enumerate(nx.lexicographical_topological_sort(network))}
    return sorted(pairs, key=lambda pair: depth[pair.downstream])


def _fixed_pairs(relations: Vocabulary, fixed: Sequence[str]) -> list[Pair]:
    pairs = []
    for text in fixed:
        ends = re.split(r"\s*->\s*", text.strip())
        if len(ends) != 2:
            raise UserError(f"world.pairs: write {text!r} as 'upstream -> downstream'")
        pairs.append(Pair(relations.id_of(ends[0]), relations.id_of(ends[1])))
    for end in ("upstream", "downstream"):
        relations_at_end = [getattr(pair, end) for pair in pairs]
        twice = {relation for relation in relations_at_end if relations_at_end.count(relation) > 1}
        if twice:
            raise UserError(f"world.pairs: {relations[twice.pop()]!r} is the {end} end of two pairs, one is allowed")
    return pairs


def _matched_pairs(graph: KnowledgeGraph) -> list[Pair]:
    return [_directed(graph, i, j) for i, j in match_relations(graph.cooccurrence())]


def _directed(graph: KnowledgeGraph, i: int, j: int) -> Pair:
    """Returns the pair with the relation upstream that predicts the other one better."""
    of_i, of_j = _both(graph, i, j)
    return Pair(i, j) if conditional_entropy(of_i, of_j) <= conditional_entropy(of_j, of_i) else Pair(j, i)


def _described(graph: KnowledgeGraph, pair: Pair) -> Dependency:
    up, down = _both(graph, *pair)
    if not len(up):
        names = " and ".join(repr(graph.relations[end]) for end in pair)
        raise UserError(f"no subject has both {names}: they cannot be a pair, fix others with world.pairs")
    return Dependency(pair, len(up), _entropy(np.unique(down, return_counts=True)[1]), conditional_entropy(up, down))


def _both(graph: KnowledgeGraph, i: int, j: int) -> tuple[NDArray, NDArray]:
    """Returns the objects under two relations, for the subjects that have both."""
    of_i, of_j = graph.objects_of(i), graph.objects_of(j)
    has_both = (of_i >= 0) & (of_j >= 0)
    return of_i[has_both], of_j[has_both]


def _entropy(counts: NDArray[np.integer]) -> float:
    shares = counts / counts.sum()
    # Rounded, because machines differ in the last digit of a logarithm and files must not.
    return round(float(-(shares * np.log2(shares)).sum()), 12) if len(counts) else 0.0
