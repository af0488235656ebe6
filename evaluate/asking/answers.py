"""Reading a model's answers: an object, by any of its names, closed by its full stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from worldgen.evaluate.asking.questions import Question, QuestionKind
from worldgen.facts import Vocabulary
from worldgen.lm.beam import Continuations, beam_search
from worldgen.lm.score import Askable, greedy, log_probabilities
from worldgen.lm.texts import continuations


@dataclass(frozen=True)
class AnswerReader:
    """Knows the tokens of every object's names, each closed by the full stop; none begins with another (`labels`)."""

    tokenizer: PreTrainedTokenizerFast
    objects: Vocabulary

    def ways_to_say(self, answer: str) -> tuple[str, ...]:
        """Returns every way to give an answer (an object's label, alone or with its full stop): each of its names.

        With the full stop the ways are disjoint events: p(o | s, r) is the sum of their probabilities.
        """
        label, stop = (answer, "") if answer in self._ids else (answer.removesuffix("."), ".")
        return tuple(name + stop for name in self.objects.names(self._ids[label]))

    def beginnings(self, credences: NDArray[np.floating]) -> tuple[tuple[int, float], ...]:
        """Returns the tokens that answers begin with, and the probability of each by the objects' credences [K].

        The names of an object share its credence alike. Tokens rise; those that no answer begins with are left out.
        """
        names = self.objects.name_counts
        by_token = np.bincount(self._first_tokens, np.repeat(credences / names, names))
        tokens = np.flatnonzero(by_token)
        return tuple(zip(tokens.tolist(), by_token[tokens].tolist(), strict=True))

    def probabilities(self, model: Askable, prompts: Sequence[str], answers: Sequence[str]) -> NDArray[np.float64]:
        """Returns [N] p(answers[i] | prompts[i]), the sum over all ways to give the answer."""
        return self.probabilities_of_any(model, prompts, [self.ways_to_say(answer) for answer in answers])

    def probabilities_of_any(
        self, model: Askable, prompts: Sequence[str], ways: Sequence[Sequence[str]],
        editions: Sequence[int] | None = None,
    ) -> NDArray[np.float64]:  # fmt: skip
        """Returns [N] the sum over w in ways[i] of p(w | prompts[i]).

        `editions[i]` is the edition that is asked for the i-th (see `worldgen.lm.score`).
        """
        pairs = [(i, (prompts[i], way)) for i, its in enumerate(ways) for way in its]
        asked = [i for i, _ in pairs]
        of = None if editions is None else [editions[i] for i in asked]
        logs = log_probabilities(model, self.tokenizer, [pair for _, pair in pairs], editions=of)
        return np.bincount(np.array(asked, dtype=int), np.exp(logs), minlength=len(ways)).astype(np.float64)

    def answers(self, model: Askable, prompts: Sequence[str], editions: Sequence[int] | None = None) -> list[str]:
        """Returns the model's greedy answer to each prompt "s r"; `editions[i]` gives the i-th."""
        return [self.read(ids) for ids in greedy(model, self.tokenizer, prompts, self.longest, editions=editions)]

    def beams(self, model: PreTrainedModel, prompts: Sequence[str], size: int) -> list[list[str]]:
        """Returns for each prompt the `size` objects with the most probable names that a beam search finds.

        The search is wide enough for all names of so many objects. The most probable object comes first.
        """
        names, width = Continuations.of(self._spelled), size * int(self.objects.name_counts.max())
        found = beam_search(model, self.tokenizer, prompts, names, width)
        return [list(dict.fromkeys(self._object_of[beam.ids] for beam in its))[:size] for its in found]

    def answers_to(self, model: Askable, questions: Sequence[Question], editions: Sequence[int]) -> list[str]:
        """Returns the model's greedy answer to each question, the label of an object or "" (see `Reader`)."""
        return self.answers(model, [question.prompt for question in questions], editions)

    def probabilities_of_targets(
        self, model: Askable, questions: Sequence[Question], editions: Sequence[int]
    ) -> NDArray[np.float64]:
        """Returns the probability of each question's target, an object by any of its names or mere words."""
        ways = [self.ways_to_say(q.target) if q.kind is QuestionKind.OBJECT else (q.target,) for q in questions]
        return self.probabilities_of_any(model, [question.prompt for question in questions], ways, editions)

    def read(self, ids: Sequence[int]) -> str:
        """Returns the label of the object that these tokens begin with, "" if they begin with none."""
        beginnings = (self._object_of.get(tuple(ids[:length])) for length in range(1, self.longest + 1))
        return next((label for label in beginnings if label is not None), "")

    @cached_property
    def longest(self) -> int:
        """The tokens of the longest name with its full stop: as many as a model must be let say."""
        return max(map(len, self._object_of))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {label: id_ for id_, label in enumerate(self.objects.labels)}

    @cached_property
    def _spelled(self) -> list[list[int]]:
        """The tokens of every name with its full stop, object by object."""
        return continuations(self.tokenizer, [f"{name}." for name in self.objects.every_name])

    @cached_property
    def _first_tokens(self) -> NDArray[np.int64]:
        """[names]: the first token of each."""
        return np.array([ids[0] for ids in self._spelled])

    @cached_property
    def _object_of(self) -> dict[tuple[int, ...], str]:
        labels = [label for id_, label in enumerate(self.objects.labels) for _ in self.objects.names(id_)]
        return {tuple(ids): label for ids, label in zip(self._spelled, labels, strict=True)}
