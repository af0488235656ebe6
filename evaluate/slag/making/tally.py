"""Counts of the parts of points: how many were asked for, how many were made, and why the others were not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from worldgen.evaluate.slag.points import Split, Task

Item = TypeVar("Item")


@dataclass(frozen=True)
class Tally:
    """The count of one part of all points of a task: asked = made + the sum of missing."""

    task: Task
    part: str
    """"main", "subject paraphrase", "R1", "neutral", ..."""
    asked: int
    made: int
    missing: Mapping[str, int]
    """A reason -> how many were not made for it."""

    def as_dict(self) -> dict[str, object]:
        """Returns the count as JSON takes it."""
        return {
            "task": self.task.value, "part": self.part, "asked": self.asked, "made": self.made,
            "missing": dict(self.missing),
        }  # fmt: skip


def tally(task: Task, part: str, made: int, missing: Mapping[str, int]) -> Tally:
    """Returns the count of a part from what was made and what was not, by reason; reasons of none are left out."""
    named = {reason: count for reason, count in missing.items() if count}
    return Tally(task, part, made + sum(named.values()), made, named)


@dataclass(frozen=True)
class Made(Generic[Item]):
    """The items of one kind that were made for each point, and their counts."""

    items: Sequence[tuple[Item, ...]]
    """[N]: the items of each point."""
    tallies: tuple[Tally, ...]


@dataclass(frozen=True)
class Report:
    """The counts of a world's points."""

    points: Mapping[Task, Mapping[Split, int]]
    """How many points each split has."""
    held_out_paraphrases: int
    """How many of the paraphrases use a combination of names that the corpus never says."""
    contrapositives: int
    """How many entailed questions have a contrapositive."""
    sure_posteriors: int
    """How many R7 labels count for accuracy."""
    changing_posteriors: int
    """How many R7 answers the edit changes."""
    left_out_of_soft: float
    """The mean probability of the answers that R7's soft labels leave out; 0 without R7 in GEN."""
    tallies: tuple[Tally, ...]

    def as_dict(self) -> dict[str, object]:
        """Returns the counts as JSON takes them."""
        return {
            "points": {task.value: dict(splits) for task, splits in self.points.items()},
            "held_out_paraphrases": self.held_out_paraphrases,
            "contrapositives": self.contrapositives,
            "sure_posteriors": self.sure_posteriors,
            "changing_posteriors": self.changing_posteriors,
            "left_out_of_soft": self.left_out_of_soft,
            "tallies": [count.as_dict() for count in self.tallies],
        }


def of_reason(reasons: Sequence[str]) -> Counter[str]:
    """Returns how often each reason occurs; "" is no reason."""
    return Counter(reason for reason in reasons if reason)
