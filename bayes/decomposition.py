"""The numbers that a credence is made of.

    root        p(o | s, r)   = (a + n[s,r][o]) / (a K + N[s,r])
    downstream  m(o | s, r_d) = sum over o_u of p(o_u | s, r_u) p(o | r_d, r_u, o_u), one term for each o_u
                p(o | s, r_d) = (kappa m(o) + n(o)) / (kappa + N), n what the agent counts of the fact itself

No number is rounded or left out: the terms of a mixture add up to its marginal m.
Shapes: K objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.bayes.agent import Agent
from worldgen.bayes.counts import Counts
from worldgen.bayes.dirichlet import predictive


@dataclass(frozen=True)
class RootFormula:
    """The root formula for one object: `count` is n[s,r][o], `total` is N[s,r]."""

    a: float
    K: int
    count: float
    total: float

    @property
    def credence(self) -> float:
        """(a + n[s,r][o]) / (a K + N[s,r])."""
        return float(predictive(self.count, self.total, self.a, self.K))


class Term(NamedTuple):
    """The term of a marginal that belongs to one upstream object o_u."""

    responsibility: float
    """rho[s](o_u)."""
    upstream: float
    """p(o_u | s, r_u)."""
    conditional: float
    """p(o | r_d, r_u, o_u)."""
    share: float
    """upstream * conditional."""


@dataclass(frozen=True)
class Mixture:
    """The K terms of the marginal of one object of a downstream fact, and what was told of the fact itself.

    See `Term` for the columns.
    """

    upstream_relation: int
    object: int
    responsibility: NDArray[np.float64]  # [K]
    upstream: NDArray[np.float64]  # [K]
    conditional: NDArray[np.float64]  # [K]
    kappa: float
    """The weight of the marginal in observations."""
    count: float
    """The observations of the object that count beside the marginal."""
    total: float
    """The observations of all objects that count beside the marginal; 0 where there are none."""

    @property
    def shares(self) -> NDArray[np.float64]:
        """[K]: p(o_u | s, r_u) p(o | r_d, r_u, o_u)."""
        return self.upstream * self.conditional

    @property
    def marginal(self) -> float:
        """m, the sum of all K shares."""
        return float(self.shares.sum())

    @property
    def credence(self) -> float:
        """(kappa m + count) / (kappa + total)."""
        return (self.kappa * self.marginal + self.count) / (self.kappa + self.total) if self.total else self.marginal

    def term(self, upstream_object: int) -> Term:
        """Returns the term of one upstream object."""
        columns = (self.responsibility, self.upstream, self.conditional, self.shares)
        return Term(*(float(column[upstream_object]) for column in columns))

    def rest(self, shown: Ids) -> tuple[float, float]:
        """Returns (credence, share), each summed over the upstream objects that are not `shown`."""
        others = np.ones(len(self.upstream), dtype=bool)
        others[shown] = False
        return float(self.upstream[others].sum()), float(self.shares[others].sum())

    def top(self, count: int) -> Ids:
        """Returns the `count` upstream objects of the greatest shares, falling; equals by rising id."""
        return np.argsort(-self.shares, kind="stable")[:count].astype(np.int32)


class MovedRow(NamedTuple):
    """A row of a conditional that edits have changed, seen at one object o."""

    upstream_object: int
    weight_before: float
    """sum_o C[o_u][o] before the edits."""
    weight_after: float
    before: float
    """p(o | r_d, r_u, o_u) before the edits."""
    after: float


def root_formula(agent: Agent, subject: int, relation: int, object_: int) -> RootFormula:
    """Returns the numbers of the root formula for any fact, downstream facts included."""
    n = agent.counts(subject, relation)
    return RootFormula(agent.a, agent.K, n[object_], n.total)


def mixture(agent: Agent, subject: int, relation: int, object_: int) -> Mixture | None:
    """Returns what p(o | s, r_d) is made of, or None for a root."""
    upstream = agent.upstream_of(subject, relation)
    if upstream is None:
        return None
    observed = agent.observations(subject, upstream)
    assert observed is not None  # else the fact would be a root
    responsibility = np.zeros(agent.K)
    objects, rho = observed.responsibilities()
    responsibility[objects] = rho
    credence = agent.belief(subject, upstream).dense()
    column = _conditional_column(agent.source_of_marginal(subject, relation), relation, object_)
    told = agent.told(subject, relation)
    counts = told.kappa, told.counts[object_], told.counts.total
    return Mixture(upstream, object_, responsibility, credence, column, *counts)


def moved_rows(before: Agent, after: Agent, relation: int, object_: int) -> tuple[MovedRow, ...]:
    """Returns the rows of r_d's conditional that differ between an agent and its revision `after`, at one object o.

    The rows with the most moved weight come first.
    """
    rows = [row for row in after.revision.rows if row.relation == relation and _differ(before.row(row), after.row(row))]
    moved = [
        MovedRow(
            row.upstream_object,
            before.row(row).total,
            after.row(row).total,
            before.conditional(*row)[object_],
            after.conditional(*row)[object_],
        )
        for row in rows
    ]
    return tuple(sorted(moved, key=_by_moved_weight))


def _conditional_column(agent: Agent, relation: int, object_: int) -> NDArray[np.float64]:
    """Returns [K]: p(o | r_d, r_u, o_u) of one object o for every o_u. It visits the named entries alone."""
    table = agent.tables[relation]
    named = np.flatnonzero(table.object == object_)
    counts = table.default.copy()
    counts[np.searchsorted(table.start, named, side="right") - 1] += table.excess[named]
    column = np.asarray(predictive(counts, table.total, agent.a, agent.K), dtype=np.float64)
    for row, edited in agent.revision.rows.items():
        if row.relation == relation:
            column[row.upstream_object] = edited.predictive(agent.a, agent.K)[object_]
    return column


def _by_moved_weight(row: MovedRow) -> tuple[float, int]:
    # Two rows often exchange the same weight, which rounding must not put in order.
    return -round(abs(row.weight_after - row.weight_before), 9), row.upstream_object


def _differ(one: Counts, other: Counts) -> bool:
    if (one.default, one.total) != (other.default, other.total) or not np.array_equal(one.object, other.object):
        return True
    return not np.array_equal(one.excess, other.excess)
