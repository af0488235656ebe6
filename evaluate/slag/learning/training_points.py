"""Points as tokens, for the training of a learned optimizer (Hase et al., 2021, section 3 and supplement E).

All points are taken, also those that the model answers rightly. The label of an update is the truth where the model is
wrong, and another label of the point where it is right ("hard"); or in GEN any other answer of the model's beam
("beam"). In TF it is the other truth value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transformers import PreTrainedTokenizerFast

from worldgen.evaluate.slag.points import Asked, Point, Task, is_active
from worldgen.evaluate.slag.predictions import is_right
from worldgen.lm.editors.learned.network import conditions_of
from worldgen.lm.editors.learned.updates import TrainingPoint, Update
from worldgen.lm.texts import Text, texts_of


def training_points(
    points: Sequence[Point],
    predicted: Sequence[str],
    labels: Sequence[Sequence[str]],
    tokenizer: PreTrainedTokenizerFast,
) -> list[TrainingPoint]:
    """Returns the points as tokens, with an update to each of their `labels`.

    `predicted[i]` is the model's own answer to the main question of points[i].
    """
    each = zip(points, predicted, labels, strict=True)
    return [_training_point(point, said, its, tokenizer) for point, said, its in each]


def hard_labels(point: Point, predicted: str) -> tuple[str, ...]:
    """Returns the labels that an update of the point may ask for; none of them is the prediction."""
    if point.task is Task.GEN and not is_right(predicted, point.main.eligible):
        return point.main.eligible[:1]
    labels = point.alternatives if point.task is Task.GEN else (*point.main.eligible, *point.alternatives)
    return tuple(label for label in labels if not is_right(predicted, (label,)))


def _training_point(
    point: Point, predicted: str, labels: Sequence[str], tokenizer: PreTrainedTokenizerFast
) -> TrainingPoint:
    def texts(pairs: Iterable[tuple[str, str]]) -> tuple[Text, ...]:
        return tuple(texts_of(tokenizer, [(prompt, _said(point, label)) for prompt, label in pairs]))

    def answers(asked: Iterable[Asked]) -> tuple[Text, ...]:
        return texts((each.prompt, each.eligible[0]) for each in asked if each.eligible)

    def update(label: str) -> Update:
        (condition,) = conditions_of(tokenizer, [(predicted, label, point.main.prompt)])
        follows = [each for each in point.entailed if is_active(each, label) and each.for_accuracy]
        return Update(
            condition,
            texts([(point.main.prompt, label)])[0],
            texts((paraphrase.asked.prompt, label) for paraphrase in point.paraphrases),
            answers(each.asked for each in follows),
            answers(each.asked for each in point.neutral),
        )

    (known,) = answers([point.main])
    return TrainingPoint(tuple(map(update, labels)), known)


def _said(point: Point, label: str) -> str:
    """Returns the label as the model says it: in GEN with its full stop."""
    return label if point.task is Task.TF else f"{label}."
