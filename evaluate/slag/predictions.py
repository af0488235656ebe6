"""Predictions of a model for the questions of points, and when a prediction is right.

Every metric of beliefs is a function of points and of these predictions: no model and no file comes into it.
Source: Hase et al., 2021, section 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import row_starts
from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Entailed, Paraphrase, Point, questions_of

SENTENCE_MARKS: Final = ".!?"
_SENTENCE_END: Final = re.compile(rf"[{SENTENCE_MARKS}]+(?=\s|$)")
# A full stop after a single letter or after one of these words ends no sentence.
_ABBREVIATIONS: Final = frozenset(["dr", "ft", "jr", "mr", "mrs", "ms", "mt", "sr", "st", "vs"])


def normalised(text: str) -> str:
    """Returns a text in lower case, with single blanks, and without the blanks and sentence marks at its end.

    Two predictions are the same, and a prediction is the same as a label, if their normalised texts are equal.
    """
    return " ".join(text.lower().split()).rstrip(SENTENCE_MARKS + " ")


def is_right(prediction: str, eligible: Iterable[str]) -> bool:
    """Returns whether a prediction equals any eligible string, after normalisation. An empty one is never right."""
    said = normalised(prediction)
    return bool(said) and said in {normalised(label) for label in eligible}


def generated_answer(text: str, eligible: Iterable[str] = ()) -> str:
    """Returns the answer in a generated text, normalised: its first line, cut at the end of the first sentence.

    A full stop may belong to a name ("St. Louis"). So if the text begins with an eligible string and a sentence ends
    there, the answer is that string. Elsewhere a full stop after an initial or a common abbreviation does not cut.
    """
    lines = text.strip().splitlines()
    line = " ".join(lines[0].lower().split()) if lines else ""
    ends = list(_SENTENCE_END.finditer(line))
    labels = {normalised(label) for label in eligible}
    for candidate in (*(line[: end.start()] for end in ends), normalised(line)):
        if candidate in labels:
            return candidate
    for end in ends:
        before = line[: end.start()].rpartition(" ")[2]
        is_abbreviation = end.group() == "." and (len(before) == 1 or before in _ABBREVIATIONS)
        if not is_abbreviation:
            return normalised(line[: end.start()])
    return normalised(line)


@dataclass(frozen=True)
class Predictions:
    """One model's predictions for E questions."""

    text: NDArray[np.object_]
    """[E]: the normalised prediction; "" if the model gives no answer. Two missing answers are the same prediction."""
    right: NDArray[np.bool_]
    """[E]: whether the prediction is right; False for a question without labels."""
    credence: NDArray[np.float64]
    """[E]: the model's probability of a right answer, the sum over all eligible strings; NaN where nobody knows it."""

    def __len__(self) -> int:
        return len(self.text)

    def take(self, entries: NDArray[np.integer]) -> Predictions:
        """Returns the predictions for these questions. Shapes: entries [M]; result of M predictions."""
        return Predictions(self.text[entries], self.right[entries], self.credence[entries])


def predictions_of(
    asked: Sequence[Asked], texts: Sequence[str], credences: NDArray[np.float64] | None = None
) -> Predictions:
    """Returns the predictions `texts` [E] for the questions `asked` [E], with the `credences` [E] if they are known.

    Raises ValueError if the lengths differ, or if none of a question's labels has any letter.
    """
    known = np.full(len(asked), np.nan) if credences is None else np.asarray(credences, dtype=np.float64)
    if not len(asked) == len(texts) == len(known):
        raise ValueError(f"{len(asked)} questions, {len(texts)} predictions, {len(known)} credences")
    of_text = {text: normalised(text) for text in set(texts)}
    said = np.empty(len(texts), dtype=object)
    said[:] = [of_text[text] for text in texts]
    labels = _normalised_labels(asked)
    right = [text in labels[question.eligible] for text, question in zip(said, asked, strict=True)]
    return Predictions(said, np.array(right, dtype=bool), known)


def _normalised_labels(asked: Sequence[Asked]) -> dict[tuple[str, ...], frozenset[str]]:
    """Returns the normalised strings of every different tuple of eligible strings."""
    labels = {}
    for question in asked:
        if question.eligible not in labels:
            its = frozenset(map(normalised, question.eligible)) - {""}
            if question.eligible and not its:
                raise ValueError(f"the labels of {question.prompt!r} are blank: {question.eligible}")
            labels[question.eligible] = its
    return labels


