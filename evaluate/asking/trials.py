"""A trial: an edition to be made, and the questions that it is then asked."""

from __future__ import annotations

from dataclasses import dataclass

from worldgen.evaluate.asking.questions import Question
from worldgen.lm.editions import Edition


@dataclass(frozen=True)
class Trial:
    """An edition of a model, and the questions of all its cases. The model is asked them before its edits and after."""

    edition: Edition
    questions: list[Question]

    @property
    def first_case(self) -> int:
        """The number of the first case, by which files tell one edition from another."""
        return self.questions[0].case
