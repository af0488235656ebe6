"""The model's graph, the rational one, and how they agree: all that is told of a belief graph."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from worldgen.evaluate.slag.graphs.belief_graph import BeliefGraph, are_right
from worldgen.evaluate.slag.graphs.comparison import THRESHOLDS, by_threshold, compared, curve_name
from worldgen.evaluate.slag.graphs.measures import Flags, edges_of
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.evaluate.slag.graphs.summary import GraphSummary, plain, summary_of
from worldgen.evaluate.slag.graphs.views import Views, views_of
from worldgen.evaluate.statistics.block_bootstrap import Resampling
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.pooled import pooled_intervals
from worldgen.storage.files import write_text


@dataclass(frozen=True)
class AtThreshold:
    """The model's edges of at least some weight, and how they agree with all rational ones."""

    threshold: float
    edges: int
    precision: Interval
    recall: Interval
    f1: Interval


@dataclass(frozen=True)
class DrawnGraph:
    """The statistics of a belief graph, those of the rational one, and their agreement."""

    task: str
    """The task of the nodes: "tf" or "gen"."""
    flipped: int
    """How many nodes the method did flip; what its other updates changed counts all the same."""
    model: GraphSummary
    rational: GraphSummary | None = None
    """Its flips are those that the agent can observe. None without our world."""
    agreement: Mapping[str, Interval] = field(default_factory=dict)
    """precision, recall, f1, entailed, contradictory, neutral (see `comparison.compared`)."""
    curve: tuple[AtThreshold, ...] = ()
    """The model's edges by their least weight."""
    views: Views | None = None
    """Places in the model's graph; None where it is too large for them."""

    def as_json(self) -> dict[str, object]:
        """Returns the statistics as JSON takes them; a number that there is not is null."""
        return {name: plain(value) for name, value in asdict(self).items()}


def read_drawn_graph(path: Path) -> DrawnGraph:
    """Reads what `DrawnGraph.as_json` has written."""
    found = json.loads(path.read_text(encoding="utf-8"))
    known = {name: _with_nan(value) for name, value in found.items() if value is not None}
    return TypeAdapter(DrawnGraph).validate_python(known)


def write_drawn_graph(path: Path, drawn: DrawnGraph) -> None:
    """Writes the statistics as JSON."""
    write_text(path, json.dumps(drawn.as_json(), indent=1) + "\n")


def drawn_graph(
    nodes: Sequence[Node], M: BeliefGraph, R: BeliefGraph | None, resampling: Resampling, draw: np.random.Generator
) -> DrawnGraph:
    """Returns the statistics of the model's graph M beside those of the rational one R, if there is one."""
    every = np.ones(len(nodes), dtype=bool)
    model, task = _summary(nodes, M, every, resampling, draw), nodes[0].point.task.value
    if R is None:
        return DrawnGraph(task, int(M.flips.sum()), model, views=views_of(M.A, draw))
    rational = _summary(nodes, R, R.flips, resampling, draw)
    agreement = pooled_intervals(compared(M, R), resampling, draw)
    curve = pooled_intervals(by_threshold(M, R), resampling, draw)
    points = tuple(
        AtThreshold(t, int(M.strong(t).sum()), *(curve[curve_name(name, t)] for name in ("precision", "recall", "f1")))
        for t in THRESHOLDS
    )
    return DrawnGraph(task, int(M.flips.sum()), model, rational, agreement, points, views_of(M.A, draw))


def _summary(
    nodes: Sequence[Node], graph: BeliefGraph, flips: Flags, resampling: Resampling, draw: np.random.Generator
) -> GraphSummary:
    right = are_right(nodes, graph.before, np.arange(len(nodes)))
    ends_right = are_right(nodes, graph.becomes, edges_of(graph.A)[1])
    return summary_of(graph.A, right, ends_right, flips, resampling, draw)


def _with_nan(value: object) -> object:
    """Returns a value of JSON with NaN for null."""
    if isinstance(value, dict):
        return {name: _with_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_nan(each) for each in value]
    return float("nan") if value is None else value
