"""Ratios of rows: counting, leaving rows out, means of rows and pooled ratios."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.evaluate.statistics.ratios import Ratios, RatioTable

NAN = float("nan")


def test_trials_are_counted_by_row_and_unknown_ones_are_not():
    ratios = Ratios.count(np.array([0, 0, 2, 2, 2, 3]), np.array([1, 0, 1, NAN, 0.5, NAN]), 4)
    np.testing.assert_array_equal(ratios.trials, [2, 0, 2, 0])
    np.testing.assert_array_equal(ratios.values, [1 / 2, NAN, 3 / 4, NAN])
    assert ratios.pooled == 2.5 / 4


def test_rows_that_are_not_chosen_have_no_trials():
    ratios = Ratios(np.array([1.0, 2.0, 0.0]), np.array([2.0, 2.0, 4.0])).where(np.array([True, False, True]))
    np.testing.assert_array_equal(ratios.values, [1 / 2, NAN, 0])
    assert ratios.pooled == 1 / 6


def test_a_table_has_a_line_for_each_row_and_a_column_for_each_metric():
    one = Ratios(np.array([1.0, 1.0]), np.array([1.0, 4.0]))
    none = Ratios(np.zeros(2), np.zeros(2))
    table = RatioTable(["a", "b"], {"one": one, "none": none})
    assert table.values["one"].to_dict() == {"a": 1, "b": 1 / 4}
    assert table.means["one"] == pytest.approx(5 / 8)
    assert table.pooled["one"] == pytest.approx(2 / 5)
    assert table.values["none"].isna().all()
    assert np.isnan([table.means["none"], table.pooled["none"]]).all()


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.0, 1.0, NAN])), max_size=30))
def test_ratios_are_means_of_each_rows_known_trials(trials):
    row, hit = np.array([row for row, _ in trials], dtype=int), np.array([hit for _, hit in trials])
    ratios = Ratios.count(row, hit, 5)
    for number, value in enumerate(ratios.values):
        its = [hit for row, hit in trials if row == number and not np.isnan(hit)]
        assert value == pytest.approx(sum(its) / len(its) if its else NAN, nan_ok=True)
    known = [hit for _, hit in trials if not np.isnan(hit)]
    assert ratios.pooled == pytest.approx(sum(known) / len(known) if known else NAN, nan_ok=True)
