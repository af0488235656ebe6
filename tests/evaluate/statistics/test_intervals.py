"""Which interval a mean gets, that the exact one covers what it says, and paired tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from worldgen.evaluate.statistics.block_bootstrap import Floats, Resampling
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import (
    DIFFERENCE_OF_SHARES,
    SHARE,
    Bounds,
    Difference,
    Estimate,
    exact_binomial,
    mean_intervals,
    paired_differences,
)

NAN = np.nan
PLAN = Resampling(samples=2000)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def estimate(values: Floats, bounds: Bounds | None = SHARE, plan: Resampling = PLAN) -> Estimate:
    """Returns the estimate of one metric [n, s]."""
    return mean_intervals(values[None], [bounds], plan, generator(0))[0]


def difference(first: Floats, second: Floats, bounds: Bounds | None = SHARE, plan: Resampling = PLAN) -> Difference:
    """Returns the paired difference of one metric [n, s]."""
    return paired_differences(first[None], second[None], [bounds], plan, generator(0))[0]


@given(st.integers(1, 300), st.data())
def test_the_exact_interval_is_that_of_scipy(n: int, data: st.DataObject) -> None:
    k, confidence = data.draw(st.integers(0, n)), data.draw(st.sampled_from([0.5, 0.9, 0.95, 0.999]))
    theirs = stats.binomtest(k, n).proportion_ci(confidence, method="exact")
    ours = exact_binomial(k, n, confidence)
    assert ours == pytest.approx((k / n, theirs.low, theirs.high), abs=1e-12)
    tail = (1 - confidence) / 2
    if 0 < k < n:
        assert ours.low == pytest.approx(stats.beta.ppf(tail, k, n - k + 1), abs=1e-12)
        assert ours.high == pytest.approx(stats.beta.ppf(1 - tail, k + 1, n - k), abs=1e-12)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 12])
def test_the_exact_interval_covers_every_share_by_enumeration(n: int, confidence: float) -> None:
    intervals = [exact_binomial(k, n, confidence) for k in range(n + 1)]
    ends = [end for interval in intervals for end in interval[1:]]
    for p in [*np.linspace(0, 1, 201), *ends, *np.nextafter(ends, 0), *np.nextafter(ends, 1)]:
        covered = sum(stats.binom.pmf(k, n, p) for k in range(n + 1) if intervals[k].low <= p <= intervals[k].high)
        assert covered >= confidence - 1e-9  # the ends themselves are rounded


def test_sixty_of_sixty_is_not_certain() -> None:
    """By hand: .025^(1/60) = exp(-3.6889 / 60) = .9404."""
    found = estimate(np.ones((60, 1)))
    assert found.method == "exact binomial"
    assert found.interval == pytest.approx((1, 0.9404, 1), abs=5e-5)
    assert estimate(np.zeros((60, 1))).interval == pytest.approx((0, 0, 1 - 0.9404), abs=5e-5)


def test_shares_of_one_seed_are_exact_binomial() -> None:
    values = np.array([1.0] * 55 + [0.0] * 5 + [NAN])[:, None]
    found = estimate(np.concatenate([values, np.full_like(values, NAN)], axis=1))  # a second seed, without values
    assert (found.method, found.interval) == ("exact binomial", exact_binomial(55, 60, 0.95))
    assert found.bootstrap_mean == pytest.approx(55 / 60, abs=0.005)
    assert found.interval != estimate(values, None).interval


@pytest.mark.parametrize(
    ("values", "bounds", "varies"),
    [
        (np.array([[1.0], [0.0], [0.5]]), SHARE, "both"),  # fractional
        (np.array([[1.0, 1.0], [0.0, 1.0]]), SHARE, "both"),  # two seeds
        (np.array([[1.0, 1.0], [0.0, 1.0]]), SHARE, "seed"),
        (np.array([[1.0], [0.0], [1.0]]), None, "both"),  # no shares
        (np.array([[1.0], [0.0], [1.0]]), DIFFERENCE_OF_SHARES, "both"),  # -1 was possible
        (np.ones((4, 2)), None, "both"),
    ],
)
def test_other_values_are_bootstrapped(values: Floats, bounds: Bounds | None, varies: str) -> None:
    plan = Resampling(500, varies=varies)  # type: ignore[arg-type]
    found = estimate(values, bounds, plan)
    assert found.method == "block bootstrap"
    assert found.interval == estimate(values, None, plan).interval


def test_equal_values_of_several_seeds_have_the_bound_of_their_points() -> None:
    found = estimate(np.ones((60, 5)))
    assert found.method == "exact binomial"
    assert found.interval == pytest.approx(tuple(exact_binomial(60, 60, 0.95)), abs=1e-15)
    by_seeds = estimate(np.ones((60, 5)), plan=Resampling(100, varies="seed"))
    assert by_seeds.interval == pytest.approx(tuple(exact_binomial(5, 5, 0.95)), abs=1e-15)


@given(st.integers(1, 400), st.floats(-1, 1), st.sampled_from([0.8, 0.95]))
def test_equal_values_leave_a_share_of_others_open(n: int, value: float, confidence: float) -> None:
    """n equal values are seen with probability (1 - u)^n: alpha / 2 at the bound, and less beyond it."""
    plan = Resampling(2, confidence)
    mean, low, high = estimate(np.full((n, 1), value), DIFFERENCE_OF_SHARES, plan).interval
    u = 1 - exact_binomial(n, n, confidence).low
    assert (1 - u) ** n == pytest.approx((1 - confidence) / 2, rel=1e-9)
    assert mean == pytest.approx(value, abs=1e-15)
    assert low == pytest.approx((1 - u) * value - u, abs=1e-12)
    assert high == pytest.approx((1 - u) * value + u, abs=1e-12)


def test_metrics_of_one_call_share_their_draws() -> None:
    """A metric and the same one + 1 have the same resamples, so the same interval + 1."""
    values = generator(1).random((50, 2))
    first, second = mean_intervals(np.stack([values, values + 1]), [None, None], PLAN, generator(2))
    assert second.interval == pytest.approx(np.add(first.interval, 1), abs=1e-9)


def test_a_paired_test_is_not_an_unpaired_one() -> None:
    """The points differ by far more than the conditions: only pairs show the difference of 0.05 on average."""
    first = generator(0).random((80, 3))
    second = first - 0.05 + 0.05 * generator(1).standard_normal(first.shape)
    paired = difference(first, second, None)
    apart = mean_intervals(np.stack([first, second]), [None, None], PLAN, generator(2))
    unpaired_half = np.hypot(*(each.interval.half_width for each in apart))
    assert paired.p_in_words == "<0.0005"
    assert paired.estimate.interval.low > 0
    assert paired.estimate.interval.half_width < 0.3 * unpaired_half
    # The same test with the second condition's points out of order pairs what does not belong together.
    crossed = difference(first, second[generator(3).permutation(80)], None)
    assert crossed.estimate.interval.mean == pytest.approx(paired.estimate.interval.mean)
    assert crossed.p > 0.05


@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 3))
def test_p_lies_above_0_and_is_at_most_1(seed: int, n: int, s: int) -> None:
    first, second = generator(seed).integers(0, 3, (2, n, s)) / 2
    found = difference(first, second, SHARE, Resampling(100))
    back = difference(second, first, SHARE, Resampling(100))
    assert 0 < found.p <= 1
    assert found.p == back.p  # two-sided
    assert np.negative(back.estimate.interval) == pytest.approx(np.array(found.estimate.interval)[[0, 2, 1]], abs=1e-12)


def test_p_by_hand() -> None:
    """Differences 0 and 1: d = 1/2, and d_b is 0, 1/2, 1 with probability 1/4, 1/2, 1/4; half are 1/2 away from d."""
    found = difference(np.array([[0.5], [1.0]]), np.array([[0.5], [0.0]]), None, Resampling(20_000))
    assert found.p == pytest.approx(0.5, abs=0.02)  # five standard errors of 20,000
    assert found.p_in_words == f"{found.p:.2g}"


def test_ties_are_not_broken_by_rounding() -> None:
    """Differences 0.2 and 0: d_b = 0 and d_b = 2 d are as extreme as d = 0.1, each with probability 1/4.

    In float64 they are not: d is 0.10000000000000003, and 0.2 is closer to it than 0.
    """
    first, second = np.array([[0.3], [0.5]]), np.array([[0.1], [0.5]])
    assert abs((0.3 - 0.1) - (first.mean() - second.mean())) < first.mean() - second.mean()
    found = difference(first, second, None, Resampling(20_000))
    assert found.p == pytest.approx(0.5, abs=0.02)


def test_equal_conditions_do_not_differ() -> None:
    values = generator(0).integers(0, 2, (60, 1)).astype(float)
    found = difference(values, values)
    assert (found.p, found.p_in_words) == (1, "1")
    assert found.estimate.method == "exact binomial"
    # None of 60 changed; at most u = 1 - .9404 would, in either direction.
    assert found.estimate.interval == pytest.approx((0, -0.0596, 0.0596), abs=5e-5)


def test_a_few_equal_differences_are_no_proof() -> None:
    """The sign test of n equal pairs: 2^(1 - n)."""
    assert difference(np.ones((1, 1)), np.zeros((1, 1))).p == 1
    assert difference(np.ones((4, 1)), np.zeros((4, 1))).p == 2**-3
    assert difference(np.ones((60, 1)), np.zeros((60, 1))).p_in_words == "<0.0005"
    shifted = difference(np.array([[0.7], [0.5], [0.3]]), np.array([[0.4], [0.2], [0.0]]))
    assert shifted.p == 0.25


def test_conditions_with_other_gaps_are_averaged_each_over_its_own_values() -> None:
    first = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, NAN]])
    second = np.array([[1.0, NAN], [0.0, 0.0], [0.0, 0.0]])
    found = difference(first, second)
    assert found.estimate.interval.mean == pytest.approx(3 / 5 - 1 / 5)
    assert found.estimate.method == "block bootstrap"


def test_conditions_of_other_points_are_refused() -> None:
    with pytest.raises(ValueError, match="the same points and seeds"):
        difference(np.ones((3, 1)), np.ones((4, 1)))


def test_an_interval_has_a_type_of_its_own() -> None:
    assert isinstance(estimate(np.ones((2, 1))).interval, Interval)
