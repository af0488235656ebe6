"""Why a credence is what it is: the numbers that its formula is made of, taken from an agent.

    root        p(o | s, r)   = (a + n[s,r][o]) / (a K + N[s,r])
    downstream  p(o | s, r_d) = sum over o_u of p(o_u | s, r_u) p(o | r_d, r_u, o_u), one term for each o_u

Nothing here is rounded or left out: the terms of a mixture add up to the agent's credence.
Shapes: K objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.bayes.agent import Agent, RowOf
from worldgen.bayes.counts import NOTHING, Counts
from worldgen.bayes.dirichlet import predictive


@dataclass(frozen=True)
class RootFormula:
    """The numbers of the root formula for one object: `count` is n[s,r][o], `total` is N[s,r]."""

    a: float
    K: int
    count: float
    total: float

    @property
    def credence(self) -> float:
        """(a + n[o]) / (a K + N)."""
        return float(predictive(self.count, self.total, self.a, self.K))


class Term(NamedTuple):
    """What one upstream object adds to a downstream credence; `responsibility` is rho[s](o_u)."""

    responsibility: float
    upstream: float  # p(o_u | s, r_u)
    conditional: float  # p(o | r_d, r_u, o_u)
    share: float  # the product of the two


@dataclass(frozen=True)
class Mixture:
    """The K terms of the credence in one object of a downstream fact; r_u is `upstream_relation`."""

    upstream_relation: int
    object: int
    responsibility: NDArray[np.float64]  # [K]
    upstream: NDArray[np.float64]  # [K]
    conditional: NDArray[np.float64]  # [K]

    @property
    def shares(self) -> NDArray[np.float64]:
        """[K]: p(o_u | s, r_u) p(o | r_d, r_u, o_u)."""
        return self.upstream * self.conditional

    @property
    def credence(self) -> float:
        """The sum of all K shares."""
        return float(self.shares.sum())

    def term(self, upstream_object: int) -> Term:
        """What one upstream object adds."""
        columns = (self.responsibility, self.upstream, self.conditional, self.shares)
        return Term(*(float(column[upstream_object]) for column in columns))

    def rest(self, shown: Ids) -> tuple[float, float]:
        """(credence of being another object upstream, what all others add) beside the upstream objects shown."""
        others = np.ones(len(self.upstream), dtype=bool)
        others[shown] = False
        return float(self.upstream[others].sum()), float(self.shares[others].sum())

    def top(self, most: int) -> Ids:
        """The upstream objects that add most, falling; equal ones by id."""
        return np.argsort(-self.shares, kind="stable")[:most].astype(np.int32)


class MovedRow(NamedTuple):
    """A row of a conditional that edits have changed: its weight sum_o C[o_u][o], and p(o | r_d, r_u, o_u)."""

    upstream_object: int
    weight_before: float
    weight_after: float
    before: float
    after: float


def root_formula(agent: Agent, subject: int, relation: int, object_: int) -> RootFormula:
    """The root formula's numbers, whether or not the fact is downstream."""
    observed = agent.observations(subject, relation)
    counts = observed.counts(agent.K) if observed else NOTHING
    return RootFormula(agent.a, agent.K, counts.of(object_), counts.total)


def mixture(agent: Agent, subject: int, relation: int, object_: int) -> Mixture | None:
    """The terms of p(o | s, r), or None for a root."""
    upstream = agent.upstream_of(subject, relation)
    if upstream is None:
        return None
    observed = agent.observations(subject, upstream)
    assert observed is not None  # else the fact would be a root
    responsibility = np.zeros(agent.K)
    objects, rho = observed.responsibilities()
    responsibility[objects] = rho
    above = agent.belief(subject, upstream).dense()
    return Mixture(upstream, object_, responsibility, above, conditional_column(agent, relation, object_))


def conditional_column(agent: Agent, relation: int, object_: int) -> NDArray[np.float64]:
    """[K]: p(o | r_d, r_u, o_u) of one object o for every o_u. Raises KeyError if r_d depends on nothing."""
    table = agent.tables[relation]
    named = np.flatnonzero(table.object == object_)
    counts = table.each.copy()
    counts[np.searchsorted(table.start, named, side="right") - 1] += table.value[named]
    column = np.asarray(predictive(counts, table.total, agent.a, agent.K), dtype=np.float64)
    for row, edited in agent.revision.rows.items():
        if row.relation == relation:
            column[row.upstream_object] = edited.predictive(agent.a, agent.K)[object_]
    return column


def moved_rows(before: Agent, after: Agent, relation: int, object_: int) -> tuple[MovedRow, ...]:
    """The rows of r_d's conditional that `after`, a revision of `before`, has changed; most moved weight first."""
    rows = [row for row in after.revision.rows if row.relation == relation and _differ(before, after, row)]
    moved = [
        MovedRow(
            row.upstream_object,
            _counts(before, row).total,
            _counts(after, row).total,
            before.conditional(*row)[object_],
            after.conditional(*row)[object_],
        )
        for row in rows
    ]
    return tuple(sorted(moved, key=_by_moved_weight))


def _by_moved_weight(row: MovedRow) -> tuple[float, int]:
    # Two rows often exchange the same weight, which rounding must not put in order.
    return -round(abs(row.weight_after - row.weight_before), 9), row.upstream_object


def _differ(before: Agent, after: Agent, row: RowOf) -> bool:
    was, is_ = _counts(before, row), _counts(after, row)
    if (was.each, was.total) != (is_.each, is_.total) or not np.array_equal(was.object, is_.object):
        return True
    return not np.array_equal(was.value, is_.value)


def _counts(agent: Agent, row: RowOf) -> Counts:
    edited = agent.revision.rows.get(row)
    return agent.tables[row.relation].row(row.upstream_object) if edited is None else edited
