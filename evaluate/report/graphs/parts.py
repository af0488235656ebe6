"""Parts of a belief graph that are drawn: which nodes, and where each of them stands.

Source of the parts: the paper's published code. Shapes: n nodes of the whole graph; k of a part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_DRAWN: Final = 300
MOST_LABELLED: Final = 16


@dataclass(frozen=True)
class Part:
    """Some nodes of a belief graph, the edges among them, and places for a drawing."""

    nodes: pd.DataFrame
    """[k]: rows of nodes.parquet, by their numbers."""
    edges: pd.DataFrame
    """Rows of edges.parquet."""
    x: NDArray[np.float64]
    """[k], between -1 and 1."""
    y: NDArray[np.float64]

    @staticmethod
    def of(nodes: pd.DataFrame, edges: pd.DataFrame, chosen: Iterable[int]) -> Part:
        """Returns the part of the chosen nodes; linked ones stand near each other. Equal parts stand alike."""
        members = sorted(set(chosen))
        inside = edges[edges["source"].isin(members) & edges["target"].isin(members)]
        graph = nx.Graph()
        graph.add_nodes_from(members)
        graph.add_edges_from(zip(inside["source"].tolist(), inside["target"].tolist(), strict=True))
        places = nx.spring_layout(graph, k=2.2 / max(1, len(members)) ** 0.5, iterations=150, seed=0)
        at = np.array([places[number] for number in members]).reshape(-1, 2)
        return Part(nodes.loc[members], inside, at[:, 0], at[:, 1])


def with_edges(nodes: pd.DataFrame, edges: pd.DataFrame) -> Part:
    """Returns all nodes that have an edge in either graph; of more than 300 the most connected ones."""
    degrees = pd.concat([edges["source"], edges["target"]]).value_counts(sort=False).sort_index()
    return Part.of(nodes, edges, degrees.sort_values(ascending=False, kind="stable").index[:MOST_DRAWN])


def around(nodes: pd.DataFrame, edges: pd.DataFrame, column: str) -> Part | None:
    """Returns the node with the most edges in one graph, and its neighbours there; None for a graph without edges.

    `column` is "model" or "rational". Of many neighbours the part has those whose edges have the greatest weights.
    """
    its = edges[edges[column]]
    if not len(its):
        return None
    ends = pd.concat([its["source"], its["target"]])
    centre = int(ends.value_counts(sort=False).sort_index().idxmax())
    weight = its["weight" if column == "model" else "agent_weight"].fillna(0)
    near = its.assign(strength=weight)[(its["source"] == centre) | (its["target"] == centre)]
    ordered = near.sort_values("strength", ascending=False, kind="stable")
    others = dict.fromkeys(np.where(ordered["source"] == centre, ordered["target"], ordered["source"]).tolist())
    return Part.of(nodes, edges, [centre, *list(others)[: MOST_LABELLED - 1]])
