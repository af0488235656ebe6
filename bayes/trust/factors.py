"""The probability of the reports as a function of the reliabilities: one factor for each group of facts.

Given the reliabilities, groups are independent, and the probability of what was reported of a group is a polynomial:

    P_g(rho) = sum over its terms t of w_t prod_k rho_k^agree_tk (1 - rho_k)^disagree_tk

A term is one possible truth (Model A) or one choice of which reports are genuine (Model B); all w_t >= 0.
Shapes: G groups, T terms of all groups, K sources, n points rho.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import gather_rows, row_of_entry, row_starts
from worldgen.bayes.sparse import Floats, Integers


@dataclass(frozen=True)
class Factors:
    """The polynomials of G groups: group g has the terms start[g] .. start[g+1]-1, at least one."""

    start: Integers
    """[G+1]."""
    log_weight: Floats
    """[T]: log w_t."""
    agree: Integers
    """[T, K]."""
    disagree: Integers
    """[T, K]."""

    @staticmethod
    def none(K: int) -> Factors:
        """Returns no group."""
        counts = np.zeros((0, K), np.int64)
        return Factors(np.zeros(1, np.int64), np.zeros(0), counts, counts)

    @staticmethod
    def joined(parts: Sequence[Factors], K: int) -> Factors:
        """Returns the groups of all parts, in this order."""
        parts = [Factors.none(K), *parts]
        lengths = np.concatenate([np.diff(part.start) for part in parts])
        columns = [[getattr(part, name) for part in parts] for name in ("log_weight", "agree", "disagree")]
        return Factors(row_starts(lengths), *(np.concatenate(column) for column in columns))

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def group_of_term(self) -> Integers:
        """[T]."""
        return row_of_entry(self.start)

    @property
    def degree(self) -> Integers:
        """[G, K]: the degree of each P_g in each rho_k."""
        return np.maximum.reduceat(self.agree + self.disagree, self.start[:-1], axis=0) if len(self) else self.agree

    def where(self, groups: NDArray[np.integer]) -> Factors:
        """Returns the chosen groups, in this order."""
        terms, lengths = gather_rows(self.start, groups)
        return Factors(row_starts(lengths), self.log_weight[terms], self.agree[terms], self.disagree[terms])

    def of_sources(self, sources: NDArray[np.integer]) -> Factors:
        """Returns the same groups with the columns of some sources alone."""
        return Factors(self.start, self.log_weight, self.agree[:, sources], self.disagree[:, sources])

    def given(self, known: Floats) -> Factors:
        """Returns the factors with the known reliabilities in place (nan: not known), without impossible terms.

        Shape: known [K]. Raises ValueError where nothing that the reports leave is possible.
        """
        is_known = ~np.isnan(known)
        with np.errstate(divide="ignore"):
            log_rho, log_wrong = np.log(known[is_known]), np.log1p(-known[is_known])
        log_weight = self.log_weight + _log_powers(self.agree[:, is_known], log_rho[None])[0]
        log_weight = log_weight + _log_powers(self.disagree[:, is_known], log_wrong[None])[0]
        possible = log_weight > -np.inf
        lengths = np.bincount(self.group_of_term[possible], minlength=len(self))
        if not lengths.all():
            raise ValueError("these reports are impossible: sources that are never wrong contradict what is known")
        agree, disagree = self.agree[possible], self.disagree[possible]
        agree, disagree = np.where(is_known, 0, agree), np.where(is_known, 0, disagree)
        return Factors(row_starts(lengths), log_weight[possible], agree, disagree)

    def log_terms(self, log_rho: Floats, log_wrong: Floats) -> Floats:
        """Returns [n, T]: the logarithm of each term at n points; log_rho and log_wrong = log(1 - rho) are [n, K]."""
        return self.log_weight + _log_powers(self.agree, log_rho) + _log_powers(self.disagree, log_wrong)

    def log_sums(self, log_rho: Floats, log_wrong: Floats) -> Floats:
        """Returns [n, G]: log P_g at n points, as `log_terms`."""
        return np.logaddexp.reduceat(self.log_terms(log_rho, log_wrong), self.start[:-1], axis=1)


def _log_powers(counts: Integers, log_p: Floats) -> Floats:
    """Returns [n, T]: sum over k of counts[t, k] log_p[i, k], where 0 times log 0 is 0."""
    impossible = np.isneginf(log_p)
    value = np.where(impossible, 0.0, log_p) @ counts.T.astype(np.float64)
    if impossible.any():
        value[(impossible.astype(np.float64) @ (counts > 0).T) > 0] = -np.inf
    return value
