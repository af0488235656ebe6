"""Fractions of subsets, and how variables are shared out."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.errors import UserError
from worldgen.evaluate.internalizing.subsets import SUBSETS, TABLE_1, TABLE_3, changed_fractions, shared_out


@pytest.mark.parametrize("table", [TABLE_1, TABLE_3])
def test_fractions_of_the_paper_sum_to_one_and_stay_without_changes(table: dict[str, float]) -> None:
    assert changed_fractions(table, (), 1.0) == table
    assert sum(table.values()) == pytest.approx(1)


def test_alpha_keeps_the_number_of_definitions_of_each_tag() -> None:
    found = changed_fractions(TABLE_3, (), 0.75)
    assert found["d1"] + found["d9"] == pytest.approx(0.4)
    assert found["d2"] + found["d10"] == pytest.approx(0.4)
    by_tag = {tag: sum(f for name, f in found.items() if SUBSETS[name].tag == tag) for tag in ("dot", "bar")}
    assert by_tag["dot"] == pytest.approx(by_tag["bar"])
    consistent = {name: found[name] for name in ("d1", "d9") if SUBSETS[name].consistent}
    assert sum(consistent.values()) / (found["d1"] + found["d9"]) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("d8=.1",), "sum to 1.1"),
        (("d1=-.4", "d8=.8"), "0 or more"),
        (("d7=.1",), "d7=.1"),
        (("d8",), "'d8'"),
        (("d8=much",), "d8=much"),
    ],
)
def test_impossible_fractions_are_told_in_one_line(changes: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told) as refusal:
        changed_fractions(TABLE_3, changes, 1.0)
    assert "\n" not in str(refusal.value)


def test_subsets_are_disjoint_and_have_their_share() -> None:
    shares = shared_out(TABLE_1, 1000, np.random.default_rng(0))
    assert {name: len(its) for name, its in shares.items()} == {name: round(1000 * f) for name, f in TABLE_1.items()}
    assert np.sort(np.concatenate(list(shares.values()))).tolist() == list(range(1000))


def test_too_few_variables_are_refused() -> None:
    with pytest.raises(UserError, match="more variables"):
        shared_out(TABLE_3, 10, np.random.default_rng(0))


def test_stage_two_trains_no_questions_and_a_new_tag_is_new() -> None:
    assert not [subset for subset in SUBSETS.values() if subset.stage == 2 and subset.asked]
    assert {subset.stage for subset in SUBSETS.values() if subset.tag == "tilde"} == {2}
