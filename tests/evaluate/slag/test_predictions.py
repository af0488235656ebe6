"""Predictions: normalisation, right answers, generated answers, and the places of a point's questions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.evaluate.slag.points import Asked, Entailed, Neutral, Paraphrase, Point, Task
from worldgen.evaluate.slag.predictions import (
    Part,
    PointQuestions,
    generated_answer,
    is_right,
    normalised,
    predictions_of,
    truth_predictions,
)


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    once = normalised(text)
    assert normalised(once) == once
    assert once == once.strip()


@given(st.text(alphabet="aB cC.!", max_size=6), st.lists(st.text(alphabet="aB cC.!", max_size=6), max_size=4))
def test_the_fast_path_finds_right_what_is_right(text, eligible):
    labels = tuple(label for label in eligible if normalised(label))
    assert predictions_of([Asked("p", labels)], [text]).right.tolist() == [is_right(text, labels)]


@pytest.mark.parametrize(
    ("prediction", "eligible", "expected"),
    [
        ("Orizaba", ("orizaba, veracruz", " ORIZABA. "), True),
        ("orizaba  veracruz", ("Orizaba Veracruz",), True),
        ("Oriz", ("Orizaba",), False),
        ("", ("",), False),
        ("...", ("...",), False),
        ("Paris", (), False),
    ],
)
def test_a_prediction_is_right_if_it_equals_any_eligible_string(prediction, eligible, expected):
    assert is_right(prediction, eligible) is expected


@pytest.mark.parametrize(
    ("text", "eligible", "answer"),
    [
        (" Paris. It is the capital.", (), "paris"),
        ("Paris\nQuestion: and Rome?", (), "paris"),
        ("  \nParis! Yes", (), "paris"),
        ("J. R. R. Tolkien. He wrote", (), "j. r. r. tolkien"),
        ("St. Louis. It lies", (), "st. louis"),
        ("Warner Bros. Pictures. A studio", (), "warner bros"),
        ("Warner Bros. Pictures. A studio", ("Warner Bros. Pictures",), "warner bros. pictures"),
        ("Warner Bros. Pictures", ("Warner Bros. Pictures",), "warner bros. pictures"),
        ("Washington, D.C. It lies", ("Washington, D.C.",), "washington, d.c"),
        ("Vitamin B. It is", ("vitamin b",), "vitamin b"),
        ("3.5 million people", (), "3.5 million people"),
        ("", ("x",), ""),
        (" . ", (), ""),
    ],
)
def test_a_generated_text_is_cut_where_its_answer_ends(text, eligible, answer):
    assert generated_answer(text, eligible) == answer


@given(st.text(alphabet="aB .\n!", max_size=12), st.lists(st.text(alphabet="aB .!", max_size=8), max_size=3))
def test_a_generated_answer_is_normalised_and_labels_never_spoil_it(text, eligible):
    answer = generated_answer(text, eligible)
    assert normalised(answer) == answer
    assert answer == generated_answer(text) or is_right(answer, eligible)


def test_a_label_that_is_generated_alone_is_always_right():
    for label in ("St. Louis", "Yahoo!", "U.S.", "Mr. T", "a.b. c! d?"):
        assert is_right(generated_answer(label, [label]), [label])
        assert is_right(generated_answer(f" {label}. And so on. And on.", [label]), [label])


def test_wrong_lengths_and_blank_labels_are_refused():
    with pytest.raises(ValueError, match="1 questions, 2 predictions, 1 credences"):
        predictions_of([Asked("p", ("a",))], ["a", "b"])
    with pytest.raises(ValueError, match="1 questions, 1 predictions, 2 credences"):
        predictions_of([Asked("p", ("a",))], ["a"], np.zeros(2))
    with pytest.raises(ValueError, match="the labels of 'p' are blank"):
        predictions_of([Asked("p", ("...",))], ["a"])


def test_truth_is_predicted_if_it_is_more_probable_and_its_credence_is_that_of_the_label():
    asked = [Asked("a", ("true",)), Asked("b", ("false",)), Asked("c", ("true",)), Asked("d", ("false",))]
    predictions = truth_predictions(asked, np.array([0.3, 0.3, 0.2, 0.0]), np.array([0.1, 0.1, 0.2, 0.0]))
    assert predictions.text.tolist() == ["true", "true", "false", "false"]
    assert predictions.right.tolist() == [True, False, False, True]
    np.testing.assert_allclose(predictions.credence, [0.75, 0.25, 0.5, np.nan], rtol=1e-15)


def some_points():
    def ask(name):
        return Asked(name, (name,))

    one = Point(
        "1", Task.GEN, "test", "s", ask("m1"), (Paraphrase(ask("p1"), "both"), Paraphrase(ask("p2"), "subject")),
        (Entailed(ask("e1"), "R6", when="M1."), Entailed(ask("e2"), "R6", when="other", for_accuracy=False)),
    )  # fmt: skip
    two = Point("2", Task.GEN, "test", "t", ask("m2"))
    three = Point(
        "3", Task.GEN, "test", "u", ask("m3"), entailed=(Entailed(ask("e3"), "R7", when="x"),),
        neutral=(Neutral(ask("n1")), Neutral(Asked("n2", ()))),
    )  # fmt: skip
    return one, two, three


def test_questions_lie_point_by_point_and_each_part_knows_its_places():
    questions = PointQuestions(some_points())
    prompts = [question.prompt for question in questions.asked]
    assert prompts == ["m1", "p1", "p2", "e1", "e2", "m2", "m3", "e3", "n1", "n2"]
    assert questions.main.tolist() == [0, 5, 6]
    found = {
        part.value: ([prompts[entry] for entry in questions.of(part).entry], questions.of(part).point.tolist())
        for part in Part
    }
    assert found == {
        "main": (["m1", "m2", "m3"], [0, 1, 2]),
        "paraphrase": (["p1", "p2"], [0, 0]),
        "entailed": (["e1", "e2", "e3"], [0, 0, 2]),
        "neutral": (["n1", "n2"], [2, 2]),
    }
    assert questions.certain.tolist() == [True, False, True]
    assert questions.labelled.tolist() == [True] * 9 + [False]
    assert questions.follows([("m1",), ("m2",), ("m3",)]).tolist() == [True, False, False]
    assert questions.follows([("OTHER", "m1"), ("m2",), ("y", "X.")]).tolist() == [True, True, True]


def test_predictions_are_taken_by_place():
    asked = PointQuestions(some_points()).asked
    predictions = predictions_of(asked, [question.prompt for question in asked], np.arange(10) / 10)
    taken = predictions.take(np.array([9, 0]))
    assert (taken.text.tolist(), taken.right.tolist(), len(taken)) == (["n2", "m1"], [False, True], 2)
    np.testing.assert_array_equal(taken.credence, [0.9, 0.0])


def test_no_points_have_no_questions():
    questions = PointQuestions(())
    assert questions.asked == ()
    assert [len(questions.of(part).entry) for part in Part] == [0] * 4
    assert len(predictions_of(questions.asked, [])) == 0
