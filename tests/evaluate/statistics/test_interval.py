"""How a table shows an interval: a half width only where that tells the truth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.evaluate.statistics.interval import Interval, spread


@pytest.mark.parametrize(
    ("interval", "sign", "shown"),
    [
        (Interval(0.5, 0.4, 0.6), "", "±.10"),
        (Interval(0.5, 0.4, 0.6), "+", "±.10"),
        (Interval(1.0, 0.94, 1.0), "", " [.94, 1.00]"),
        (Interval(0.0, 0.0, 0.06), "", " [.00, .06]"),
        (Interval(0.95, 0.9, 1.0), "", " [.90, 1.00]"),  # symmetric, but .05 beyond 1 would be told by no ±
        (Interval(0.92, 0.82, 0.97), "", " [.82, .97]"),
        (Interval(0.30, 0.20, 0.43), "", "±.11"),  # one arm is longer by 30%
        (Interval(0.30, 0.20, 0.44), "", " [.20, .44]"),  # by 40%
        (Interval(0.010, 0.006, 0.018), "", "±.01"),  # by twice, but two decimals do not show it
        (Interval(0.0, -0.06, 0.06), "+", "±.06"),
        (Interval(-0.9, -0.97, -0.7), "+", " [-.97, -.70]"),
        (Interval(0.3, -0.0, 0.8), "+", " [+.00, +.80]"),
        (Interval(12.0, 7.0, 30.5), "", " [7.00, 30.50]"),
    ],
)
def test_what_stands_behind_the_mean(interval: Interval, sign: str, shown: str) -> None:
    assert spread(interval, sign) == shown


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_half_width_is_shown_only_where_it_tells_both_ends(a: float, b: float, c: float) -> None:
    """To a sixth of the shorter arm, or to half of what two decimals show."""
    low, mean, high = sorted((a, b, c))
    interval = Interval(mean, low, high)
    if spread(interval).startswith("±"):
        shorter = min(mean - low, high - mean)
        assert mean - interval.half_width == pytest.approx(low, abs=max(shorter / 6, 0.005) + 1e-12)
        assert mean + interval.half_width == pytest.approx(high, abs=max(shorter / 6, 0.005) + 1e-12)
        assert low > 0
        assert high < 1
