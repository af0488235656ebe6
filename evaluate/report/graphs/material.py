"""The record that a belief graph's part of the page is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from worldgen.evaluate.slag.graphs.drawn import DrawnGraph


@dataclass(frozen=True)
class GraphMaterial:
    """A belief graph."""

    name: str
    """The folder's: "ft", "ft-gen"."""
    method: str
    drawn: DrawnGraph
    nodes: pd.DataFrame
    """The columns of nodes.parquet; a node's number is its place."""
    edges: pd.DataFrame
    """The columns of edges.parquet."""
