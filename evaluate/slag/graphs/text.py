"""A belief graph's statistics as text for a terminal."""

from __future__ import annotations

import math

from worldgen.evaluate.slag.graphs.drawn import DrawnGraph
from worldgen.evaluate.statistics.interval import Interval, spread

_SHARES = {
    "transitivity": "update-transitivity, grandchildren",
    "descendant_transitivity": "the same, all descendants",
    "on_wrong": "wrong beliefs that a flip changes",
    "on_right": "right beliefs that a flip changes",
}
_AGREEMENT = {
    "precision": "edge precision",
    "recall": "edge recall",
    "f1": "edge F1",
    "entailed": "model's edges: entailed",
    "neutral": "model's edges: neutral",
    "contradictory": "model's edges: contradictory",
}
_WIDTH = 36


def graph_as_text(drawn: DrawnGraph) -> str:
    """Returns the two graphs side by side, then how they agree."""
    model, rational, agreement = drawn.model, drawn.rational, drawn.agreement
    rows: list[tuple[str, ...]] = [("", "model", "rational agent")]
    rows.append(("nodes", f"{model.nodes:,}", f"{rational.nodes:,}"))
    rows.append(("flipped / can be observed", f"{drawn.flipped:,}", f"{rational.flips:,}"))
    rows.append(("edges", f"{model.edges:,}", f"{rational.edges:,}"))
    rows.append(("without edges", *(f"{graph.edgeless:.2f}" for graph in (model, rational))))
    for name in ("in_degree", "out_degree", "corrupting", "net_corrupting"):
        cells = (_number(getattr(graph, name).quantiles[95]) for graph in (model, rational))
        rows.append((f"{name.replace('_', ' ')}, 95th percentile", *cells))
    for name in ("weak", "strong"):
        rows.append((f"{name} components", *(f"{getattr(graph, name).count:,}" for graph in (model, rational))))
    for name, label in _SHARES.items():
        rows.append((label, *(_shown(getattr(graph, name)) for graph in (model, rational))))
    rows += [(label, _shown(agreement[name]), "") for name, label in _AGREEMENT.items()]
    return "\n".join(f"{label:{_WIDTH}} {one:>20} {other:>20}".rstrip() for label, one, other in rows)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:g}"


def _shown(interval: Interval) -> str:
    return "-" if math.isnan(interval.mean) else f"{interval.mean:.3f} {spread(interval).strip()}"
