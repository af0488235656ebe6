"""The distinct polynomials among the factors of many groups.

What all terms of a factor have in common is taken out first: it is conjugate to the Betas. What is left of a group
whose truth is known is a constant, and so is what is left of a single report under a uniform prior (neutrality):

    (1 / M) rho + ((M - 1) / M) (1 - rho) / (M - 1) = 1 / M

The other factors are few but frequent, since groups that were reported alike have one polynomial.
Shapes: G groups, P patterns, K sources, T terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldgen.arrays import gather_rows, row_starts
from worldgen.bayes.sparse import Flags, Floats, Integers
from worldgen.bayes.trust.factors import Factors

# Log weights are sums of a few logarithms, at most ~15 each: two ways to the same weight differ by less than this.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class Patterns:
    """The product of all factors:

    prod_g P_g(rho) = exp(log_constant) prod_k rho_k^agree_k (1 - rho_k)^disagree_k prod_p factors_p(rho)^times_p
    """

    factors: Factors
    """P distinct factors, none of them constant."""
    times: Integers
    """[P]."""
    agree: Integers
    """[K]."""
    disagree: Integers
    """[K]."""
    log_constant: float

    @property
    def degree(self) -> Integers:
        """[K]: the degree of prod_p factors_p^times_p in each rho_k."""
        return self.times @ self.factors.degree


def patterns_of(factors: Factors) -> Patterns:
    """Returns the patterns of some factors."""
    K = factors.agree.shape[1]
    if not len(factors):
        return Patterns(factors, np.zeros(0, np.int64), np.zeros(K, np.int64), np.zeros(K, np.int64), 0.0)
    agree, disagree = common_powers(factors)
    reduced, log_scale = _merged(_without(factors, agree, disagree))
    varies = np.flatnonzero(~is_constant(reduced))
    distinct, times = _distinct(reduced.where(varies))
    return Patterns(distinct, times, agree.sum(axis=0), disagree.sum(axis=0), float(log_scale.sum()))


def reduced_factors(factors: Factors) -> Factors:
    """Returns the factors without their common powers, equal terms added up, the greatest weight of each 1."""
    return _merged(_without(factors, *common_powers(factors)))[0]


def common_powers(factors: Factors) -> tuple[Integers, Integers]:
    """Returns [G, K] twice: the powers of rho_k and of 1 - rho_k that all terms of a factor have in common."""
    agree, disagree = (
        np.minimum.reduceat(counts, factors.start[:-1], axis=0) for counts in (factors.agree, factors.disagree)
    )
    return agree, disagree


def is_constant(reduced: Factors) -> Flags:
    """Returns [G]: whether a reduced factor is 1 for every rho: a single term, or rho + (1 - rho)."""
    lengths, first = np.diff(reduced.start), reduced.start[:-1]
    second = np.minimum(first + 1, len(reduced.log_weight) - 1)
    linear = (lengths == 2) & (reduced.degree.sum(axis=1) == 1)
    alike = np.abs(reduced.log_weight[first] - reduced.log_weight[second]) <= _ROUNDING
    return (lengths == 1) | (linear & alike)


def _without(factors: Factors, agree: Integers, disagree: Integers) -> Factors:
    """Returns the factors divided by these powers [G, K]."""
    group = factors.group_of_term
    return Factors(factors.start, factors.log_weight, factors.agree - agree[group], factors.disagree - disagree[group])


def _merged(factors: Factors) -> tuple[Factors, Floats]:
    """Returns the factors with terms of equal powers added up and the greatest weight 1, and [G] the log of the scale.

    The terms of a factor come out sorted by their powers, so that equal polynomials are equal rows.
    """
    group = factors.group_of_term
    key = np.column_stack([group, factors.agree, factors.disagree])
    order = np.lexsort((factors.log_weight, *key.T[::-1]))
    key = key[order]
    first = np.flatnonzero(np.any(np.diff(key, axis=0, prepend=-1) != 0, axis=1))
    log_weight = np.logaddexp.reduceat(factors.log_weight[order], first)
    group, K = group[order][first], factors.agree.shape[1]
    start = row_starts(np.bincount(group, minlength=len(factors)))
    scale = np.maximum.reduceat(log_weight, start[:-1])
    return Factors(start, log_weight - scale[group], key[first, 1 : K + 1], key[first, K + 1 :]), scale


def _distinct(factors: Factors) -> tuple[Factors, Integers]:
    """Returns the distinct factors, and how often each is there."""
    lengths, K = np.diff(factors.start), factors.agree.shape[1]
    parts, times = [], []
    for length in np.unique(lengths):
        groups = np.flatnonzero(lengths == length)
        terms, _ = gather_rows(factors.start, groups)
        columns = (factors.log_weight[terms, None], factors.agree[terms], factors.disagree[terms])
        rows = np.column_stack(columns).reshape(len(groups), -1)
        _, which, count = np.unique(rows, axis=0, return_index=True, return_counts=True)
        parts.append(factors.where(groups[which]))
        times.append(count)
    return Factors.joined(parts, K), np.concatenate([np.zeros(0, np.int64), *times])
