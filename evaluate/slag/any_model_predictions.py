"""Predictions of any causal language model of transformers, edited or not, for anybody's points.

GEN: the greedy text after the prompt, up to the end of its first sentence, normalised (`generated_answer`).
TF: "true" if log p(true | prompt) > log p(false | prompt), else "false"; each word is a whole continuation, which may
be several tokens. Source: Hase et al., 2021, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Task, questions_of
from worldgen.evaluate.slag.predictions import (
    PointQuestions,
    Predictions,
    generated_answer,
    predictions_of,
    truth_predictions,
)
from worldgen.lm.editions import Edited
from worldgen.lm.score import Askable, greedy, log_probabilities

NEW_TOKENS: Final = 16


@dataclass(frozen=True)
class ModelReader:
    """Asks a model questions and reads its replies as predictions.

    A batch changes no number beyond float32 rounding: padding is on the right, where no real token attends to it.
    """

    tokenizer: PreTrainedTokenizerFast
    new_tokens: int = NEW_TOKENS
    """The most tokens that a generated answer may have (GEN)."""
    batch_tokens: int | None = None
    """The tokens of a batch; None for a number that suits the device."""

    def generated(self, model: Askable, asked: Sequence[Asked], editions: Sequence[int] | None = None) -> list[str]:
        """Returns the greedy answer to each question; `editions[i]` is the edition that is asked for the i-th."""
        prompts = [question.prompt for question in asked]
        ids = greedy(model, self.tokenizer, prompts, self.new_tokens, self.batch_tokens, editions)
        ends = _end_tokens(model, self.tokenizer)
        before_end = [list(takewhile(lambda id_: id_ not in ends, its)) for its in ids]
        texts = [text_of(self.tokenizer, its) for its in before_end]
        return [generated_answer(text, question.eligible) for text, question in zip(texts, asked, strict=True)]

    def log_p_of_truths(
        self, model: Askable, asked: Sequence[Asked], editions: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """Returns [N, 2] the natural log p("true" | prompt) and log p("false" | prompt) of each of N questions."""
        pairs = [(question.prompt, word) for question in asked for word in (TRUE, FALSE)]
        of_pairs = None if editions is None else [edition for edition in editions for _ in (TRUE, FALSE)]
        return log_probabilities(model, self.tokenizer, pairs, self.batch_tokens, of_pairs).reshape(-1, 2)

    def predictions(
        self, model: Askable, questions: PointQuestions, editions: Sequence[int] | None = None
    ) -> Predictions:
        """Returns the predictions for the E questions of points of either task, in their order.

        The credence of a GEN question is NaN: its labels are no disjoint events for a model of anybody's.
        """
        tasks = [point.task for point in questions.points for _ in questions_of(point)]
        text = np.empty(len(tasks), dtype=object)
        right, credence = np.zeros(len(tasks), dtype=bool), np.full(len(tasks), np.nan)
        for task in Task:
            entries = np.array([entry for entry, its in enumerate(tasks) if its is task], dtype=np.int64)
            asked = [questions.asked[entry] for entry in entries]
            of = None if editions is None else [editions[entry] for entry in entries]
            found = self._of_task(task, model, asked, of)
            text[entries], right[entries], credence[entries] = found.text, found.right, found.credence
        return Predictions(text, right, credence)

    def _of_task(
        self, task: Task, model: Askable, asked: Sequence[Asked], editions: Sequence[int] | None
    ) -> Predictions:
        if task is Task.GEN:
            return predictions_of(asked, self.generated(model, asked, editions))
        logs = self.log_p_of_truths(model, asked, editions)
        # Only the ratio counts. The larger one is made 1, so that neither is lost to underflow.
        p = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf))
        return truth_predictions(asked, p[:, 0], p[:, 1])


def text_of(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> str:
    """Returns generated tokens as text, without special tokens."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _end_tokens(model: Askable, tokenizer: PreTrainedTokenizerFast) -> set[int]:
    """Returns the ids that end a text: the tokenizer's EOS, and those that the model's own generation stops at."""
    of_model = getattr((model.model if isinstance(model, Edited) else model).generation_config, "eos_token_id", None)
    several = of_model if isinstance(of_model, list) else [of_model]
    return {id_ for id_ in (*several, tokenizer.eos_token_id) if id_ is not None}
