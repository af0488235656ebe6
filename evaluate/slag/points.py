"""Points: a main question with its labels, and the questions that belong to it.

Two tasks (Hase et al., 2021, section 3): GEN asks "s r" and reads the answer that the model generates, TF asks
'"s r o" is' and reads "true" or "false", whichever the model holds more probable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from worldgen.facts import Fact


class Task(Enum):
    """The two tasks."""

    GEN = "gen"
    TF = "tf"


Split = Literal["train", "dev", "test"]
Paraphrased = Literal["subject", "relation", "both"]
TRUE, FALSE = "true", "false"


@dataclass(frozen=True)
class Asked:
    """A prompt, and the predictions that are right for it. In TF they are ("true",) or ("false",)."""

    prompt: str
    eligible: tuple[str, ...]


@dataclass(frozen=True)
class Paraphrase:
    """The main question in other words: its eligible predictions are the main question's."""

    asked: Asked
    part: Paraphrased
    """The part that has another name."""
    held_out: bool = False
    """Whether the corpus never says this combination of names."""


@dataclass(frozen=True)
class Entailed:
    """A question whose answer follows from the main one, as long as the main belief is `when`."""

    asked: Asked
    rule: str
    """The rule that it follows by: R1 .. R7, or a name of somebody's own."""
    when: str
    """The main belief under which it follows: "true", "false", or an answer."""
    contrapositive: bool = False
    """Whether a wrong prediction here implies that the main prediction must be false (TF only)."""
    soft: tuple[tuple[str, float], ...] = ()
    """R7: the agent's posterior over answers, the largest first; () where the label is certain. In GEN its tail may be
    left out, so that the probabilities come to less than 1."""
    for_accuracy: bool = True
    """Whether the label is sure enough to count for accuracy. An R7 label whose margin (the first probability of `soft`
    minus the second) is below tau is not; its distance from the posterior counts."""
    changes: bool | None = None
    """R7: whether the edit changes the agent's answer to this question; None where no agent was asked."""

    @property
    def needs_the_update(self) -> bool:
        """Whether the answer follows from the update only, and not from the main belief by itself.

        So it is where the label is an agent's posterior after the update (`soft`): before it, nobody has to agree.
        """
        return bool(self.soft)


@dataclass(frozen=True)
class Neutral:
    """A question of the same subject that the main belief says nothing about (local neutral)."""

    asked: Asked
    fact: Fact | None = None
    """The fact that is asked about, in TF with the stated object; None outside our world."""


@dataclass(frozen=True)
class Point:
    """A main question and all that belongs to it."""

    id: str
    """Unique among the points of a task."""
    task: Task
    split: Split
    subject: str
    """The unit that is never in two splits."""
    main: Asked
    paraphrases: tuple[Paraphrase, ...] = ()
    entailed: tuple[Entailed, ...] = ()
    neutral: tuple[Neutral, ...] = ()
    alternatives: tuple[str, ...] = ()
    """Wrong labels that a "changing" update may ask for: other objects of the relation, or the other truth value."""
    fact: Fact | None = None
    """The fact that the main question is about, for methods that ask the agent; None outside our world. Its object is
    the truth in GEN, in TF the stated one."""
    weight: float = 1.0
    """How many observations of `fact` an update is worth to the agent: n'."""
    alternative_weights: tuple[float, ...] = ()
    """GEN: n' of each alternative, in the order of `alternatives`; () outside our world, and in TF."""


def is_active(entailed: Entailed, label: str) -> bool:
    """Returns whether an entailed point follows once the main belief is `label` (A2: `entailment_active`)."""
    return entailed.when == label


def questions_of(point: Point) -> Iterator[tuple[str, Asked]]:
    """Yields every question of a point in its one order, with the name of its field: "main", "paraphrases.0", ..."""
    yield "main", point.main
    yield from ((f"paraphrases.{i}", paraphrase.asked) for i, paraphrase in enumerate(point.paraphrases))
    yield from ((f"entailed.{i}", entailed.asked) for i, entailed in enumerate(point.entailed))
    yield from ((f"neutral.{i}", neutral.asked) for i, neutral in enumerate(point.neutral))


def other_truth(truth: str) -> str:
    """Returns "false" for "true", else "true"."""
    return FALSE if truth == TRUE else TRUE
