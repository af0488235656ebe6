"""Reference rows: the rational agent, "always true" and the majority answer, by hand."""

import numpy as np
import pytest
from lookup_model import answered

from worldgen.evaluate.slag.detection import detect
from worldgen.evaluate.slag.points import Asked, Entailed, Neutral, Point, Task
from worldgen.evaluate.slag.predictions import PointQuestions
from worldgen.evaluate.slag.reference import (
    always,
    majority_answer,
    rational_truths,
    soft_credences,
)

TRUTHS = [Asked("a", ("true",)), Asked("b", ("false",)), Asked("c", ("false",)), Asked("d", ("true",))]
OBJECTS = [Asked("x", ("Rome", "Roma")), Asked("y", ("Oslo",)), Asked("z", ())]


def test_the_agent_says_true_above_one_half_and_its_credence_is_that_of_the_label():
    agent = rational_truths(TRUTHS, np.array([0.9, 0.9, 0.5, 0.1]))
    assert agent.text.tolist() == ["true", "true", "false", "false"]
    assert agent.right.tolist() == [True, False, True, False]
    np.testing.assert_allclose(agent.credence, [0.9, 0.1, 0.5, 0.1], rtol=1e-15)


def test_one_answer_to_everything_is_right_where_it_is_eligible():
    constant = always([*TRUTHS, Asked("e", ())], "true")
    assert constant.text.tolist() == ["true"] * 5
    assert constant.right.tolist() == [True, False, False, True, False]
    assert constant.credence.tolist() == [1, 0, 0, 1, 0]


def test_the_majority_answer_is_the_most_frequent_label_and_the_first_in_the_alphabet_of_several():
    assert majority_answer([*OBJECTS[:2], Asked("w", ("ROMA.", "Rome")), Asked("v", ("oslo",))]) == "oslo"
    assert majority_answer(TRUTHS) == "false"
    for nothing in ([], OBJECTS[2:]):
        with pytest.raises(ValueError, match="no labels: there is no majority answer"):
            majority_answer(nothing)


def test_soft_labels_give_the_agents_credence_in_the_eligible_answers():
    point = Point(
        "1", Task.GEN, "test", "s", Asked("m", ("a",)),
        entailed=(
            Entailed(Asked("e1", ("Rome", "Roma")), "R7", "a", soft=(("Rome", 0.6), ("Oslo", 0.3), ("roma", 0.1))),
            Entailed(Asked("e2", ("Rome",)), "R6", "a"),
        ),
        neutral=(Neutral(Asked("n", ("b",))),),
    )  # fmt: skip
    np.testing.assert_allclose(soft_credences(PointQuestions((point,))), [np.nan, 0.7, np.nan, np.nan])
    assert np.isnan(soft_credences(PointQuestions((Point("2", Task.GEN, "test", "t", Asked("m", ("a",))),)))).all()


def test_references_go_through_the_same_metrics_as_a_model():
    point = Point(
        "1", Task.TF, "test", "s", Asked("m", ("true",)),
        entailed=(Entailed(Asked("e", ("false",)), "R1", "true", contrapositive=True),),
    )  # fmt: skip
    questions = PointQuestions((point,))
    naive = detect(questions, always(questions.asked, "true")).values.loc["1"]
    rational = detect(questions, rational_truths(questions.asked, np.array([0.8, 0.1]))).values.loc["1"]
    model = detect(questions, answered({"m": "false", "e": "true"}, questions.asked)).values.loc["1"]
    names = ["accuracy", "entailment_right", "contrapositive"]
    np.testing.assert_array_equal(naive[names], [1, 0, 0])
    np.testing.assert_array_equal(rational[names], [1, 1, np.nan])
    np.testing.assert_array_equal(model[names], [0, np.nan, 1])
