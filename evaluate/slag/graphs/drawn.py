"""The model's graph, the rational one, and how they agree: all that is told of a belief graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.sparse import csr_array

from worldgen.evaluate.slag.graphs.comparison import compared, comparison_intervals
from worldgen.evaluate.slag.graphs.measures import Flags
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.evaluate.slag.graphs.rational import RationalGraph
from worldgen.evaluate.slag.graphs.summary import GraphSummary, plain, summary_of
from worldgen.evaluate.slag.graphs.views import Views, views_of
from worldgen.evaluate.slag.points import TRUE
from worldgen.evaluate.statistics.block_bootstrap import Resampling
from worldgen.evaluate.statistics.interval import Interval


@dataclass(frozen=True)
class DrawnGraph:
    """The statistics of a belief graph, those of the rational one, and their agreement."""

    flipped: int
    """How many nodes the method did flip; what its other updates changed counts all the same."""
    model: GraphSummary
    rational: GraphSummary
    """Its flips are those that the agent can observe."""
    agreement: Mapping[str, Interval]
    """precision, recall, f1, entailed, contradictory, neutral (see `comparison.compared`)."""
    views: Views | None
    """Places in the model's graph; None where it is too large for them."""

    def as_json(self) -> dict[str, object]:
        """Returns the statistics as JSON takes them; a number that there is not is null."""
        return {
            "flipped": self.flipped, "model": self.model.as_json(), "rational": self.rational.as_json(),
            "agreement": plain(dict(self.agreement)), "views": plain(asdict(self.views)) if self.views else None,
        }  # fmt: skip


def truths(nodes: Sequence[Node]) -> tuple[Flags, Flags]:
    """Returns two arrays [n]: whether the model holds each statement true, and whether it is."""
    holds = np.array([node.predicted == TRUE for node in nodes], dtype=bool)
    return holds, np.array([node.point.main.eligible == (TRUE,) for node in nodes], dtype=bool)


def drawn_graph(
    nodes: Sequence[Node], M: csr_array, flipped: Flags, rational: RationalGraph, resampling: Resampling,
    draw: np.random.Generator,
) -> DrawnGraph:  # fmt: skip
    """Returns the statistics of the model's graph M [n, n] beside the rational one. Shapes: flipped [n]."""
    holds, truth = truths(nodes)
    every = np.ones(len(nodes), dtype=bool)
    return DrawnGraph(
        int(flipped.sum()),
        summary_of(M, holds == truth, every, resampling, draw),
        summary_of(rational.edges, rational.before == truth, rational.observed, resampling, draw),
        comparison_intervals(compared(M, rational, holds), resampling, draw),
        views_of(M, draw),
    )