def truth_predictions(asked: Sequence[Asked], p_true: NDArray[np.float64], p_false: NDArray[np.float64]) -> Predictions:
    """Returns the predictions of task TF: "true" if p_true > p_false, else "false".

    The credence of "true" is p_true / (p_true + p_false), NaN if both are 0.
    Shapes: asked, p_true, p_false [E]. Source: Hase et al., 2021, section 3.
    """
    total = p_true + p_false
    credence = np.divide(p_true, total, out=np.full(len(asked), np.nan), where=total > 0)
    is_true = np.array([is_right(TRUE, question.eligible) for question in asked], dtype=bool)
    texts = np.where(p_true > p_false, TRUE, FALSE).tolist()
    return predictions_of(asked, texts, np.where(is_true, credence, 1 - credence))


class Part(Enum):
    """The part that a question plays in its point."""

    MAIN = "main"
    PARAPHRASE = "paraphrase"
    ENTAILED = "entailed"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class Members:
    """The Q questions of one part, among the E questions of N points."""

    entry: NDArray[np.int64]
    """[Q]: the place of each among all questions."""
    point: NDArray[np.int64]
    """[Q]: the number of its point."""


@dataclass(frozen=True)
class PointQuestions:
    """The E questions of N points, point by point: main, paraphrases, entailed, neutral."""

    points: tuple[Point, ...]

    @cached_property
    def asked(self) -> tuple[Asked, ...]:
        """[E]: every question."""
        return tuple(question for point in self.points for _, question in questions_of(point))

    @cached_property
    def main(self) -> NDArray[np.int64]:
        """[N]: the place of each point's main question."""
        return row_starts(self._lengths.sum(axis=1))[:-1]

    def of(self, part: Part) -> Members:
        """Returns the questions of a part."""
        return self._members[part]

    @cached_property
    def paraphrases(self) -> tuple[Paraphrase, ...]:
        """[Q]: every paraphrase, in the order of `of(Part.PARAPHRASE)`."""
        return tuple(its for point in self.points for its in point.paraphrases)

    @cached_property
    def entailed(self) -> tuple[Entailed, ...]:
        """[Q]: every entailed question, in the order of `of(Part.ENTAILED)`."""
        return tuple(its for point in self.points for its in point.entailed)

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """[E]: whether a question has a label; a neutral one of somebody else's may have none."""
        return np.array([bool(question.eligible) for question in self.asked], dtype=bool)

    @cached_property
    def certain(self) -> NDArray[np.bool_]:
        """[Q]: whether the label of each entailed question is sure enough to count for accuracy."""
        return np.array([its.for_accuracy for its in self.entailed], dtype=bool)

    def follows(self, beliefs: Sequence[Iterable[str]]) -> NDArray[np.bool_]:
        """Returns [Q] which entailed questions follow once the main belief of point i is one of beliefs[i].

        An entailed question follows if its `when` is among the strings, after normalisation.
        """
        norm = cache(normalised)
        strings = [set(map(norm, belief)) for belief in beliefs]
        points = self.of(Part.ENTAILED).point.tolist()
        found = [norm(its.when) in strings[i] for its, i in zip(self.entailed, points, strict=True)]
        return np.array(found, dtype=bool)

    @cached_property
    def implied(self) -> NDArray[np.bool_]:
        """[Q]: whether each entailed question follows from the belief itself, and not only from an update."""
        return np.array([not its.needs_the_update for its in self.entailed], dtype=bool)

    @cached_property
    def follows_truth(self) -> NDArray[np.bool_]:
        """[Q]: which entailed questions follow from the true main belief: any of its labels."""
        return self.follows([point.main.eligible for point in self.points])

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        """[N, 4]: the number of questions of each part, in the order of `Part`."""
        numbers = [(1, len(p.paraphrases), len(p.entailed), len(p.neutral)) for p in self.points]
        return np.array(numbers, dtype=np.int64).reshape(-1, len(Part))

    @cached_property
    def _members(self) -> dict[Part, Members]:
        part = np.repeat(np.tile(np.arange(len(Part)), len(self.points)), self._lengths.ravel())
        point = np.repeat(np.arange(len(self.points)), self._lengths.sum(axis=1))
        entries = [np.flatnonzero(part == number) for number in range(len(Part))]
        return {its: Members(entry, point[entry]) for its, entry in zip(Part, entries, strict=True)}
