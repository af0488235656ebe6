"""Reading a model's free answer: which object, closed by its full stop, its tokens begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lm.score import greedy
from lm.tokenizer import encode


@dataclass(frozen=True)
class AnswerReader:
    """Objects as token sequences that end in the full stop; none begins with another (see `worldgen.labels`)."""

    tokenizer: Any
    objects: tuple[str, ...]

    @cached_property
    def _object_of(self) -> dict[tuple[int, ...], str]:
        spelled = encode(self.tokenizer, [f"{label}." for label in self.objects])
        return {tuple(ids): label for ids, label in zip(spelled, self.objects, strict=True)}

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest object and its full stop: how far a model must be let speak."""
        return max(map(len, self._object_of))

    def read(self, ids: Sequence[int]) -> str:
        """The object said, or "" if it is none."""
        beginnings = (self._object_of.get(tuple(ids[:length])) for length in range(1, self.longest + 1))
        return next((label for label in beginnings if label is not None), "")

    def answers(self, model: Any, prompts: Sequence[str]) -> list[str]:
        """The model's greedy answer to each prompt "s r"."""
        return [self.read(ids) for ids in greedy(model, self.tokenizer, prompts, self.longest)]
