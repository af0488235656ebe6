"""Asking any causal language model the questions of points, as `measure` and `ask` put them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.evaluate.asking.questions import Question
from worldgen.evaluate.slag.any_model_predictions import ModelReader
from worldgen.evaluate.slag.points import Asked, Point, Task, questions_of
from worldgen.evaluate.slag.updating.model_questions import A_QUESTION_EACH, point_questions, random_questions
from worldgen.lm.editions import Edited
from worldgen.lm.model import positions_of
from worldgen.lm.score import Askable, log_probabilities
from worldgen.lm.texts import beginnings


@dataclass(frozen=True)
class PointReader:
    """Reads answers as free text (`ModelReader.generated`), which a label with a full stop in it may end."""

    reader: ModelReader
    asked: Mapping[tuple[str, str], Asked]
    """The `Asked` behind each question of kind ANSWER, by its `about` and `form`."""

    @staticmethod
    def of(reader: ModelReader, points: Iterable[Point]) -> PointReader:
        """Returns the reader for everything that is asked about these points, alone or in random sets."""
        named = (pair for point in points if point.task is Task.GEN for pair in _named(point))
        return PointReader(reader, dict(named))

    def answers_to(self, model: Askable, questions: Sequence[Question], editions: Sequence[int]) -> list[str]:
        """Returns the model's greedy text after each prompt, up to the end of its first sentence."""
        self._check_room(model, questions, editions)
        asked = [self.asked[question.about, question.form] for question in questions]
        return self.reader.generated(model, asked, editions)

    def probabilities_of_targets(
        self, model: Askable, questions: Sequence[Question], editions: Sequence[int]
    ) -> NDArray[np.float64]:
        """Returns the probability of exactly each question's words."""
        self._check_room(model, questions, editions)
        pairs = [(question.prompt, question.target) for question in questions]
        return np.exp(log_probabilities(model, self.reader.tokenizer, pairs, self.reader.batch_tokens, editions))

    def _check_room(self, model: Askable, questions: Sequence[Question], editions: Sequence[int]) -> None:
        """Raises UserError where a preface takes the room that prompt and answer need (`check_model` knows of none)."""
        room = positions_of(model.model) if isinstance(model, Edited) and model.prefaces else None
        if room is None or not isinstance(model, Edited):
            return
        asked = {(edition, question.prompt) for edition, question in zip(editions, questions, strict=True)}
        prompts = beginnings(self.reader.tokenizer, [model.prompt(edition, prompt) for edition, prompt in asked])
        longest = max(map(len, prompts), default=0) + self.reader.new_tokens
        if longest > room:
            raise UserError(
                f"the requests before a prompt, the prompt and the answer have up to {longest:,} tokens, but the model "
                f"reads {room:,}: lower slag.r or in_context.sentences"
            )


def _named(point: Point) -> Iterable[tuple[tuple[str, str], Asked]]:
    """Yields what each question about a point asks, under its name."""
    asked = [asked for _, asked in questions_of(point)]
    for questions, its in ((point_questions(0, point, ()), asked), (random_questions(0, [point], ()), [point.main])):
        each = (one for one in its for _ in range(A_QUESTION_EACH))
        yield from (((question.about, question.form), one) for question, one in zip(questions, each, strict=True))
