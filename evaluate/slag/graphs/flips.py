"""Flipping the model's beliefs: each node's flip as a block of updates, and the edges that were measured.

Shapes: n nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from worldgen.evaluate.asking.measurements import read_measurements
from worldgen.evaluate.slag.graphs.measures import Flags, graph_of
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.updating.blocks import Block
from worldgen.evaluate.slag.updating.model_questions import A_QUESTION_EACH, predictions_from


def flip_blocks(nodes: Sequence[Node], first: int, last: int) -> list[Block]:
    """Returns the flips of the nodes first .. last-1, each with the other n - 1 nodes to be asked after it."""
    points = tuple(node.point for node in nodes)
    return [Block(u, (nodes[u].flip,), points[:u] + points[u + 1 :]) for u in range(first, last)]


def changed_by_flips(nodes: Sequence[Node], folders: Sequence[Path]) -> Iterator[Flags]:
    """Yields for each flip [n] which predictions differ from those before any update, that of the node itself too.

    `folders` hold the measurements of `flip_blocks`, in order.
    """
    n, asked, u = len(nodes), [node.point.main for node in nodes], 0
    said = np.array([node.predicted for node in nodes], dtype=object)
    for folder in folders:
        after = read_measurements(folder)["after"].to_numpy(float).reshape(-1, n * A_QUESTION_EACH)
        for row in after:
            order = np.array([u, *range(u), *range(u + 1, n)])
            texts = predictions_from(Task.TF, [asked[v] for v in order], row, ()).text
            changed = np.zeros(n, dtype=bool)
            changed[order] = texts != said[order]
            yield changed
            u += 1


def graph_of_flips(changed: Iterable[Flags], n: int) -> tuple[csr_array, Flags]:
    """Returns the belief graph from what each of the n flips changed, and [n] which flips changed their own node."""
    flipped, rows = np.zeros(n, dtype=bool), []
    for u, its in enumerate(changed):
        flipped[u] = its[u]
        others = np.flatnonzero(its)
        rows.append(others[others != u])
    source = np.repeat(np.arange(n), [len(row) for row in rows])
    return graph_of(source, np.concatenate([np.zeros(0, dtype=np.int64), *rows]), n), flipped
