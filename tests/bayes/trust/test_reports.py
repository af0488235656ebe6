"""Counted reports: order, sums, duplicates, and what is refused."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trust_oracle import Said
from trust_worlds import counted, reports

from worldgen.bayes.trust.reports import Report, Reports

SAID = reports(F=4, M=3, K=3, most=12)


def equal(one: Reports, other: Reports) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(astuple(one), astuple(other), strict=True))


@given(SAID, st.randoms())
def test_the_order_of_reports_does_not_matter(said: tuple[Said, ...], random) -> None:
    shuffled = random.sample(said, len(said))
    assert equal(counted(said, 3), counted(shuffled, 3))


@given(SAID, SAID)
def test_reports_add_up_and_are_taken_back(one: tuple[Said, ...], other: tuple[Said, ...]) -> None:
    both = counted(one, 3).plus(counted(other, 3))
    assert equal(both, counted(one + other, 3))
    assert equal(both.minus(counted(other, 3)), counted(one, 3))


@given(SAID, st.sets(st.integers(0, 3), min_size=1))
def test_the_reports_of_some_facts(said: tuple[Said, ...], facts: set[int]) -> None:
    assert equal(counted(said, 3).of_facts(sorted(facts)), counted([each for each in said if each.fact in facts], 3))


def test_an_assertion_counts_once_and_an_independent_report_as_often_as_it_is_made() -> None:
    said = Reports.of(2, [0, 0, 1], [1, 1, 0], [2, 2, 0])
    asserted = said.as_read("assertion", [Report(0, 1, 2, weight=1000), Report(1, 1, 1, weight=0.5)])
    assert asserted.count.tolist() == [1, 1, 1]
    assert asserted.strength.tolist() == [1000, 1, 0.5]
    independent = said.as_read("independent", [Report(0, 1, 2, weight=1000)])
    assert independent.count.tolist() == [1002, 1]
    assert independent.strength.tolist() == [1, 1]


@pytest.mark.parametrize(
    "bad",
    [
        lambda said: Reports.of(2, [0], [2], [0]),
        lambda said: Reports.of(2, [0], [-1], [0]),
        lambda said: Reports.of(2, [-1], [0], [0]),
        lambda said: said.minus(Reports.of(2, [0], [0], [0])),
        lambda said: said.plus(Reports.of(3, [0], [0], [0])),
        lambda said: said.as_read("assertion", [Report(0, 2, 0)]),
        lambda said: said.as_read("assertion", [Report(0, 0, 0, weight=0)]),
        lambda said: said.as_read("assertion", [Report(0, 0, 0, weight=float("inf"))]),
        lambda said: said.as_read("assertion", [Report(0, 0, 0, weight=float("nan"))]),
        lambda said: said.as_read("independent", [Report(0, 0, 0, weight=1.5)]),
    ],
)
def test_impossible_reports_are_refused(bad) -> None:
    with pytest.raises(ValueError, match=r"report|weight"):
        bad(Reports.of(2, [0], [1], [2]))
