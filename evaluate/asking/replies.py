"""Asking a model questions, and its replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.asking.questions import Question, QuestionKind
from worldgen.lm.score import Askable


@dataclass(frozen=True)
class Replies:
    """A model's replies to Q questions."""

    probability: NDArray[np.float64]
    """[Q]: the probability of each target; NaN for a question of kind ANSWER."""
    answer: list[str]
    """[Q]: the object that the model says; "" if the model names none, and for every other kind of question."""


class Reader(Protocol):
    """Knows how a model's replies to questions are read."""

    def answers_to(self, model: Askable, questions: Sequence[Question], editions: Sequence[int]) -> list[str]:
        """Returns the answer to each question of kind ANSWER; `editions[i]` is asked the i-th."""

    def probabilities_of_targets(
        self, model: Askable, questions: Sequence[Question], editions: Sequence[int]
    ) -> NDArray[np.float64]:
        """Returns [N] the probability of each question's target; `editions[i]` is asked the i-th."""


def ask(
    model: Askable, reader: Reader, questions: Sequence[Question], editions: Sequence[int] | None = None
) -> Replies:
    """Returns a model's replies. `editions[i]` is the edition that is asked question i (see `worldgen.lm.score`)."""
    probability = np.full(len(questions), np.nan)
    answer = [""] * len(questions)
    edition_of = [0] * len(questions) if editions is None else list(editions)
    free = [i for i, question in enumerate(questions) if question.kind is QuestionKind.ANSWER]
    scored = [i for i, question in enumerate(questions) if question.kind is not QuestionKind.ANSWER]
    probability[scored] = reader.probabilities_of_targets(
        model, [questions[i] for i in scored], [edition_of[i] for i in scored]
    )
    said = reader.answers_to(model, [questions[i] for i in free], [edition_of[i] for i in free])
    for i, answered in zip(free, said, strict=True):
        answer[i] = answered
    return Replies(probability, answer)
