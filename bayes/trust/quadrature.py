"""Integrals over reliabilities, exact for polynomials (A3).

    integral of f(rho) Beta(rho; a, b) drho = sum over i of w_i f(x_i)

A posterior is a polynomial times Betas, so its integrals are such sums. All is in logarithms: 100,000 reports neither
overflow nor underflow. There are two rules, both exact to rounding; the one with fewer nodes is taken.

**Gauss and Jacobi**: n nodes for every polynomial of degree 2 n - 1 or less. The weights are those of Christoffel, by
the three-term recurrence, which keeps small ones exact as well:

    1 / w_i = sum over j < n of p_j(x_i)^2,  p_j the orthonormal polynomials of Beta(a, b)

**Equal steps of z = log rho / (1 - rho)**, for one source with many reports. With N = a + b + the degree, a term is
F(z) = e^(z (a + C)) / (1 + e^z)^N. It is analytic where |Im z| < pi, and |1 + e^(x + iy)| >= (1 + e^x) cos(y / 2). So
the trapezoidal rule with the step h has the error (Trefethen and Weideman, 2014, theorem 5.1)

    |h sum of F - integral of F| <= 2 cos(y / 2)^-N / (e^(2 pi y / h) - 1) integral of F        for every y < pi

relative to each term, and all terms are positive. h is about 1.4 / sqrt(N), and the posterior about 1 / sqrt(N) wide:
a few hundred points, where Gauss and Jacobi take N / 2. A term but for e^(za) / (1 + e^z)^N rises with z, so the
integral below a point z is at most F(z) (1 + e^z)^N / a; above it, it is the same with b.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal
from scipy.special import betaln, logsumexp

from worldgen.bayes.sparse import Floats, Integers
from worldgen.bayes.trust.factors import Factors

MOST_POINTS = 2**21
"""The greatest number of points of a grid."""
AT_ONCE = 2**22
"""How many numbers are held at once: 32 MB."""
_STEP_ERROR = 40.0  # the rule's error is e^-40 of the integral: a hundredth of float64's rounding
_TAILS = 60.0  # what the points leave out is e^-60 of the integral: a question may ask more of the tails
_SMALLEST = -700.0  # e^-700 is about the least weight that float64 holds


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

    def heavy(self) -> Grid:
        """Returns the points whose weights float64 can hold."""
        held = self.log_weight > _SMALLEST
        return replace(
            self, log_rho=self.log_rho[held], log_wrong=self.log_wrong[held], log_weight=self.log_weight[held]
        )


def posterior_grid(a: Floats, b: Floats, factors: Factors, times: Integers, room: Integers) -> Grid:
    """Returns the posterior of k sources under the priors Beta(a, b) and the likelihood prod_p factors_p^times_p.

    Shapes: a, b, room [k]; times [P]. Raises ValueError for more than MOST_POINTS points.
    """
    steps = equal_steps(float(a[0]), float(b[0]), factors, times, room) if len(a) == 1 else None
    return gauss_jacobi_grid(a, b, factors, times, room) if steps is None else steps


def gauss_jacobi_grid(a: Floats, b: Floats, factors: Factors, times: Integers, room: Integers) -> Grid:
    """Returns the posterior at the nodes of Gauss and Jacobi. Arguments and errors as in `posterior_grid`.

    A source with a likelihood of degree D gets (D + room) // 2 + 1 nodes, enough for a polynomial of degree `room`.
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
    return _grid(np.log(rho), np.log1p(-rho), log_prior, (factors, times), room)


def equal_steps(a: float, b: float, factors: Factors, times: Integers, room: Integers) -> Grid | None:
    """Returns the posterior of one source at equal steps of z; None where Gauss and Jacobi take no more nodes.

    Arguments as in `posterior_grid`; room [1].
    """
    degree = int((times @ factors.degree + room)[0])
    N, most = a + b + degree, degree // 2 + 1
    y = min(np.sqrt(8 * _STEP_ERROR / N), 2.0)  # nearly the best y; the bound holds for each
    h = 2 * np.pi * y / (_STEP_ERROR + np.log(2) - N * np.log(np.cos(y / 2)))
    end = int(np.log(N) / h) + 1  # |z| >= log N there: (1 + e^-|z|)^N <= e
    if 2 * end + 1 >= most:
        return None

    def grid(first: int, last: int) -> Grid:
        z = h * np.arange(first, last + 1)[:, np.newaxis]
        log_rho, log_wrong = -np.logaddexp(0, -z), -np.logaddexp(0, z)
        log_prior = (a * log_rho + b * log_wrong)[:, 0] + np.log(h) - betaln(a, b)
        return _grid(log_rho, log_wrong, log_prior, (factors, times), room)

    # How many steps it is until the bound of a tail, e F / a over the whole, has fallen to e^-60.
    ends = zip(grid(-end, end).log_weight[[0, -1]] - np.log(h), (a, b), strict=True)
    further = [max(0, int((log_F + 1 - np.log(shape) + _TAILS) / (h * shape)) + 1) for log_F, shape in ends]
    return grid(-end - further[0], end + further[1]).heavy() if 2 * end + 1 + sum(further) < most else None


def _grid(
    log_rho: Floats, log_wrong: Floats, log_prior: Floats, likelihood: tuple[Factors, Integers], room: Integers
) -> Grid:
    """Returns the posterior at n points with these prior weights [n]."""
    log_joint = log_prior + _log_likelihood(*likelihood, log_rho, log_wrong)
    log_evidence = float(logsumexp(log_joint))
    return Grid(log_rho, log_wrong, log_joint - log_evidence, log_evidence, room)


def _log_likelihood(factors: Factors, times: Integers, log_rho: Floats, log_wrong: Floats) -> Floats:
    """Returns [n]: sum over p of times_p log factors_p, in blocks of factors and points."""
    total = np.zeros(len(log_rho))
    for first in range(0, len(factors), 1024):
        block = factors.where(np.arange(first, min(first + 1024, len(factors))))
        step = max(1, AT_ONCE // len(block.log_weight))
        for point in range(0, len(total), step):
            at = slice(point, point + step)
            total[at] += block.log_sums(log_rho[at], log_wrong[at]) @ times[first : first + 1024]
    return total
