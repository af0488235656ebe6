"""Nodes and weights of Gauss and Jacobi, polynomials of agreement counts, and both at sizes that overflow naively."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, roots_sh_legendre

from worldgen.arrays import row_starts
from worldgen.bayes.trust.agreement import log_agreement_polynomial, log_posterior, marginal_mixture
from worldgen.bayes.trust.factors import Factors
from worldgen.bayes.trust.patterns import patterns_of
from worldgen.bayes.trust.quadrature import equal_steps, gauss_jacobi, gauss_jacobi_grid, posterior_grid

SHAPES = st.sampled_from([0.01, 0.5, 1.0, 2.0, 7.5, 300.0, 1e5])


def factors(*groups: list[tuple[float, list[int], list[int]]]) -> Factors:
    """Factors from terms (weight, agree, disagree)."""
    terms = [term for group in groups for term in group]
    weight, agree, disagree = zip(*terms, strict=True)
    lengths = np.array([len(group) for group in groups])
    return Factors(row_starts(lengths), np.log(weight), np.array(agree), np.array(disagree))


@given(SHAPES, SHAPES, st.integers(1, 40), st.data())
def test_the_rule_is_exact_up_to_its_degree(a: float, b: float, n: int, data: st.DataObject) -> None:
    """rho^C (1 - rho)^D with C + D <= 2 n - 1 has the integral B(a + C, b + D) / B(a, b)."""
    degree = data.draw(st.integers(0, 2 * n - 1))
    C = data.draw(st.integers(0, degree))
    x, log_w = gauss_jacobi(a, b, n)
    found = np.logaddexp.reduce(log_w + C * np.log(x) + (degree - C) * np.log1p(-x))
    # betaln itself is a difference of numbers of the size of a log a: at 1e5 its last digit is 1e-10.
    assert found == pytest.approx(betaln(a + C, b + degree - C) - betaln(a, b), abs=1e-11 + 1e-15 * (a + b) * 12)


def test_the_rule_of_the_uniform_prior_is_legendres() -> None:
    x, log_w = gauss_jacobi(1, 1, 60)
    expected, weight = roots_sh_legendre(60)
    np.testing.assert_allclose(x, expected, atol=1e-14)
    np.testing.assert_allclose(np.exp(log_w), weight, rtol=1e-11)


def test_one_node_less_is_not_exact() -> None:
    """N + 1 = 6 coefficients need ceil(6 / 2) = 3 nodes."""
    exact = betaln(6, 1) - betaln(1, 1)
    integrals = [np.logaddexp.reduce(log_w + 5 * np.log(x)) for x, log_w in (gauss_jacobi(1, 1, n) for n in (2, 3))]
    assert abs(integrals[0] - exact) > 1e-3
    assert integrals[1] == pytest.approx(exact, abs=1e-13)


@given(st.integers(1, 60), st.floats(0.01, 0.99), SHAPES.filter(lambda a: a < 1000), SHAPES.filter(lambda b: b < 1000))
def test_quadrature_and_agreement_counts_agree(times: int, share: float, a: float, b: float) -> None:
    """The same factor many times, and another one: squarings, single terms, and one posterior by two ways."""
    two = factors([(share, [1], [0]), (1 - share, [0], [1])], [(0.2, [2], [0]), (0.1, [1], [1]), (0.7, [0], [2])])
    counts, shapes = np.array([times, 2]), (np.array([a]), np.array([b]))
    grid = posterior_grid(*shapes, two, counts, np.array([1]))
    log_weight = log_posterior(log_agreement_polynomial(two, counts), *shapes)
    assert grid.log_evidence == pytest.approx(np.logaddexp.reduce(log_weight), abs=1e-11)
    assert grid.mean()[0] == pytest.approx(marginal_mixture(log_weight, *shapes, 0).mean(), abs=1e-12)


@st.composite
def many_reports(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Factors, np.ndarray]:
    """Draws a Beta, and hundreds or thousands of reports of a few kinds: posteriors at the ends, in the middle, of two
    hills."""
    shares = st.floats(0.001, 0.999)
    one, two, three = draw(shares), draw(shares), draw(shares)
    kinds = factors(
        [(one, [1], [0]), (1 - one, [0], [1])],
        [(two, [2], [0]), (0.3, [1], [1]), (1 - two, [0], [2])],
        [(three, [3], [0]), (1 - three, [0], [3])],
    )
    times = np.array([draw(st.integers(0, most)) for most in (3000, 600, 300)])
    a, b = (np.array([draw(st.sampled_from([0.1, 0.5, 1.0, 1.9, 7.5, 300.0]))]) for _ in "ab")
    return a, b, kinds, times


@settings(max_examples=60)
@given(many_reports())
def test_equal_steps_are_gauss_and_jacobi(drawn: tuple[np.ndarray, np.ndarray, Factors, np.ndarray]) -> None:
    """The posterior mean, the evidence, and the expectation of each polynomial of the degree that there is room for."""
    a, b, kinds, times = drawn
    room = np.array([8])
    steps = equal_steps(float(a[0]), float(b[0]), kinds, times, room)
    if steps is None:
        return
    nodes = gauss_jacobi_grid(a, b, kinds, times, room)
    assert len(steps.log_weight) < len(nodes.log_weight)
    assert steps.mean()[0] == pytest.approx(nodes.mean()[0], abs=1e-12)
    assert steps.log_evidence == pytest.approx(nodes.log_evidence, rel=1e-13, abs=1e-10)
    for C in range(9):
        asked = [
            np.logaddexp.reduce(grid.log_weight + C * grid.log_rho[:, 0] + (8 - C) * grid.log_wrong[:, 0])
            for grid in (steps, nodes)
        ]
        assert asked[0] == pytest.approx(asked[1], abs=1e-10)
        assert np.exp(asked[0]) == pytest.approx(np.exp(asked[1]), abs=1e-12)


def test_when_equal_steps_are_taken() -> None:
    """Many reports of one source: fewer points. Few reports, much calibration, or a Beta without an end: nodes."""
    mixed, room = factors([(0.3, [1], [0]), (0.7, [0], [1])], [(0.7, [1], [0]), (0.3, [0], [1])]), np.array([8])

    def points(a: float, b: float, reports: int) -> int | None:
        grid = equal_steps(a, b, mixed, np.array([reports // 2, reports // 2]), room)
        return None if grid is None else len(grid.log_weight)

    assert points(1, 1, 20_000) < 1000
    assert points(1, 1, 200) is None
    assert points(90_000, 10_000, 2_000) is None
    # Nobody is ever right, and a is small: the posterior is spread over thousands of digits of rho.
    never = factors([(1e-9, [1], [0]), (1.0, [0], [1])])
    assert equal_steps(0.001, 2, never, np.array([20_000]), room) is None
    flat = np.array([1.0])
    assert len(posterior_grid(flat, flat, mixed, np.array([10_000, 10_000]), room).log_weight) < 1000


def test_many_reports_against_a_strong_calibration() -> None:
    """Calibrated at .9 by 100,000 reports; 2,000 reports of facts of unknown truth speak for .1.

    Linear factors of one kind have a closed form: w1^C w0^(N - C) times binomial coefficients times Betas.
    """
    a, b, N, w1, w0 = 90_001.0, 10_001.0, 2_000, 0.1, 0.9
    C = np.arange(N + 1)
    binomial = np.array([math.lgamma(N + 1) - math.lgamma(c + 1) - math.lgamma(N - c + 1) for c in C])
    log_w = binomial + C * math.log(w1) + (N - C) * math.log(w0) + betaln(a + C, b + N - C) - betaln(a, b)
    mean = np.exp(log_w - np.logaddexp.reduce(log_w)) @ ((a + C) / (a + b + N))
    one, times = factors([(w1, [1], [0]), (w0, [0], [1])]), np.array([N])
    grid = posterior_grid(np.array([a]), np.array([b]), one, times, np.array([8]))
    log_weight = log_posterior(log_agreement_polynomial(one, times), np.array([a]), np.array([b]))
    # Log-gammas of 1e5 are known to 1e-10, and so are the sums of them above.
    assert grid.mean()[0] == pytest.approx(mean, abs=1e-11)
    assert marginal_mixture(log_weight, np.array([a]), np.array([b]), 0).mean() == pytest.approx(mean, abs=1e-11)
    assert np.isfinite(grid.log_evidence)


def test_constant_factors_are_no_patterns() -> None:
    """A known truth is conjugate, rho + (1 - rho) is 1, and equal factors are one pattern."""
    neutral = [(1 / 3, [1, 0], [0, 0]), (1 / 3, [0, 0], [1, 0])]
    known = [(0.2, [3, 1], [0, 2])]
    linear = [(0.1, [1, 0], [1, 0]), (0.3, [0, 0], [2, 0])]
    patterns = patterns_of(factors(neutral, known, linear, linear[::-1], neutral))
    assert patterns.times.tolist() == [2]
    assert patterns.agree.tolist() == [3, 1]
    assert patterns.disagree.tolist() == [2, 2]
    assert patterns.degree.tolist() == [2, 0]
    assert patterns.log_constant == pytest.approx(2 * math.log(1 / 3) + math.log(0.2) + 2 * math.log(0.3))


def test_too_many_ties_are_refused() -> None:
    """Six sources that spoke of 200 facts of unknown truth together: 101^6 points, 201^6 counts."""
    tied = factors([(0.5, [1] * 6, [0] * 6), (0.5, [0] * 6, [1] * 6)])
    times, ones = np.array([200]), np.ones(6)
    with pytest.raises(ValueError, match=r"1\.06e\+12 points to be exact"):
        posterior_grid(ones, ones, tied, times, np.zeros(6, np.int64))
    with pytest.raises(ValueError, match="agreement counts"):
        log_agreement_polynomial(tied, times)
