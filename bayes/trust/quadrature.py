"""Integrals over reliabilities, exact for polynomials (A3).

    integral of f(rho) Beta(rho; a, b) drho = sum over i of w_i f(x_i)

for every polynomial f of degree 2 n - 1 or less: n nodes x_i by Gauss and Jacobi. A posterior is a polynomial times
Betas, so its integrals are such sums, exact to rounding. All is in logarithms: 100,000 reports neither overflow nor
underflow. The weights are those of Christoffel, by the three-term recurrence, which keeps small ones exact as well:

    1 / w_i = sum over j < n of p_j(x_i)^2,  p_j the orthonormal polynomials of Beta(a, b)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal
from scipy.special import logsumexp

from worldgen.bayes.sparse import Floats, Integers
from worldgen.bayes.trust.factors import Factors

MOST_POINTS = 2**21
"""The greatest number of points of a grid."""
_AT_ONCE = 2**22  # numbers held at once: 32 MB


def gauss_jacobi(a: float, b: float, n: int) -> tuple[Floats, Floats]:
    """Returns the n nodes in (0, 1) and the logarithms of their weights, which sum to 1."""
    middle, off = _recurrence(a, b, n)
    x = eigvalsh_tridiagonal(middle, off) if n > 1 else middle
    before, p, total = np.zeros(n), np.ones(n), np.ones(n)
    log_scale = np.zeros(n)
    for j in range(n - 1):
        before, p = p, ((x - middle[j]) * p - (off[j - 1] * before if j else 0.0)) / off[j]
        total += p * p
        if (large := total > 1e200).any():  # scaled down by 1e-100, the total by 1e-200
            shrink = np.where(large, 1e-100, 1.0)
            before, p, total, log_scale = before * shrink, p * shrink, total * shrink**2, log_scale - 2 * np.log(shrink)
    log_weight = -np.log(total) - log_scale
    # A node nearer to 0 or 1 than rounding may come out on it or beyond, where a logarithm has no value.
    return np.clip(x, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg), log_weight - logsumexp(log_weight)


def _recurrence(a: float, b: float, n: int) -> tuple[Floats, Floats]:
    """Returns the diagonal [n] and the off-diagonal [n-1] of the Jacobi matrix of Beta(a, b)."""
    j = np.arange(1, n, dtype=np.float64)
    c = a + b - 2 + 2 * j
    middle = np.append(a / (a + b), (1 + (a - b) * (a + b - 2) / (c * (c + 2))) / 2)
    # For j = 1 the factor j + a + b - 2 cancels with c - 1, which may be 0.
    ratio = np.append(1.0, (j[1:] + a + b - 2) / (c[1:] - 1))[: n - 1]
    return middle, np.sqrt(j * (j + a - 1) * (j + b - 1) * ratio / (c**2 * (c + 1)))


@dataclass(frozen=True)
class Grid:
    """A posterior of some reliabilities as weighted points, exact for polynomials up to a degree.

    Shapes: n points, k sources.
    """

    log_rho: Floats
    """[n, k]."""
    log_wrong: Floats
    """[n, k]: log(1 - rho)."""
    log_weight: Floats
    """[n]: the weights sum to 1."""
    log_evidence: float
    """The logarithm of the integral of the likelihood."""
    room: Integers
    """[k]: for polynomials of this degree in each rho_k the posterior expectation is exact."""

    def mean(self) -> Floats:
        """Returns [k]: the posterior mean of each reliability."""
        return np.exp(self.log_weight) @ np.exp(self.log_rho)


def posterior_grid(a: Floats, b: Floats, factors: Factors, times: Integers, room: Integers) -> Grid:
    """Returns the posterior of k sources under the priors Beta(a, b) and the likelihood prod_p factors_p^times_p.

    A source with a likelihood of degree D gets (D + room) // 2 + 1 nodes, enough for a polynomial of degree `room`.
    Shapes: a, b, room [k]; times [P]. Raises ValueError for more than MOST_POINTS points.
    """
    nodes = (times @ factors.degree + room) // 2 + 1
    points = np.prod(nodes.astype(np.float64))
    if points > MOST_POINTS:
        raise ValueError(
            f"{len(nodes)} sources that spoke of the same facts of unknown truth need {points:.3g} points to be exact,"
            f" more than {MOST_POINTS}: let more truths be known, or give fewer such reports"
        )
    rules = [gauss_jacobi(*rule) for rule in zip(a.tolist(), b.tolist(), nodes.tolist(), strict=True)]
    rho = np.stack(np.meshgrid(*(x for x, _ in rules), indexing="ij"), axis=-1).reshape(-1, len(nodes))
    log_prior = np.sum(np.meshgrid(*(log_w for _, log_w in rules), indexing="ij"), axis=0).reshape(-1)
    log_rho, log_wrong = np.log(rho), np.log1p(-rho)
    log_joint = log_prior + _log_likelihood(factors, times, log_rho, log_wrong)
    log_evidence = float(logsumexp(log_joint))
    return Grid(log_rho, log_wrong, log_joint - log_evidence, log_evidence, room)


def _log_likelihood(factors: Factors, times: Integers, log_rho: Floats, log_wrong: Floats) -> Floats:
    """Returns [n]: sum over p of times_p log factors_p, in blocks of factors and points."""
    total = np.zeros(len(log_rho))
    for first in range(0, len(factors), 1024):
        block = factors.where(np.arange(first, min(first + 1024, len(factors))))
        step = max(1, _AT_ONCE // len(block.log_weight))
        for point in range(0, len(total), step):
            at = slice(point, point + step)
            total[at] += block.log_sums(log_rho[at], log_wrong[at]) @ times[first : first + 1024]
    return total
