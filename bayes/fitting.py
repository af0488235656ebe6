"""Fitting the rational agent to evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.conditional import fit_conditional
from worldgen.bayes.evidence import Evidence
from worldgen.bayes.fact_table import FactTable
from worldgen.bayes.reading import USUAL, Reading


def fit(
    evidence: Evidence,
    K: int,
    R: int,
    pairs: Sequence[tuple[int, int]],
    a: float,
    reading: Reading = USUAL,
) -> Agent:
    """Returns the agent that has seen the evidence.

    `pairs` are the dependencies (r_u, r_d) among R relations, K is the number of objects, a the prior count of each.
    `reading` is how a downstream fact is believed that was told itself.
    Raises ValueError for ids outside K or R, negative weights, a <= 0, K < 2, kappa <= 0, a relation with two
    upstreams, or a circle of pairs.
    """
    _check_prior(K, a)
    if not 0 < reading.kappa < np.inf:
        raise ValueError(f"an agent needs kappa > 0, not {reading.kappa}")
    _check_evidence(evidence, K, R)
    _check_pairs(R, pairs)
    facts = FactTable.of(evidence, R)
    parent = {downstream: upstream for upstream, downstream in pairs}
    tables = {downstream: fit_conditional(facts, upstream, downstream, K) for upstream, downstream in pairs}
    sums = {downstream: table.sum_of_rows(a) for downstream, table in tables.items()}
    return Agent(K, a, parent, facts, tables, sums, reading)


def _check_prior(K: int, a: float) -> None:
    if K < 2 or not 0 < a < np.inf:
        raise ValueError(f"an agent needs at least two objects and a > 0, not K = {K} and a = {a}")


def _check_evidence(evidence: Evidence, K: int, R: int) -> None:
    if len(evidence) and not (
        evidence.subject.min() >= 0
        and 0 <= evidence.object.min() <= evidence.object.max() < K
        and 0 <= evidence.relation.min() <= evidence.relation.max() < R
        and min(evidence.positive.min(), evidence.spread.min(), evidence.atomic.min()) >= 0
    ):
        raise ValueError(f"evidence names ids outside {K} objects and {R} relations, or weights below zero")


def _check_pairs(R: int, pairs: Sequence[tuple[int, int]]) -> None:
    if any(not 0 <= relation < R for pair in pairs for relation in pair):
        raise ValueError(f"a pair names a relation outside 0 .. {R - 1}")
    parent = {downstream: upstream for upstream, downstream in pairs}
    if len(parent) < len(pairs):
        raise ValueError("a relation depends on two others: at most one is possible")
    for relation in parent:
        path = [relation]
        while path[-1] in parent:
            path.append(parent[path[-1]])
            if path[-1] in path[:-1]:
                raise ValueError(f"relation {path[-1]} depends on itself")
