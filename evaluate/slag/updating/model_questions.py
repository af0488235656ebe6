"""The questions that a model is asked about points, and its predictions read from the replies.

Every question of a point (`Asked`) is put to the model as two: in GEN its free answer and the probability of the right
object (of a label outside our world), in TF the probabilities of "true" and of "false".
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.asking.questions import Question, QuestionKind
from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Point, Task
from worldgen.evaluate.slag.predictions import Predictions, predictions_of, questions_of, truth_predictions

A_QUESTION_EACH: Final = 2
"""How many questions the model is asked for one `Asked`."""


def point_questions(case: int, point: Point, objects: Container[str]) -> Iterator[Question]:
    """Yields the questions to the model about everything that belongs to a point, in the order of `questions_of`."""
    for name, asked in questions_of(point):
        yield from _pair(case, point, name, asked, objects)


def random_questions(case: int, points: Sequence[Point], objects: Container[str]) -> Iterator[Question]:
    """Yields the questions to the model about the main questions of a random set."""
    for point in points:
        yield from _pair(case, point, "random", point.main, objects)


def _pair(case: int, point: Point, form: str, asked: Asked, objects: Container[str]) -> Iterator[Question]:
    """Yields the two questions for one `Asked`. `objects` are the labels of the world's objects."""

    def question(part: str, kind: QuestionKind, target: str) -> Question:
        return Question(case, point.id, f"{form}, {part}", kind, asked.prompt, target)

    if point.task is Task.TF:
        yield question(TRUE, QuestionKind.WORDS, TRUE)
        yield question(FALSE, QuestionKind.WORDS, FALSE)
        return
    yield question("answer", QuestionKind.ANSWER, "")
    if not asked.eligible:  # nothing has a probability here: the same is asked once more, which costs nothing
        yield question("label", QuestionKind.ANSWER, "")
        return
    label = asked.eligible[0]
    yield question("label", QuestionKind.OBJECT if label in objects else QuestionKind.WORDS, f"{label}.")


def predictions_from(
    task: Task, asked: Sequence[Asked], probability: NDArray[np.float64], answer: Sequence[str]
) -> Predictions:
    """Returns the predictions for E questions from the replies to the 2 E questions to the model, in the same order.

    Shapes: probability and answer [2 E]. In GEN the credence is the probability of the first eligible label, by any of
    the object's names.
    """
    pairs = probability.reshape(-1, A_QUESTION_EACH)
    if task is Task.TF:
        return truth_predictions(asked, pairs[:, 0], pairs[:, 1])
    return predictions_of(asked, list(answer[::A_QUESTION_EACH]), pairs[:, 1])
