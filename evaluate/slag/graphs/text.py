"""A belief graph's statistics as text for a terminal."""

from __future__ import annotations

import math

from worldgen.evaluate.slag.graphs.drawn import DrawnGraph
from worldgen.evaluate.statistics.interval import Interval, spread

SHARES = {
    "transitivity": "update-transitivity, grandchildren",
    "descendant_transitivity": "the same, all descendants",
    "on_wrong": "wrong beliefs that a flip changes",
    "on_right": "right beliefs that a flip changes",
}
AGREEMENT = {
    "precision": "edge precision",
    "recall": "edge recall",
    "f1": "edge F1",
    "entailed": "model's edges: entailed",
    "neutral": "model's edges: neutral",
    "contradictory": "model's edges: contradictory",
}
_WIDTH = 36


def graph_as_text(drawn: DrawnGraph) -> str:
    """Returns the two graphs side by side, then how they agree; the model's alone where there is no other."""
    graphs = [graph for graph in (drawn.model, drawn.rational) if graph is not None]
    flips = [drawn.flipped, *(graph.flips for graph in graphs[1:])]
    rows: list[tuple[str, ...]] = [("", "model", "rational agent")[: 1 + len(graphs)]]
    rows.append(("nodes", *(f"{graph.nodes:,}" for graph in graphs)))
    rows.append(("flipped / can be observed", *(f"{number:,}" for number in flips)))
    rows.append(("edges", *(f"{graph.edges:,}" for graph in graphs)))
    rows.append(("without edges", *(f"{graph.edgeless:.2f}" for graph in graphs)))
    for name in ("in_degree", "out_degree", "corrupting", "net_corrupting"):
        cells = (_number(getattr(graph, name).quantiles[95]) for graph in graphs)
        rows.append((f"{name.replace('_', ' ')}, 95th percentile", *cells))
    for name in ("weak", "strong"):
        rows.append((f"{name} components", *(f"{getattr(graph, name).count:,}" for graph in graphs)))
    for name, label in SHARES.items():
        rows.append((label, *(shown(getattr(graph, name)) for graph in graphs)))
    rows += [(label, shown(drawn.agreement[name])) for name, label in AGREEMENT.items() if name in drawn.agreement]
    return "\n".join(f"{label:{_WIDTH}}" + "".join(f" {cell:>20}" for cell in cells) for label, *cells in rows)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:g}"


def shown(interval: Interval) -> str:
    return "-" if math.isnan(interval.mean) else f"{interval.mean:.3f} {spread(interval).strip()}"
