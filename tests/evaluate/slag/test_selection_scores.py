"""Selection scores: the one of the paper's text and the one of its code, by hand."""

import math

import pytest

from worldgen.evaluate.slag.selection import SELECTION_SCORES, code_score, text_score

ALL = {
    "usr_main": 0.9,
    "usr_para": 0.6,
    "usr_entailed": 0.3,
    "retain_neutral": 0.4,
    "retain_all": 0.123,
    "delta_accuracy": -2.0,
    "neutral_accuracy": 0.7,
    "other_entailed_accuracy": 0.5,
}


def test_the_texts_score_is_a_mean_of_three():
    assert text_score(ALL) == pytest.approx((0.6 + 0.4 - 0.02) / 3)


def test_the_codes_score_averages_accuracies_with_their_change():
    third = (-0.02 + 0.3 + 0.5 + 0.7) / 4
    assert code_score(ALL) == pytest.approx((0.6 + 0.4 + third) / 3)


def test_what_is_not_available_is_left_out():
    zsre = {"usr_main": 0.9, "usr_para": 0.7, "usr_entailed": math.nan, "retain_neutral": math.nan,
            "delta_accuracy": 1.0}  # fmt: skip
    for score in (text_score, code_score):
        assert score(zsre) == pytest.approx((0.8 + 0.01) / 2)
        assert score({"usr_main": 0.5}) == 0.5
        assert math.isnan(score({}))
        assert math.isnan(score({"retain_all": 0.5}))


def test_the_two_scores_may_choose_differently():
    careful = ALL | {"delta_accuracy": 0.0, "usr_entailed": 0.2}
    bold = ALL | {"delta_accuracy": -8.0, "usr_entailed": 0.35}
    assert text_score(careful) > text_score(bold)
    assert code_score(careful) < code_score(bold)


def test_scores_go_by_name_and_the_texts_is_first():
    assert list(SELECTION_SCORES) == ["text", "code"]
    assert SELECTION_SCORES["text"](ALL) == text_score(ALL) != SELECTION_SCORES["code"](ALL)
