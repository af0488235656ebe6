"""Faults of a model and its tokenizer, as far as they are to be asked the questions of points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from transformers import PreTrainedModel

from worldgen.errors import UserError
from worldgen.evaluate.slag.any_model_predictions import ModelReader, text_of
from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Point, Task, questions_of
from worldgen.evaluate.slag.predictions import normalised
from worldgen.lm.model import positions_of
from worldgen.lm.texts import beginnings, continuations
from worldgen.lm.tokenizer import encode


class _Question(NamedTuple):
    """A question of a point."""

    point: str
    asked: Asked


def check_model(model: PreTrainedModel, reader: ModelReader, points: Sequence[Point]) -> None:
    """Raises UserError (one line) for the first question of a kind that the model and its tokenizer cannot be asked.

    The tokenizer has a token for all of a prompt, and the model a position for each token and for the answer's. In TF
    the tokenizer splits a prompt with an answer as it splits the two by themselves. In GEN it can write some label of
    each question, and does so with at most `reader.new_tokens` tokens.
    """
    questions = [(p.task, _Question(p.id, asked)) for p in points for _, asked in questions_of(p)]
    gen, tf = ([question for its, question in questions if its is task] for task in (Task.GEN, Task.TF))
    _check_prompts(model, reader, [*gen, *tf])
    _check_truths(reader, tf)
    _check_labels(reader, gen)


def check_requests(reader: ModelReader, requests: Sequence[tuple[str, Asked]]) -> None:
    """Raises UserError (one line) for the first request, a point's id and what is asked for, that cannot be written.

    `check_model` holds that some label of a GEN question can be written: an update asks for one that must be.
    """
    _check_labels(reader, [_Question(point, asked) for point, asked in requests])


def _check_prompts(model: PreTrainedModel, reader: ModelReader, questions: Sequence[_Question]) -> None:
    positions = positions_of(model)
    for question, ids in zip(questions, beginnings(reader.tokenizer, _prompts(questions)), strict=True):
        if reader.tokenizer.unk_token_id in ids:
            raise _fault(question, f"the model's tokenizer has no token for a part of {question.asked.prompt!r}")
        if positions is not None and len(ids) + reader.new_tokens > positions:
            raise _fault(
                question,
                f"the prompt has {len(ids):,} tokens and the answer up to {reader.new_tokens}, and the model reads "
                f"{positions:,}: shorten the prompt",
            )


def _check_truths(reader: ModelReader, questions: Sequence[_Question]) -> None:
    prompts = _prompts(questions)
    alone = encode(reader.tokenizer, prompts)
    for word, ids in zip((TRUE, FALSE), continuations(reader.tokenizer, [TRUE, FALSE]), strict=True):
        together = encode(reader.tokenizer, [f"{prompt} {word}" for prompt in prompts])
        for question, before, whole in zip(questions, alone, together, strict=True):
            if whole != before + ids:
                raise _fault(
                    question,
                    f"the model's tokenizer splits {f'{question.asked.prompt} {word}'!r} otherwise than the prompt and "
                    f"{word!r} by themselves: end the prompt with a word or a mark, or take another model",
                )


def _check_labels(reader: ModelReader, questions: Sequence[_Question]) -> None:
    labels = list(dict.fromkeys(label for question in questions for label in question.asked.eligible))
    spelt = dict(zip(labels, continuations(reader.tokenizer, labels), strict=True))
    read = {label: text_of(reader.tokenizer, ids) for label, ids in spelt.items()}
    for question in questions:
        its = question.asked.eligible
        writable = [label for label in its if normalised(read[label]) == normalised(label)]
        if its and not writable:
            raise _fault(question, f"the model's tokenizer cannot write {its[0]!r}: it writes {read[its[0]].strip()!r}")
        if its and (tokens := min(len(spelt[label]) for label in writable)) > reader.new_tokens:
            raise _fault(
                question,
                f"its shortest label has {tokens} tokens, and {reader.new_tokens} are generated: raise slag.new_tokens",
            )


def _prompts(questions: Sequence[_Question]) -> list[str]:
    return [question.asked.prompt for question in questions]


def _fault(question: _Question, reason: str) -> UserError:
    return UserError(f"point {question.point!r}: {reason}")
