"""The exact posterior of the reliabilities as a mixture of Betas, by the polynomial of agreement counts (A2).

In a factor every term has the same number of reports of a source. So what the reports say depends on the terms only
through C_k, how many reports of source k agree with them, and

    G(t) = prod_g sum over the terms of w t_1^agree_1 ... t_K^agree_K
    weight(C) = [t^C] G  prod_k B(a_k + C_k, b_k + D_k - C_k) / B(a_k, b_k)

is a finite sum over all C. All coefficients are positive: their logarithms add up without cancellation.
Shapes: k sources, each with D_k reports that are not conjugate; coefficients [D_1+1, ..., D_k+1].
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, logsumexp

from worldgen.bayes.sparse import Floats, Integers
from worldgen.bayes.trust.factors import Factors
from worldgen.bayes.trust.reliability import BetaMixture

MOST_STATES = 2**21
"""The greatest number of agreement counts."""


def log_agreement_polynomial(factors: Factors, times: Integers) -> Floats:
    """Returns log [t^C] G for the product of factors_p^times_p. Shapes: times [P].

    Raises ValueError for more than MOST_STATES coefficients.
    """
    states = np.prod((times @ factors.degree + 1).astype(np.float64))
    if states > MOST_STATES:
        raise ValueError(
            f"{states:.3g} agreement counts of sources that spoke of the same facts are too many to enumerate (at most"
            f" {MOST_STATES}): the mean of a reliability is exact without them, its interval is not to be had"
        )
    product = np.zeros((1,) * factors.agree.shape[1])
    for p, power in enumerate(times.tolist()):
        product = _multiplied(product, _power(_coefficients(factors.where(np.array([p]))), power))
    return product


def log_posterior(log_g: Floats, a: Floats, b: Floats) -> Floats:
    """Returns log weight(C), whose sum is the evidence. Shapes: log_g [D_1+1, ..., D_k+1]; a, b [k]."""
    for axis, D in enumerate(size - 1 for size in log_g.shape):
        C = np.arange(D + 1)
        of_source = betaln(a[axis] + C, b[axis] + D - C) - betaln(a[axis], b[axis])
        log_g = log_g + of_source.reshape([-1 if i == axis else 1 for i in range(log_g.ndim)])
    return log_g


def marginal_mixture(log_weight: Floats, a: Floats, b: Floats, axis: int) -> BetaMixture:
    """Returns the posterior of one source, number `axis`, from `log_posterior`."""
    others = tuple(i for i in range(log_weight.ndim) if i != axis)
    log_w = logsumexp(log_weight, axis=others) if others else log_weight
    C = np.arange(len(log_w))
    return BetaMixture(np.exp(log_w - logsumexp(log_w)), a[axis] + C, b[axis] + len(log_w) - 1 - C)


def _coefficients(factor: Factors) -> Floats:
    """Returns log of the coefficients of one factor."""
    reports = factor.agree + factor.disagree
    assert (reports == reports[0]).all(), "each term of a factor has every report"
    log_g = np.full(reports[0] + 1, -np.inf)
    np.logaddexp.at(log_g, tuple(factor.agree.T), factor.log_weight)
    return log_g


def _power(log_g: Floats, power: int) -> Floats:
    """Returns the polynomial to a whole power >= 1, by repeated squaring."""
    if power == 1:
        return log_g
    half = _power(log_g, power // 2)
    square = _multiplied(half, half)
    return _multiplied(square, log_g) if power % 2 else square


def _multiplied(one: Floats, other: Floats) -> Floats:
    """Returns the product of two polynomials, coefficient by coefficient of the smaller."""
    small, large = sorted((one, other), key=lambda log_g: log_g.size)
    product = np.full(np.add(small.shape, large.shape) - 1, -np.inf)
    for place in np.argwhere(small > -np.inf):
        target = product[tuple(slice(i, i + n) for i, n in zip(place, large.shape, strict=True))]
        np.logaddexp(target, small[tuple(place)] + large, out=target)
    return product
