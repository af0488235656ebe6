"""The targets of an edited model: soft targets and retention targets, in a batch for each step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Pair = tuple[str, str]  # a prompt and its continuation


@dataclass(frozen=True)
class SoftTarget:
    """The probabilities that the model should give to continuations of a prompt; they add up to 1."""

    prompt: str
    continuations: tuple[str, ...]
    """the continuations that are named, at least one"""
    credences: tuple[float, ...]
    """the probability that each named continuation should have"""
    rest: tuple[tuple[int, float], ...]
    """(token, probability): the probability that all unnamed continuations that begin with this token should have"""

    @property
    def pairs(self) -> list[Pair]:
        """The prompt with each named continuation."""
        return [(self.prompt, continuation) for continuation in self.continuations]


@dataclass(frozen=True)
class RetentionTarget:
    """A text on which the model should predict as it did before the turn, at every token of `continuation`."""

    prompt: str
    continuation: str

    @property
    def pairs(self) -> list[Pair]:
        """The prompt with its continuation."""
        return [(self.prompt, self.continuation)]


@dataclass(frozen=True)
class TargetBatch:
    """The targets of one step: soft targets of several kinds, and retention targets, which are one kind more.

    Each kind that has targets has the same weight, however many targets it has; the targets of a kind share its weight
    equally. The weights add up to 1.
    """

    soft_targets: tuple[tuple[SoftTarget, ...], ...]
    retention_targets: tuple[RetentionTarget, ...]

    def weighted_soft_targets(self) -> Iterator[tuple[SoftTarget, float]]:
        """Yields each soft target with its weight."""
        return ((target, self._weight(len(kind))) for kind in self.soft_targets for target in kind)

    def weighted_retention_targets(self) -> Iterator[tuple[RetentionTarget, float]]:
        """Yields each retention target with its weight."""
        return ((target, self._weight(len(self.retention_targets))) for target in self.retention_targets)

    def _weight(self, size: int) -> float:
        """Returns the weight of a target whose kind has `size` targets."""
        return 1.0 / (size * sum(len(kind) > 0 for kind in (*self.soft_targets, self.retention_targets)))
