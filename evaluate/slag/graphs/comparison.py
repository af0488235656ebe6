"""The model's belief graph against the rational one, over the flips that the agent can observe.

Shapes: n nodes; M [n, n] is the model's graph, R [n, n] the rational one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from worldgen.evaluate.slag.graphs.measures import Flags, Integers, edges_of, out_degrees
from worldgen.evaluate.slag.graphs.rational import RationalGraph
from worldgen.evaluate.statistics.block_bootstrap import Resampling
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.pooled import pooled_interval
from worldgen.evaluate.statistics.ratios import Ratios


def compared(M: csr_array, rational: RationalGraph, holds: Flags) -> Mapping[str, Ratios]:
    """Returns the agreement of the two graphs' edges, a row for each flip. Shapes: holds [n], the model's "true".

        precision |M and R| / |M|     recall |M and R| / |R|     f1 2 |M and R| / (|M| + |R|)

    An edge of the model is *entailed* if the agent changes the same belief to the same value, *contradictory* if it
    changes it to the other value, *neutral* if it does not change it: three shares of |M|. Both change v to what they
    did not hold before, so the values are the same where they were so before the flip.
    """
    both = M.multiply(rational.edges).tocsr()
    drawn, due, hit = (out_degrees(each).astype(np.float64) for each in (M, rational.edges, both))
    entailed = np.asarray(both @ (holds == rational.before).astype(np.float64))
    found = {
        "precision": Ratios(hit, drawn),
        "recall": Ratios(hit, due),
        "f1": Ratios(2 * hit, drawn + due),
        "entailed": Ratios(entailed, drawn),
        "contradictory": Ratios(hit - entailed, drawn),
        "neutral": Ratios(drawn - hit, drawn),
    }
    return {name: ratios.where(rational.observed) for name, ratios in found.items()}


def edge_table(M: csr_array, rational: RationalGraph, holds: Flags) -> pd.DataFrame:
    """Returns a row for each edge of either graph: the numbers of its ends, which graphs have it, and its kind.

    The kind is that of the model's edge; "missed" is a rational edge that the model lacks, and "" an edge of the model
    whose flip the agent cannot observe. Shapes: holds [n].
    """
    source, target = edges_of((M + rational.edges).tocsr())
    in_model, in_rational = (_has(graph, source, target) for graph in (M, rational.edges))
    same = (holds == rational.before)[target]
    kinds = [~in_model, ~rational.observed[source], ~in_rational, same]
    kind = np.select(kinds, ["missed", "", "neutral", "entailed"], "contradictory")
    columns = {"source": source, "target": target, "model": in_model, "rational": in_rational, "kind": kind}
    return pd.DataFrame(columns)


def _has(graph: csr_array, source: Integers, target: Integers) -> Flags:
    """Returns [E]: whether a graph has each edge."""
    n = graph.shape[0]
    its_source, its_target = edges_of(graph)
    return np.isin(source * n + target, its_source * n + its_target)


def comparison_intervals(
    found: Mapping[str, Ratios], resampling: Resampling, draw: np.random.Generator
) -> dict[str, Interval]:
    """Returns the pooled ratios with intervals over the flipped nodes; NaN where there is no edge to be compared."""
    return {name: pooled_interval(ratios, resampling, draw) for name, ratios in found.items()}
