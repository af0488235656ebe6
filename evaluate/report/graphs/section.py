"""The part of the page about belief graphs: a table, the agreement with reason, drawings, and places worth a look."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

import pandas as pd
from markupsafe import Markup

from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.graphs.drawing import draw_curve, draw_part
from worldgen.evaluate.report.graphs.material import GraphMaterial
from worldgen.evaluate.report.graphs.parts import MOST_DRAWN, Part, around, with_edges
from worldgen.evaluate.slag.graphs.drawn import DrawnGraph
from worldgen.evaluate.slag.graphs.summary import GraphSummary, Spread
from worldgen.evaluate.slag.graphs.text import AGREEMENT, SHARES
from worldgen.evaluate.statistics.interval import Interval, spread

_UNITS: Final = {"tf": "statements, true or false", "gen": "questions, answered"}
_SPREADS: Final = {
    "in_degree": "flips that change a belief",
    "out_degree": "beliefs that a flip changes",
    "corrupting": "right beliefs that a flip makes wrong",
    "net_corrupting": "the same, less the wrong ones that it makes right",
}
_CHAINS_SHOWN: Final = 3


class Number(NamedTuple):
    """A number with its interval, and in full; `spread` is "" for a count."""

    text: str
    spread: str = ""
    full: str = ""


class Row(NamedTuple):
    """A row of a table: a number of the model's graph, and one of the rational graph where there is that."""

    label: str
    cells: tuple[Number, ...]


class GraphPart(NamedTuple):
    """A belief graph on the page; a part that it does not have is None or empty."""

    title: str
    heads: tuple[str, ...]
    rows: list[Row]
    agreement: list[Row]
    whole: Markup | None
    drawn: str
    """How many of the nodes with edges are drawn, and how many have none."""
    around: dict[str, Markup]
    """A drawing around the most connected node of each graph, by the graph's name."""
    curve: Markup | None
    places: list[tuple[str, list[str]]]
    """Lists of sentences, by their titles."""


def graph_section(graphs: Sequence[GraphMaterial], figures: FigureFolder) -> list[GraphPart]:
    """Returns every belief graph of a run as the page shows it."""
    return [_part(graph, figures) for graph in graphs]


def _part(graph: GraphMaterial, figures: FigureFolder) -> GraphPart:
    drawn, nodes, edges = graph.drawn, graph.nodes, graph.edges
    both = [each for each in (drawn.model, drawn.rational) if each is not None]
    whole, name = with_edges(nodes, edges), f"belief-graph-{graph.name}"
    lonely = len(nodes) - len(set(edges["source"]) | set(edges["target"]))
    columns = {"model": "the model", "rational": "the rational agent"}
    parts = {
        who: around(nodes, edges, column) for column, who in columns.items() if column in edges and len(whole.nodes)
    }
    return GraphPart(
        f"{graph.method}: {len(nodes):,} {_UNITS[drawn.task]}",
        ("model", "rational agent")[: len(both)],
        list(_rows(drawn, both)),
        [Row(label, (_share(drawn.agreement[key]),)) for key, label in AGREEMENT.items() if key in drawn.agreement],
        _figure(figures, name, "A belief graph", whole, 6.4) if len(edges) else None,
        f"{_cut(whole)}{lonely:,} without an edge are left out.",
        {
            who: _figure(figures, f"{name}-{number}", f"The beliefs around the most connected one of {who}", part, 5.6)
            for number, (who, part) in enumerate(parts.items())
            if part
        },
        figures.add(f"{name}-curve", "Edges by their weight", (9.6, 3.2), partial(draw_curve, curve=drawn.curve))
        if drawn.curve and drawn.model.edges and drawn.rational and drawn.rational.edges
        else None,
        list(_places(drawn, nodes)),
    )  # fmt: skip


def _figure(figures: FigureFolder, name: str, described: str, part: Part, height: float) -> Markup:
    return figures.add(name, described, (9.6, height), partial(draw_part, part=part))


def _cut(whole: Part) -> str:
    if len(whole.nodes) < MOST_DRAWN:
        return f"All {len(whole.nodes):,} beliefs with an edge are drawn; "
    return f"The {MOST_DRAWN} most connected beliefs are drawn; "


def _rows(drawn: DrawnGraph, both: Sequence[GraphSummary]) -> Iterator[Row]:
    """Yields the rows of the table of statistics."""

    def counts(label: str, *numbers: float) -> Row:
        return Row(label, tuple(Number(f"{number:,.0f}") for number in numbers))

    yield counts("flips made, or observed", drawn.flipped, *(graph.flips for graph in both[1:]))
    yield counts("edges", *(graph.edges for graph in both))
    yield Row("beliefs without an edge", tuple(Number(f"{graph.edgeless:.2f}") for graph in both))
    for name, label in _SPREADS.items():
        yield Row(f"{label}: median, 95th percentile, most", tuple(_spread(getattr(graph, name)) for graph in both))
    yield counts("weak components", *(graph.weak.count for graph in both))
    yield counts("the largest", *(next(iter(graph.weak.largest), 1) for graph in both))
    yield counts("strong components", *(graph.strong.count for graph in both))
    for name, label in SHARES.items():
        yield Row(label, tuple(_share(getattr(graph, name)) for graph in both))


def _spread(found: Spread) -> Number:
    if math.isnan(found.quantiles[50]):
        return Number("–")
    most = found.top[0][1] if found.top else 0
    full = ", ".join(f"{percent}%: {value:g}" for percent, value in found.quantiles.items())
    return Number(f"{found.quantiles[50]:g}, {found.quantiles[95]:g}, {most:,}", full=full)


def _share(interval: Interval) -> Number:
    if math.isnan(interval.mean):
        return Number("–", full="there is nothing to divide by")
    full = f"{interval.mean:.4f}, from {interval.low:.4f} to {interval.high:.4f}"
    return Number(f"{interval.mean:.3f}", spread(interval), full)


def _places(drawn: DrawnGraph, nodes: pd.DataFrame) -> Iterator[tuple[str, list[str]]]:
    """Yields what the model's graph has that is worth a look."""
    if drawn.views is None:
        return
    text = nodes["text"].tolist()
    if central := [f"{text[u]} ({share:.3f})" for u, share in drawn.views.central if share > 0]:
        yield "On the way of most changes (share of shortest paths through a belief)", central
    for title, paths in (("Longest chains", drawn.views.chains), ("Short cycles", drawn.views.cycles)):
        if paths:
            yield title, [" → ".join(text[u] for u in path) for path in paths[:_CHAINS_SHOWN]]
