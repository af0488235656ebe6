"""What an edited model should believe: lessons and habits, on sheets that are learned from one at a step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Pair = tuple[str, str]  # a prompt and what follows it


@dataclass(frozen=True)
class SoftTarget:
    """After `prompt`, each of `continuations` should have the probability beside it in `credences`.

    There is one at least. All others that begin with a token should have what is beside it in `rest`; it adds up to 1.
    """

    prompt: str
    continuations: tuple[str, ...]
    credences: tuple[float, ...]
    rest: tuple[tuple[int, float], ...]

    @property
    def pairs(self) -> list[Pair]:
        """Its texts."""
        return [(self.prompt, said) for said in self.continuations]


@dataclass(frozen=True)
class RetentionTarget:
    """After `prompt`, and at every token of `continuation`, the model should go on as it did before the turn."""

    prompt: str
    continuation: str

    @property
    def pairs(self) -> list[Pair]:
        """Its text."""
        return [(self.prompt, self.continuation)]


@dataclass(frozen=True)
class TargetBatch:
    """Lessons of several kinds, and habits, which are one kind more.

    The kinds that have members count alike, however many these are; so do the members of a kind.
    """

    soft_targets: tuple[tuple[SoftTarget, ...], ...]
    retention_targets: tuple[RetentionTarget, ...]

    def weighted_soft_targets(self) -> Iterator[tuple[SoftTarget, float]]:
        """Each lesson with what it counts; with the habits' shares they add up to 1."""
        return ((lesson, self._share(len(kind))) for kind in self.soft_targets for lesson in kind)

    def weighted_retention_targets(self) -> Iterator[tuple[RetentionTarget, float]]:
        """Each habit with what it counts."""
        return ((habit, self._share(len(self.retention_targets))) for habit in self.retention_targets)

    def _share(self, size: int) -> float:
        return 1.0 / (size * sum(len(kind) > 0 for kind in (*self.soft_targets, self.retention_targets)))
