"""Reference rows of every table of beliefs: the rational agent, "always true", and the constant majority answer.

They are predictions like a model's, so that every metric is computed for them by the same functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.slag.points import Asked
from worldgen.evaluate.slag.predictions import (
    Part,
    PointQuestions,
    Predictions,
    is_right,
    normalised,
    predictions_of,
    truth_predictions,
)


def rational_truths(asked: Sequence[Asked], p_true: NDArray[np.float64]) -> Predictions:
    """Returns the rational agent's predictions of task TF: "true" if its credence p_true is above 1/2.

    Shapes: asked, p_true [E].
    """
    return truth_predictions(asked, p_true, 1 - p_true)


def soft_credences(questions: PointQuestions) -> NDArray[np.float64]:
    """Returns [E] the agent's credence in a right answer by the soft labels of entailed questions; NaN elsewhere."""
    credences = np.full(len(questions.asked), np.nan)
    credences[questions.of(Part.ENTAILED).entry] = [
        sum(p for answer, p in its.soft if is_right(answer, its.asked.eligible)) if its.soft else np.nan
        for its in questions.entailed
    ]
    return credences


def always(asked: Sequence[Asked], answer: str) -> Predictions:
    """Returns the predictions of a mind that gives one answer to every question, and is certain of it."""
    said = predictions_of(asked, [answer] * len(asked))
    return Predictions(said.text, said.right, said.right.astype(np.float64))


def majority_answer(asked: Iterable[Asked]) -> str:
    """Returns the most frequent answer: of each question its first eligible string counts, normalised.

    Of several equally frequent ones it is the first in alphabetical order. Raises ValueError if no question has one.
    """
    counts = Counter(normalised(question.eligible[0]) for question in asked if question.eligible)
    if not counts:
        raise ValueError("no labels: there is no majority answer")
    return min(counts, key=lambda answer: (-counts[answer], answer))
