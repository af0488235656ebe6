"""Reading a model's free answer: which object, closed by its full stop, its tokens begin with; by any of its names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.facts import Vocabulary
from worldgen.lm.score import greedy, log_probabilities
from worldgen.lm.texts import continuations


@dataclass(frozen=True)
class AnswerReader:
    """Objects' names as token sequences that end in the full stop; none begins with another (`labels`)."""

    tokenizer: Any
    objects: Vocabulary

    @cached_property
    def _spelled(self) -> list[list[int]]:
        """Every name and its full stop as ids, object by object."""
        return continuations(self.tokenizer, [f"{name}." for name in self.objects.every_name])

    @cached_property
    def _first_tokens(self) -> NDArray[np.int64]:
        """[names]: what each of them begins with."""
        return np.array([ids[0] for ids in self._spelled])

    @cached_property
    def _object_of(self) -> dict[tuple[int, ...], str]:
        labels = [label for id_, label in enumerate(self.objects.labels) for _ in self.objects.names(id_)]
        return {tuple(ids): label for ids, label in zip(self._spelled, labels, strict=True)}

    def ways_to_say(self, answer: str) -> tuple[str, ...]:
        """Every way to give an answer, an object's label and its full stop (or the label alone): by each of its names.

        With the full stop they are disjoint events: p(o | s, r) is the sum of their probabilities.
        """
        label, stop = (answer, "") if answer in self._ids else (answer.removesuffix("."), ".")
        return tuple(name + stop for name in self.objects.names(self._ids[label]))

    def beginnings(self, credences: NDArray[np.floating]) -> tuple[tuple[int, float], ...]:
        """The tokens that answers begin with, and how probable each is by the objects' credences [K].

        An object's credence is shared alike by its names. Tokens rise; those that nothing begins with are left out.
        """
        names = self.objects.name_counts
        by_token = np.bincount(self._first_tokens, np.repeat(credences / names, names))
        tokens = np.flatnonzero(by_token)
        return tuple(zip(tokens.tolist(), by_token[tokens].tolist(), strict=True))

    def probabilities(
        self, model: Any, prompts: Sequence[str], answers: Sequence[str], editions: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """[N]: p(answer | prompt), summed over all ways to give it; editions[i] is asked the i-th, see `score`."""
        ways = [(i, (prompts[i], way)) for i, answer in enumerate(answers) for way in self.ways_to_say(answer)]
        asked = [i for i, _ in ways]
        of = None if editions is None else [editions[i] for i in asked]
        logs = log_probabilities(model, self.tokenizer, [pair for _, pair in ways], editions=of)
        return np.bincount(np.array(asked, dtype=int), np.exp(logs), minlength=len(answers)).astype(np.float64)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {label: id_ for id_, label in enumerate(self.objects.labels)}

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest name and its full stop: how far a model must be let speak."""
        return max(map(len, self._object_of))

    def read(self, ids: Sequence[int]) -> str:
        """The object said, or "" if it is none."""
        beginnings = (self._object_of.get(tuple(ids[:length])) for length in range(1, self.longest + 1))
        return next((label for label in beginnings if label is not None), "")

    def answers(self, model: Any, prompts: Sequence[str], editions: Sequence[int] | None = None) -> list[str]:
        """The model's greedy answer to each prompt "s r"; editions[i] gives the i-th, see `worldgen.lm.score`."""
        return [self.read(ids) for ids in greedy(model, self.tokenizer, prompts, self.longest, editions=editions)]
