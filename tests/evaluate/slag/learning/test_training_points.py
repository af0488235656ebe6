"""training_points: which labels are asked for, and which texts belong to an update."""

from __future__ import annotations

import pytest

from worldgen.evaluate.slag.learning.training_points import hard_labels, training_points
from worldgen.evaluate.slag.points import Asked, Entailed, Neutral, Paraphrase, Point, Task
from worldgen.lm.editors.learned.network import conditions_of
from worldgen.lm.editors.learned.updates import TrainingPoint
from worldgen.lm.texts import Text, texts_of
from worldgen.lm.tokenizer import train_word_tokenizer

WORDS = train_word_tokenizer(
    ["ada", "adele", "born in", "from", "citizen of", "likes", "paris", "rome", "france", "bob"]
)

GEN = Point(
    "1", Task.GEN, "train", "ada", Asked("ada born in", ("paris", "rome")),
    paraphrases=(Paraphrase(Asked("adele from", ("paris", "rome")), "both"),),
    entailed=(
        Entailed(Asked("ada citizen of", ("france",)), "R6", "paris"),
        Entailed(Asked("ada citizen of", ("rome",)), "R7", "bob"),
        Entailed(Asked("ada likes", ("rome",)), "R7", "bob", for_accuracy=False),
    ),
    neutral=(Neutral(Asked("ada likes", ("bob",))), Neutral(Asked("ada likes", ()))),
    alternatives=("bob", "france"),
)  # fmt: skip
TF = Point(
    "2", Task.TF, "train", "ada", Asked('"ada born in paris" is', ("true",)),
    entailed=(Entailed(Asked('"not ada born in paris" is', ("false",)), "R1", "true"),), alternatives=("false",),
)  # fmt: skip


def made_of(points: list[Point], predicted: list[str]) -> list[TrainingPoint]:
    """The points with their hard labels."""
    labels = [hard_labels(point, said) for point, said in zip(points, predicted, strict=True)]
    return training_points(points, predicted, labels, WORDS)


def texts(*pairs: tuple[str, str]) -> tuple[Text, ...]:
    return tuple(texts_of(WORDS, list(pairs)))


@pytest.mark.parametrize(
    ("point", "predicted", "expected"),
    [
        (GEN, "france", ("paris",)),  # wrong: the truth, in its first form
        (GEN, "", ("paris",)),
        (GEN, "Rome", ("bob", "france")),  # right, by any of its forms: another label
        (TF, "true", ("false",)),
        (TF, "false", ("true",)),
        (TF, "paris", ("true", "false")),
    ],
)
def test_the_label_is_the_truth_where_the_model_is_wrong_and_another_one_elsewhere(point, predicted, expected):
    assert hard_labels(point, predicted) == expected


def test_an_alternative_that_is_predicted_is_never_a_label():
    assert hard_labels(GEN, "bob") == ("paris",)


def test_an_update_of_a_wrong_point():
    (made,) = made_of([GEN], ["france"])
    (update,) = made.updates
    assert [update.condition] == conditions_of(WORDS, [("france", "paris", "ada born in")])
    assert (update.main,) == texts(("ada born in", "paris."))
    assert update.paraphrases == texts(("adele from", "paris."))
    assert update.entailed == texts(("ada citizen of", "france."))
    assert update.neutral == texts(("ada likes", "bob."))
    assert update.random == ()
    assert (made.known,) == texts(("ada born in", "paris."))


def test_what_follows_is_what_follows_from_the_label():
    """Of the other labels "bob" entails an answer, and another one that is too unsure; "france" entails none."""
    (made,) = made_of([GEN], ["paris"])
    assert [update.main for update in made.updates] == list(texts(("ada born in", "bob."), ("ada born in", "france.")))
    assert [update.entailed for update in made.updates] == [texts(("ada citizen of", "rome.")), ()]
    assert [update.paraphrases for update in made.updates] == [
        texts(("adele from", "bob.")), texts(("adele from", "france.")),
    ]  # fmt: skip


def test_a_statement_is_true_or_false_without_a_full_stop():
    made = made_of([TF, TF], ["true", "false"])
    assert [update.main for point in made for update in point.updates] == list(
        texts((TF.main.prompt, "false"), (TF.main.prompt, "true"))
    )
    assert [update.entailed for point in made for update in point.updates] == [
        (), texts(('"not ada born in paris" is', "false")),
    ]  # fmt: skip
    assert (made[0].known,) == texts((TF.main.prompt, "true"))


def test_a_label_of_the_beam_is_asked_for_as_any_other_is():
    """The model is wrong, and asked for another answer as well as for the truth."""
    (made,) = training_points([GEN], ["france"], [("bob", "paris")], WORDS)
    assert [update.main for update in made.updates] == list(texts(("ada born in", "bob."), ("ada born in", "paris.")))
    assert [update.entailed for update in made.updates] == [
        texts(("ada citizen of", "rome.")), texts(("ada citizen of", "france.")),
    ]  # fmt: skip
