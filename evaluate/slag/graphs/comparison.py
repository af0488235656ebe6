"""The model's belief graph against the rational one, over the flips that the agent can observe.

Shapes: n nodes; M [n, n] is the model's graph, R [n, n] the rational one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from worldgen.evaluate.slag.graphs.belief_graph import BeliefGraph
from worldgen.evaluate.slag.graphs.measures import Flags
from worldgen.evaluate.statistics.ratios import Ratios

THRESHOLDS: Final = tuple(step / 20 for step in range(20))
"""The least weights of the curve: 0, .05, ..., .95."""
CURVE: Final = ("precision", "recall", "f1")


def compared(M: BeliefGraph, R: BeliefGraph, threshold: float = 0.0) -> Mapping[str, Ratios]:
    """Returns the agreement of the two graphs' edges, a row for each flip.

        precision |M and R| / |M|     recall |M and R| / |R|     f1 2 |M and R| / (|M| + |R|)

    An edge of the model is *entailed* if the agent changes the same belief to the same value, *contradictory* if it
    changes it to another value, *neutral* if it does not change it: three shares of |M|.
    With a threshold, M has only its edges of at least this weight; R has all of its.
    """
    n, strong, (in_M, in_R) = len(M.before), M.strong(threshold), _common(M, R)
    in_M, in_R = in_M[strong[in_M]], in_R[strong[in_M]]
    same = M.becomes[in_M] == R.becomes[in_R]

    def by_flip(keys: np.ndarray) -> np.ndarray:
        return np.bincount(keys // n, minlength=n).astype(np.float64)

    drawn, due = by_flip(M.keys[strong]), by_flip(R.keys)
    hit, entailed = by_flip(M.keys[in_M]), by_flip(M.keys[in_M][same])
    found = {
        "precision": Ratios(hit, drawn),
        "recall": Ratios(hit, due),
        "f1": Ratios(2 * hit, drawn + due),
        "entailed": Ratios(entailed, drawn),
        "contradictory": Ratios(hit - entailed, drawn),
        "neutral": Ratios(drawn - hit, drawn),
    }
    return {name: ratios.where(R.flips) for name, ratios in found.items()}


def by_threshold(M: BeliefGraph, R: BeliefGraph) -> Mapping[str, Ratios]:
    """Returns precision, recall and F1 at every threshold of `THRESHOLDS`, by the names of `curve_name`."""
    found = {threshold: compared(M, R, threshold) for threshold in THRESHOLDS}
    return {curve_name(name, threshold): its[name] for threshold, its in found.items() for name in CURVE}


def curve_name(measure: str, threshold: float) -> str:
    """Returns the name of a measure at a threshold."""
    return f"{measure} from {threshold:g}"


def edge_table(M: BeliefGraph, R: BeliefGraph | None) -> pd.DataFrame:
    """Returns a row for each edge of either graph: the numbers of its ends, what changes by how much, and its kind.

    The kind is that of the model's edge; "missed" is a rational edge that the model lacks, and "" an edge of the model
    whose flip the agent cannot observe, or nobody's where there is no agent.
    """
    n, keys = len(M.before), M.keys if R is None else np.union1d(M.keys, R.keys)
    source, target = keys // n, keys % n
    columns: dict[str, np.ndarray] = {"source": source, "target": target}
    columns |= {"model": np.isin(keys, M.keys)} | _columns(M, keys, "")
    if R is not None:
        columns |= {"rational": np.isin(keys, R.keys)} | _columns(R, keys, "agent_")
        columns["kind"] = _kinds(columns, R.flips[source])
    return pd.DataFrame(columns)


def _columns(graph: BeliefGraph, keys: np.ndarray, prefix: str) -> dict[str, np.ndarray]:
    """Returns what becomes of the targets and the weights, "" and NaN where the graph lacks an edge."""
    place = np.searchsorted(keys, graph.keys)
    becomes, weight = np.full(len(keys), "", dtype=object), np.full(len(keys), np.nan)
    becomes[place], weight[place] = graph.becomes, graph.weight
    return {f"{prefix}becomes": becomes, f"{prefix}weight": weight}


def _kinds(columns: Mapping[str, np.ndarray], observed: Flags) -> np.ndarray:
    is_model, is_rational = columns["model"], columns["rational"]
    same = columns["becomes"] == columns["agent_becomes"]
    cases = [~is_model, ~observed, ~is_rational, same]
    return np.select(cases, ["missed", "", "neutral", "entailed"], "contradictory").astype(object)


def _common(M: BeliefGraph, R: BeliefGraph) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of the edges that both graphs have, in either."""
    _, in_M, in_R = np.intersect1d(M.keys, R.keys, assume_unique=True, return_indices=True)
    return in_M, in_R
