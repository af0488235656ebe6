"""Asking a model questions, and its replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.questions import Question, QuestionKind
from worldgen.lm.score import Askable


@dataclass(frozen=True)
class Replies:
    """A model's replies to Q questions."""

    probability: NDArray[np.float64]
    """[Q]: the probability of each target; NaN for a question of kind ANSWER."""
    answer: list[str]
    """[Q]: the object that the model says; "" if the model names none, and for every other kind of question."""


def ask(
    model: Askable, reader: AnswerReader, questions: Sequence[Question], editions: Sequence[int] | None = None
) -> Replies:
    """Returns a model's replies. `editions[i]` is the edition that is asked question i (see `worldgen.lm.score`)."""
    probability = np.full(len(questions), np.nan)
    answer = [""] * len(questions)
    edition_of = [0] * len(questions) if editions is None else list(editions)
    free = [i for i, question in enumerate(questions) if question.kind is QuestionKind.ANSWER]
    scored = [i for i, question in enumerate(questions) if question.kind is not QuestionKind.ANSWER]
    probability[scored] = reader.probabilities_of_any(
        model,
        [questions[i].prompt for i in scored],
        [_ways_to_say(reader, questions[i]) for i in scored],
        [edition_of[i] for i in scored],
    )
    said = reader.answers(model, [questions[i].prompt for i in free], [edition_of[i] for i in free])
    for i, answered in zip(free, said, strict=True):
        answer[i] = answered
    return Replies(probability, answer)


def _ways_to_say(reader: AnswerReader, question: Question) -> tuple[str, ...]:
    """Returns the continuations whose probabilities add up to that of the target."""
    return reader.ways_to_say(question.target) if question.kind is QuestionKind.OBJECT else (question.target,)
