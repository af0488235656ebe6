"""The summary of a belief graph: all statistics of the paper's code and text, with intervals over the nodes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from worldgen.evaluate.slag.graphs.measures import (
    Flags,
    Integers,
    component_sizes,
    corrupting,
    descendant_transitivity,
    in_degrees,
    landing,
    net_corrupting,
    out_degrees,
    transitivity,
)
from worldgen.evaluate.statistics.block_bootstrap import Resampling
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.pooled import pooled_intervals

QUANTILES: Final = (5, 25, 50, 75, 95)
_TOP: Final = 10


@dataclass(frozen=True)
class Spread:
    """How a count is spread over the nodes."""

    quantiles: dict[int, float]
    """The percentiles of `QUANTILES`, interpolated linearly; NaN of nothing."""
    top: tuple[tuple[int, int], ...]
    """The ten largest counts, as (node, count); of equal counts the first nodes."""

    @staticmethod
    def of(counts: Integers, nodes: Integers) -> Spread:
        """Returns the spread over some nodes [m] of a count for each node [n]."""
        its = counts[nodes]
        found = np.percentile(its, QUANTILES).tolist() if len(its) else [math.nan] * len(QUANTILES)
        largest = nodes[np.argsort(-its, kind="stable")[:_TOP]]
        return Spread(dict(zip(QUANTILES, found, strict=True)), tuple((int(u), int(counts[u])) for u in largest))


@dataclass(frozen=True)
class Components:
    """The components of a graph."""

    count: int
    quantiles: dict[int, float]
    """The percentiles of their sizes."""
    largest: tuple[int, ...]
    """The ten largest sizes above 1."""

    @staticmethod
    def of(sizes: Integers) -> Components:
        """Returns what there is to say of components of these sizes, the largest first."""
        quantiles = Spread.of(sizes, np.arange(len(sizes))).quantiles
        return Components(len(sizes), quantiles, tuple(sizes[sizes > 1][:_TOP].tolist()))


@dataclass(frozen=True)
class GraphSummary:
    """The statistics of a belief graph."""

    nodes: int
    flips: int
    """How many nodes were flipped."""
    edges: int
    edgeless: float
    """The share of nodes with no edge in and none out; NaN without nodes."""
    in_degree: Spread
    out_degree: Spread
    corrupting: Spread
    net_corrupting: Spread
    weak: Components
    strong: Components
    transitivity: Interval
    """Grandchildren that are children too: the paper's text, and its Table 8."""
    descendant_transitivity: Interval
    """The transitivity over all descendants, as the paper's code has it."""
    on_wrong: Interval
    """The share of (flip, wrong belief) pairs in which the belief changes."""
    on_right: Interval

    def as_json(self) -> dict[str, object]:
        """Returns the statistics as JSON takes them; a number that there is not is null."""
        return {name: plain(value) for name, value in asdict(self).items()}


def summary_of(
    A: csr_array, right: Flags, ends_right: Flags, flips: Flags, resampling: Resampling, draw: np.random.Generator
) -> GraphSummary:
    """Returns the statistics of the graph A. Intervals resample the flipped nodes.

    Shapes: right [n], whether each belief is; ends_right [E], whether the changed belief of each edge is; flips [n],
    which flips were made: what they change is counted over them.
    """
    every, flipped = np.arange(len(right)), np.flatnonzero(flips)
    into, out = in_degrees(A), out_degrees(A)
    shares = {
        "transitivity": transitivity(A),
        "descendant_transitivity": descendant_transitivity(A),
        "on_wrong": landing(A, ~right),
        "on_right": landing(A, right),
    }
    found = pooled_intervals({name: its.where(flips) for name, its in shares.items()}, resampling, draw)
    return GraphSummary(
        nodes=len(right),
        flips=len(flipped),
        edges=int(A.nnz),
        edgeless=float(np.mean(into + out == 0)) if len(right) else math.nan,
        in_degree=Spread.of(into, every),
        out_degree=Spread.of(out, flipped),
        corrupting=Spread.of(corrupting(A, right, ends_right), flipped),
        net_corrupting=Spread.of(net_corrupting(A, right, ends_right), flipped),
        weak=Components.of(component_sizes(A, "weak")),
        strong=Components.of(component_sizes(A, "strong")),
        **found,
    )


def plain(value: object) -> object:
    """Returns a value as JSON takes it: NaN is null, an interval an object."""
    if isinstance(value, Interval):
        return {name: plain(number) for name, number in value._asdict().items()}
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
