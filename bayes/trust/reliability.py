"""Beliefs about the reliabilities of the sources.

    rho_k ~ Beta(a_k, b_k)         rho_k = the probability that a report of source k is right
    mean  = a_k / (a_k + b_k)

Observed reports are conjugate: each right one adds 1 to a, each wrong one 1 to b.
Shapes: K sources, J components of a mixture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import betainc, betaln, xlog1py, xlogy

from worldgen.bayes.sparse import Flags, Floats


@dataclass(frozen=True)
class Betas:
    """The prior of each source's reliability: Beta(a, b), or a number that is known."""

    a: Floats
    """[K]."""
    b: Floats
    """[K]."""
    known: Floats
    """[K]: the reliability where it is known, nan where it is to be learned."""

    def __post_init__(self) -> None:
        learned = np.isnan(self.known)
        if not ((self.a[learned] > 0).all() and (self.b[learned] > 0).all()):
            raise ValueError("a Beta needs a > 0 and b > 0")
        if not ((self.known[~learned] >= 0) & (self.known[~learned] <= 1)).all():
            raise ValueError("a reliability is a probability: 0 .. 1")

    @staticmethod
    def of(a: ArrayLike, b: ArrayLike) -> Betas:
        """Returns Beta(a[k], b[k]) for each source."""
        counts_a, counts_b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        return Betas(counts_a, counts_b, np.full(len(counts_a), np.nan))

    @staticmethod
    def uniform(K: int) -> Betas:
        """Returns Beta(1, 1) for K sources."""
        return Betas.of(np.ones(K), np.ones(K))

    @staticmethod
    def skeptical(K: int, M: int) -> Betas:
        """Returns Beta(2 / M, 2 - 2 / M) for K sources, whose mean 1 / M is that of a guess among M objects.

        It weighs as much as the uniform prior. Raises ValueError for M < 2.
        """
        if M < 2:
            raise ValueError(f"a fact needs two objects or more, not {M}")
        return Betas.of(np.full(K, 2 / M), np.full(K, 2 - 2 / M))

    @staticmethod
    def certain(rho: ArrayLike) -> Betas:
        """Returns reliabilities that are known. Shape: rho [K]. Raises ValueError outside 0 .. 1."""
        known = np.asarray(rho, np.float64)
        return Betas(np.ones(len(known)), np.ones(len(known)), known)

    @property
    def is_known(self) -> Flags:
        """[K]: whether the reliability is known."""
        return ~np.isnan(self.known)

    @property
    def mean(self) -> Floats:
        """[K]: a / (a + b), or the known reliability."""
        return np.where(self.is_known, self.known, self.a / (self.a + self.b))

    def and_known(self, rho: ArrayLike) -> Betas:
        """Returns these sources and after them others, whose reliabilities are known. Shape: rho [k]."""
        others = Betas.certain(rho)
        columns = zip(vars(self).values(), vars(others).values(), strict=True)
        return Betas(*(np.append(mine, theirs) for mine, theirs in columns))

    def observe(self, right: ArrayLike, wrong: ArrayLike) -> Betas:
        """Returns the posterior after so many right and wrong reports of each source; what is known stays known."""
        return Betas(self.a + np.asarray(right), self.b + np.asarray(wrong), self.known)


@dataclass(frozen=True)
class BetaMixture:
    """A distribution of one reliability: sum over j of weight[j] Beta(a[j], b[j])."""

    weight: Floats
    """[J], sums to 1."""
    a: Floats
    """[J]."""
    b: Floats
    """[J]."""

    def mean(self) -> float:
        """Returns sum of w a / (a + b)."""
        return float(self.weight @ (self.a / (self.a + self.b)))

    def sd(self) -> float:
        """Returns the standard deviation, from the components' variances and the spread of their means."""
        total, means = self.a + self.b, self.a / (self.a + self.b)
        within = means * (1 - means) / (total + 1)
        return float(np.sqrt(self.weight @ (within + (means - self.mean()) ** 2)))

    def cdf(self, x: float) -> float:
        """Returns P(rho <= x) for 0 <= x <= 1."""
        visible = self.weight > 1e-20  # what is left out is below the rounding of 1
        return float(self.weight[visible] @ betainc(self.a[visible], self.b[visible], x))

    def density(self, x: Floats) -> Floats:
        """Returns the density at each x inside (0, 1). Shape: x and the result [N]."""
        log_p = xlogy(self.a - 1, x[:, None]) + xlog1py(self.b - 1, -x[:, None]) - betaln(self.a, self.b)
        return np.exp(log_p) @ self.weight

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Returns the central interval that holds `level` of the probability. Raises ValueError outside (0, 1)."""
        if not 0 < level < 1:
            raise ValueError(f"an interval holds a share above 0 and below 1, not {level}")
        return self._quantile((1 - level) / 2), self._quantile((1 + level) / 2)

    def _quantile(self, p: float) -> float:
        return float(brentq(lambda x: self.cdf(x) - p, 0.0, 1.0, xtol=1e-14))
