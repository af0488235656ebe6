"""Trust against rational trust: known answers, symmetries, and scipy beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit
from scipy.stats import linregress, spearmanr

from worldgen.evaluate.sources.calibration import CALIBRATION_METRICS, calibration, rank_correlation, trust_ratio
from worldgen.evaluate.statistics.block_bootstrap import Resampling

PLAN = Resampling(samples=200, varies="sample")


def draw() -> np.random.Generator:
    return np.random.default_rng(5)


def beliefs(K: int = 4, F: int = 12) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, (K, F, 1), elements=st.floats(0.01, 0.99))


def are_apart(means: np.ndarray) -> bool:
    """Whether no two means are so near that rounding could order them."""
    return bool(np.diff(np.sort(means)).min() > 1e-6)


def summary(trust: np.ndarray, rational: np.ndarray) -> dict[str, float]:
    return {name: found.mean for name, found in calibration(trust, rational, PLAN, draw()).summary.items()}


@given(beliefs())
def test_a_rational_mind_is_on_the_diagonal(rational):
    assume(np.ptp(logit(rational.mean(axis=(1, 2)))) > 1e-3)
    found = summary(rational, rational)
    assert set(found) == {metric.name for metric in CALIBRATION_METRICS}
    assert found == pytest.approx({"error": 0, "slope": 1, "intercept": 0, "ratio": 1, "rank": 1}, abs=1e-9)


@given(beliefs(), beliefs())
def test_the_line_and_the_ranks_are_those_of_scipy(trust, rational):
    tau, p = trust.mean(axis=(1, 2)), rational.mean(axis=(1, 2))
    assume(are_apart(tau))
    assume(are_apart(p))
    found, line = summary(trust, rational), linregress(logit(p), logit(tau))
    assert found["slope"] == pytest.approx(line.slope, abs=1e-8)
    assert found["intercept"] == pytest.approx(line.intercept, abs=1e-8)
    assert found["rank"] == pytest.approx(spearmanr(tau, p).statistic)
    assert found["error"] == pytest.approx(np.abs(trust - rational).mean())


def test_an_exaggerating_mind_has_the_line_that_made_it():
    p = np.array([0.1, 0.4, 0.6, 0.95])
    tau = expit(0.5 + 2 * logit(p))
    found = calibration(*(np.repeat(x, 10).reshape(4, 10, 1) for x in (tau, p)), PLAN, draw())
    assert found.summary["slope"] == pytest.approx((2, 2, 2))
    assert found.summary["intercept"] == pytest.approx((0.5, 0.5, 0.5))
    assert [source.mean for source in found.trust] == pytest.approx(tau)


def test_believing_everybody_alike():
    rational = np.linspace(0.1, 0.9, 3).reshape(3, 1, 1) * np.ones((3, 6, 1))
    found = summary(np.full((3, 6, 1), 0.8), rational)
    assert found["slope"] == pytest.approx(0, abs=1e-12)
    assert found["ratio"] == pytest.approx(0, abs=1e-12)
    assert np.isnan(found["rank"])  # one rank for all: no correlation
    assert found["error"] == pytest.approx(np.mean([0.7, 0.3, 0.1]))


def test_a_certain_mind_has_no_slope_but_all_else():
    rational = np.array([0.2, 0.9]).reshape(2, 1, 1) * np.ones((2, 5, 1))
    found = summary(np.ones((2, 5, 1)), rational)
    assert np.isnan(found["slope"])
    assert np.isnan(found["intercept"])
    assert found["error"] == pytest.approx(0.45)


@given(beliefs(), beliefs(), st.permutations(range(4)))
def test_the_order_of_the_sources_does_not_matter(trust, rational, order):
    assume(are_apart(trust.mean(axis=(1, 2))))
    assume(are_apart(rational.mean(axis=(1, 2))))
    one, other = summary(trust, rational), summary(trust[order], rational[order])
    assert one == pytest.approx(other, nan_ok=True, abs=1e-8)


def test_the_ratio_and_the_ranks_of_many_at_once():
    generator = np.random.default_rng(1)
    tau, p = generator.random((2, 50, 5))
    assert rank_correlation(tau, p) == pytest.approx([spearmanr(a, b).statistic for a, b in zip(tau, p, strict=True)])
    by_hand = [(a[b.argmax()] - a[b.argmin()]) / (b.max() - b.min()) for a, b in zip(tau, p, strict=True)]
    assert trust_ratio(tau, p) == pytest.approx(by_hand)


def test_equally_good_sources_count_together():
    tau, p = np.array([0.9, 0.1, 0.5, 0.2]), np.array([0.8, 0.4, 0.8, 0.4])
    assert trust_ratio(tau, p) == pytest.approx((0.7 - 0.15) / 0.4)
    assert trust_ratio(tau[::-1], p[::-1]) == pytest.approx((0.7 - 0.15) / 0.4)


def test_the_interval_of_a_slope_resamples_facts():
    """By hand: the same resamples of facts, and scipy's line in each."""
    generator = np.random.default_rng(2)
    trust, rational = generator.uniform(0.05, 0.95, (2, 3, 20, 1))
    found = calibration(trust, rational, Resampling(samples=4000, varies="sample"), draw())
    slopes = []
    for _ in range(4000):
        facts = generator.integers(0, 20, 20)
        slopes.append(linregress(*(logit(x[:, facts].mean(axis=(1, 2))) for x in (rational, trust))).slope)
    low, high = np.quantile(slopes, [0.025, 0.975])
    width = high - low
    assert found.summary["slope"].low == pytest.approx(low, abs=0.1 * width)
    assert found.summary["slope"].high == pytest.approx(high, abs=0.1 * width)


@pytest.mark.parametrize(
    ("trust", "rational", "word"),
    [
        (np.ones((1, 3, 1)), np.ones((1, 3, 1)), "two sources"),
        (np.ones((2, 3, 1)), np.ones((2, 4, 1)), "two sources"),
        (np.full((2, 3, 1), 1.5), np.ones((2, 3, 1)), "probability"),
    ],
)
def test_what_cannot_be_compared(trust, rational, word):
    with pytest.raises(ValueError, match=word):
        calibration(trust, rational, PLAN, draw())
