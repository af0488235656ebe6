"""The files of a belief graph: nodes and edges as Parquet and CSV, and both as GraphML for graph programs."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from worldgen.evaluate.slag.graphs.measures import Flags, corrupting, in_degrees, net_corrupting, out_degrees
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.evaluate.slag.graphs.rational import RationalGraph
from worldgen.evaluate.slag.points import FALSE, TRUE, other_truth
from worldgen.storage.files import write_bytes, write_table, write_text


def node_table(nodes: Sequence[Node], M: csr_array, flipped: Flags, rational: RationalGraph) -> pd.DataFrame:
    """Returns a row for each node; its number is its place. Shapes: flipped [n], whether the model's flip was made."""
    right = np.array([node.right for node in nodes], dtype=bool)
    return pd.DataFrame(
        {
            "id": [node.point.id for node in nodes],
            "text": [node.point.main.prompt for node in nodes],
            "label": [node.point.main.eligible[0] for node in nodes],
            "predicted": [node.predicted for node in nodes],
            "right": right,
            "updated": [
                other_truth(node.predicted) if done else node.predicted
                for node, done in zip(nodes, flipped, strict=True)
            ],
            "in_degree": in_degrees(M),
            "out_degree": out_degrees(M),
            "corrupting": corrupting(M, right),
            "net_corrupting": net_corrupting(M, right),
            "agent": np.where(rational.before, TRUE, FALSE),
            "agent_observes": rational.observed,
            "agent_in_degree": in_degrees(rational.edges),
            "agent_out_degree": out_degrees(rational.edges),
        }
    )


def write_graph(folder: Path, nodes: pd.DataFrame, edges: pd.DataFrame) -> None:
    """Writes nodes and edges (.parquet, .csv) and beliefs.graphml, in which an edge names the graphs that have it."""
    for name, table in (("nodes", nodes), ("edges", edges)):
        write_table(folder / f"{name}.parquet", {column: table[column].tolist() for column in table})
        write_text(folder / f"{name}.csv", table.to_csv(index_label="number" if name == "nodes" else "edge"))
    graph = nx.DiGraph()
    graph.add_nodes_from(enumerate(nodes.rename(columns={"id": "point"}).to_dict("records")))
    about = edges.drop(columns=["source", "target"]).to_dict("records")
    graph.add_edges_from(zip(edges["source"].tolist(), edges["target"].tolist(), about, strict=True))
    content = BytesIO()
    nx.write_graphml(graph, content)
    write_bytes(folder / "beliefs.graphml", content.getvalue())
