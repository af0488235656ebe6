"""The block bootstrap: by weights and by indexing to the last bit, against all resamples enumerated, and by hand."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from worldgen.evaluate.statistics import block_bootstrap as module
from worldgen.evaluate.statistics.block_bootstrap import (
    Drawn,
    Floats,
    ResampledMeans,
    Resampling,
    Varies,
    block_bootstrap,
    draws,
    means_of,
    on_grid,
    sample_mean,
)

NAN = np.nan
EMPTY = -1.0  # stands for the mean of a resample without values
NUMBERS = st.floats(-1e6, 1e6)


@st.composite
def blocks(draw: st.DrawFn, metrics: int = 2, holes: bool = True) -> Floats:
    """Draws values [metrics, n, s], some of them missing; every point and every seed has a value."""
    n, s = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    size = metrics * n * s
    values = np.array(draw(st.lists(NUMBERS, min_size=size, max_size=size))).reshape(metrics, n, s)
    if holes:
        missing = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))).reshape(values.shape)
        missing[:, np.arange(n), np.arange(n) % s] = False
        missing[:, np.arange(s) % n, np.arange(s)] = False
        values[missing] = NAN
    return values


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def by_indexing(values: Floats, drawn: Drawn) -> Floats:
    """Returns the same means as `means_of`, from sub-matrices that are really made."""
    means = np.full((len(drawn.points), len(values)), NAN)
    for b, (points, seeds) in enumerate(zip(*drawn, strict=True)):
        for m, metric in enumerate(values):
            resample = metric[points][:, seeds]
            if not np.isnan(resample).all():
                means[b, m] = np.nanmean(resample)
    return means


@given(blocks(), st.integers(0, 2**32), st.sampled_from(["sample", "seed", "both"]))
def test_weights_are_index_resampling_to_the_last_bit(values: Floats, seed: int, varies: Varies) -> None:
    _, n, s = values.shape
    rounded, _ = on_grid(values)
    for drawn in draws(n, s, Resampling(20, varies=varies), generator(seed)):
        assert np.array_equal(means_of(rounded, drawn), by_indexing(rounded, drawn), equal_nan=True)


def test_the_whole_bootstrap_is_index_resampling_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """5 seeds, a third of the values missing, one point without any; the draws come in many pieces."""
    values = generator(0).random((3, 200, 5))
    values[generator(1).random(values.shape) < 1 / 3] = NAN
    values[:, 17] = NAN
    plan = Resampling(samples=300)
    at_once = block_bootstrap(values, plan, generator(2)).resampled
    monkeypatch.setattr(module, "_DRAWS_AT_ONCE", 1000)
    in_pieces = block_bootstrap(values, plan, generator(2)).resampled
    rounded, _ = on_grid(np.delete(values, 17, axis=1))
    indexed = np.concatenate([by_indexing(rounded, drawn) for drawn in draws(199, 5, plan, generator(2))])
    assert np.array_equal(at_once, in_pieces)
    assert np.array_equal(at_once, indexed)


@given(blocks())
@example(np.array([[[0.0]], [[5e-324]]]))
def test_the_grid_moves_no_value_by_more_than_rounding_of_the_largest(values: Floats) -> None:
    """A value moves by half a step at most. That is at most the largest value times n s 2^-52, here 2^-47 of it.

    The step is never smaller than 2^-1022, so that it has a reciprocal; where all values are 0, none moves.
    """
    rounded, steps = on_grid(values)
    largest = np.nanmax(np.abs(values), axis=(1, 2))
    assert np.array_equal(np.isnan(rounded), np.isnan(values))
    assert np.all(np.nanmax(np.abs(rounded - values), axis=(1, 2)) <= np.where(largest > 0, steps / 2, 0.0))
    assert np.all((steps / 2 <= 2.0**-47 * largest) | (steps == 2.0**-1022) | (largest == 0))
    assert np.array_equal(on_grid(rounded)[0], rounded, equal_nan=True)
    assert np.all(np.frexp(steps)[0] == 0.5)  # powers of two


def test_shares_lie_on_the_grid() -> None:
    shares = generator(0).integers(0, 2, (2, 5000, 5)).astype(float)
    assert np.array_equal(on_grid(shares)[0], shares)


@given(blocks(), st.data())
def test_permuted_points_and_seeds_give_the_same_means(values: Floats, data: st.DataObject) -> None:
    _, n, s = values.shape
    rows = np.array(data.draw(st.permutations(range(n))), dtype=np.int64)
    columns = np.array(data.draw(st.permutations(range(s))), dtype=np.int64)
    rounded, _ = on_grid(values)
    for drawn in draws(n, s, Resampling(10), generator(data.draw(st.integers(0, 99)))):
        permuted = means_of(rounded[:, rows][:, :, columns], drawn)
        there = Drawn(rows[drawn.points], columns[drawn.seeds])
        assert np.array_equal(permuted, means_of(rounded, there), equal_nan=True)
    for metric in values:
        assert sample_mean(metric[rows][:, columns]) == sample_mean(metric)


@given(blocks(), st.integers(0, 2**32), NUMBERS)
def test_a_constant_shifts_every_interval_by_itself(values: Floats, seed: int, shift: float) -> None:
    plan = Resampling(50)
    plain, shifted = (block_bootstrap(each, plan, generator(seed)) for each in (values, values + shift))
    for m in range(2):
        # Sums of values up to 2e6, on grids of about 2e6 2^-48.
        assert shifted.interval(m, 0.9) == pytest.approx(np.add(plain.interval(m, 0.9), shift), abs=1e-6)


@given(blocks(), st.integers(0, 2**32), st.integers(-20, 20))
def test_a_power_of_two_scales_every_interval_exactly(values: Floats, seed: int, exponent: int) -> None:
    values = np.where(np.abs(values) < 1e-200, 0, values)  # subnormal numbers do not scale exactly
    plan, factor = Resampling(50), 2.0**exponent
    plain, scaled = (block_bootstrap(each, plan, generator(seed)) for each in (values, factor * values))
    for m in range(2):
        assert scaled.interval(m, 0.9) == tuple(factor * end for end in plain.interval(m, 0.9))
    negative = block_bootstrap(-values, plan, generator(seed)).interval(0, 0.9)
    mean, low, high = plain.interval(0, 0.9)
    # The quantiles interpolate from the other side.
    assert negative == pytest.approx((-mean, -high, -low), rel=1e-12, abs=1e-9)


def every_mean(values: Floats, varies: Varies) -> dict[float, Fraction]:
    """Returns the exact bootstrap distribution of one metric [n, s]: all resamples, equally probable."""
    n, s = values.shape
    rows = [tuple(range(n))] if varies == "seed" else list(itertools.product(range(n), repeat=n))
    columns = [tuple(range(s))] if varies == "sample" else list(itertools.product(range(s), repeat=s))
    counted: Counter[float] = Counter()
    for points, seeds in itertools.product(rows, columns):
        resample = values[list(points)][:, list(seeds)]
        counted[float(np.nanmean(resample)) if not np.isnan(resample).all() else EMPTY] += 1
    return {mean: Fraction(count, len(rows) * len(columns)) for mean, count in counted.items()}


@pytest.mark.parametrize("varies", ["sample", "seed", "both"])
def test_resamples_are_distributed_as_all_resamples_enumerated(varies: Varies) -> None:
    values = np.array([[1.0, 0.0], [1.0, NAN], [0.0, 4.0]])
    B = 20_000
    means = block_bootstrap(values[None], Resampling(B, varies=varies), generator(5)).resampled[:, 0]
    means = np.where(np.isnan(means), EMPTY, means)
    exact = every_mean(values, varies)
    assert set(means.tolist()) <= set(exact)
    assert (EMPTY in exact) == (varies == "both")
    for mean, probability in exact.items():
        p = float(probability)
        # Five standard errors of a share of B.
        assert np.mean(means == mean) == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / B))


def test_known_intervals_by_hand() -> None:
    """Two points, 0 and 1: the means 0, 1/2, 1 come with probability 1/4, 1/2, 1/4."""
    found = block_bootstrap(np.array([[[0.0], [1.0]]]), Resampling(20_000), generator(0))
    assert found.interval(0, 0.95) == (0.5, 0.0, 1.0)
    assert found.interval(0, 0.55) == (0.5, 0.0, 1.0)
    assert found.interval(0, 0.45) == (0.5, 0.5, 0.5)
    assert found.warning(0) == ""


def test_what_varies_decides_the_interval() -> None:
    """Points differ by 1, seeds by 10: points move the mean from 10 to 11 at most, seeds from 5.5 to 15.5."""
    values = np.array([[[5.0, 15.0], [6.0, 16.0]]])
    intervals = {
        varies: block_bootstrap(values, Resampling(5000, varies=varies), generator(1)).interval(0, 0.95)
        for varies in ("sample", "seed", "both")
    }
    assert intervals == {"sample": (10.5, 10.0, 11.0), "seed": (10.5, 5.5, 15.5), "both": (10.5, 5.0, 16.0)}


def test_agrees_with_scipy() -> None:
    values = generator(0).exponential(size=(2, 60, 1))
    ours = block_bootstrap(values, Resampling(20_000), generator(1))
    for m, metric in enumerate(values):
        theirs = stats.bootstrap((metric[:, 0],), np.mean, n_resamples=20_000, method="percentile", rng=generator(2))
        # The quantiles of 20,000 resamples have a standard error near 2% of the interval's half width.
        tolerance = 0.1 * (theirs.confidence_interval.high - theirs.confidence_interval.low)
        interval = ours.interval(m, 0.95)
        assert interval.mean == pytest.approx(metric.mean(), rel=1e-14)
        assert interval[1:] == pytest.approx(tuple(theirs.confidence_interval), abs=tolerance)


def test_agrees_with_the_normal_law() -> None:
    values = generator(7).normal(size=(1, 3000, 1))
    interval = block_bootstrap(values, Resampling(3000), generator(8)).interval(0, 0.95)
    # Both the normal law and 3,000 resamples are good to some percent of the half width.
    assert interval.half_width == pytest.approx(1.96 * values.std() / np.sqrt(3000), rel=0.1)


def test_a_wider_confidence_is_a_wider_interval() -> None:
    found = block_bootstrap(generator(5).normal(size=(1, 40, 1)), Resampling(4000), generator(6))
    narrow, wide = (found.interval(0, confidence) for confidence in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_the_metrics_of_a_point_are_resampled_together() -> None:
    """Every point differs by exactly 1, so does every resample: to rounding on the grid."""
    before = generator(3).normal(size=(50, 2))
    found = block_bootstrap(np.stack([before, before + 1]), Resampling(1000), generator(4))
    assert found.resampled[:, 1] - found.resampled[:, 0] == pytest.approx(np.ones(1000), abs=1e-12)


def test_points_and_seeds_without_a_value_are_not_drawn() -> None:
    values = generator(3).random((1, 30, 3))
    spaced = np.full((1, 40, 4), NAN)
    spaced[:, 5:35, [0, 2, 3]] = values
    plain, found = (block_bootstrap(each, Resampling(100), generator(4)) for each in (values, spaced))
    assert np.array_equal(plain.resampled, found.resampled)


def test_a_point_without_a_value_of_one_metric_is_drawn_for_the_other() -> None:
    values = np.array([[[0.0], [NAN]], [[0.0], [1.0]]])
    found = block_bootstrap(values, Resampling(200), generator(0))
    assert set(found.resampled[:, 1]) == {0.0, 0.5, 1.0}
    empty = int(np.isnan(found.resampled[:, 0]).sum())
    assert empty == (found.resampled[:, 1] == 1).sum()
    assert found.warning(0) == f"{empty} of 200 resamples hold no value and are left out"
    assert found.interval(0, 0.9) == (0.0, 0.0, 0.0)


def test_a_bootstrap_beside_the_sample_mean_is_told() -> None:
    """One point has 1 of 9 values, and that is 1: its share of the values changes with how often it is drawn.

    The means 1, 1/10, 0 come with probability 1/4, 1/2, 1/4; their mean is 0.3, that of the ten values 0.1.
    """
    values = np.array([[[1.0] + 8 * [NAN], 9 * [0.0]]])
    found = block_bootstrap(values, Resampling(10_000, varies="sample"), generator(0))
    assert found.sample[0] == 0.1
    assert found.bootstrap_mean(0) == pytest.approx(0.3, abs=0.02)  # five standard errors
    assert found.warning(0).endswith(", more than 1% off the sample mean 0.1")


def test_small_and_accidental_differences_from_the_sample_mean_are_not_told() -> None:
    few = ResampledMeans(np.array([1.0]), np.array([[0.0], [2.2]]), np.array([2.0**-40]))  # noise: 10% of two draws
    near = ResampledMeans(np.array([1.0]), np.array([[1.0090], [1.0091]]), np.array([2.0**-40]))
    off = ResampledMeans(np.array([1.0]), np.array([[1.0110], [1.0111]]), np.array([2.0**-40]))
    assert (few.warning(0), near.warning(0)) == ("", "")
    assert off.warning(0) == "the bootstrap means average 1.011, more than 1% off the sample mean 1"


def test_bad_values_are_refused() -> None:
    def refused(values: Floats, varies: Varies = "both") -> str:
        with pytest.raises(ValueError, match=r".") as error:
            block_bootstrap(values, Resampling(10, varies=varies), generator(0))
        return str(error.value)

    assert "a mean of nothing" in refused(np.zeros((1, 0, 3)))
    assert "a mean of nothing" in refused(np.array([[[1.0]], [[NAN]]]))
    assert "infinite" in refused(np.array([[[1.0], [np.inf]]]))
    assert "one seed has no variance" in refused(np.array([[[1.0], [0.0]]]), "seed")
