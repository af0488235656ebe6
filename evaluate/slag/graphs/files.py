"""The files of a belief graph: nodes and edges as Parquet and CSV, and both as GraphML for graph programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pyarrow as pa

from worldgen.evaluate.slag.graphs.belief_graph import BeliefGraph, Texts, are_right
from worldgen.evaluate.slag.graphs.measures import corrupting, edges_of, in_degrees, net_corrupting, out_degrees
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.storage.files import write_atomically, write_table

_TYPES: Final = {"b": "boolean", "i": "long", "f": "double", "O": "string"}  # of GraphML, by numpy's kinds
_ROWS_AT_ONCE: Final = 100_000
_NOT_XML: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}")


def node_table(nodes: Sequence[Node], M: BeliefGraph, updated: Texts, R: BeliefGraph | None) -> pd.DataFrame:
    """Returns a row for each node; its number is its place. Shapes: updated [n], what each node's own flip makes it."""
    right = are_right(nodes, M.before, np.arange(len(nodes)))
    ends_right = are_right(nodes, M.becomes, edges_of(M.A)[1])
    columns = {
        "id": [node.point.id for node in nodes],
        "text": [node.point.main.prompt for node in nodes],
        "label": [node.point.main.eligible[0] for node in nodes],
        "predicted": [node.predicted for node in nodes],
        "right": right,
        "asked_for": [node.flip.label for node in nodes],
        "updated": updated,
        "in_degree": in_degrees(M.A),
        "out_degree": out_degrees(M.A),
        "corrupting": corrupting(M.A, right, ends_right),
        "net_corrupting": net_corrupting(M.A, right, ends_right),
    }
    if R is not None:
        columns |= {
            "agent": R.before,
            "agent_observes": R.flips,
            "agent_in_degree": in_degrees(R.A),
            "agent_out_degree": out_degrees(R.A),
        }
    return pd.DataFrame(columns)


def write_graph(folder: Path, nodes: pd.DataFrame, edges: pd.DataFrame) -> None:
    """Writes nodes and edges (.parquet, .csv) and beliefs.graphml, in which an edge names the graphs that have it."""
    for name, table in (("nodes", nodes), ("edges", edges)):
        write_table(folder / f"{name}.parquet", pa.Table.from_pandas(table, preserve_index=False))
        label = "number" if name == "nodes" else "edge"
        write_atomically(folder / f"{name}.csv", partial(table.to_csv, index_label=label))
    write_atomically(folder / "beliefs.graphml", partial(_write_graphml, nodes=nodes, edges=edges))


def _write_graphml(path: Path, nodes: pd.DataFrame, edges: pd.DataFrame) -> None:
    """Writes GraphML line by line, so that a graph of millions of edges takes no memory of its own."""
    nodes, ends = nodes.rename(columns={"id": "point"}), edges[["source", "target"]]
    about = edges.drop(columns=["source", "target"])
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for kind, table in (("node", nodes), ("edge", about)):
            for name in table.columns:
                type_ = _TYPES[table[name].to_numpy().dtype.kind]
                file.write(f'<key id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{type_}"/>\n')
        file.write('<graph edgedefault="directed">\n')
        for number, data in enumerate(_data("node", nodes)):
            file.write(f'<node id="{number}">{data}</node>\n')
        for (source, target), data in zip(ends.itertuples(index=False), _data("edge", about), strict=True):
            file.write(f'<edge source="{source}" target="{target}">{data}</edge>\n')
        file.write("</graph>\n</graphml>\n")


def _data(kind: str, table: pd.DataFrame) -> Iterator[str]:
    """Yields the data of each row as GraphML; a value that there is not is left out."""
    keys = [f"{kind}_{name}" for name in table.columns]
    for first in range(0, len(table), _ROWS_AT_ONCE):
        for row in table.iloc[first : first + _ROWS_AT_ONCE].itertuples(index=False):
            known = ((key, value) for key, value in zip(keys, row, strict=True) if value == value)  # no NaN
            yield "".join(f'<data key="{key}">{_as_xml(value)}</data>' for key, value in known)


def _as_xml(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return escape(value.translate(_NOT_XML)) if isinstance(value, str) else str(value)
