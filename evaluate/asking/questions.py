"""Questions to a model. What an experiment takes for the right reply to them is its own affair, and not here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from worldgen.worlds.world import World


class QuestionKind(Enum):
    """A kind of question to the model."""

    ANSWER = "answer"
    """The object that the model says after the prompt, by greedy completion."""
    OBJECT = "object"
    """The probability that an object follows the prompt: the sum over the object's names."""
    WORDS = "words"
    """The probability that exactly these words follow the prompt."""


@dataclass(frozen=True)
class Question:
    """One question of an experiment to a model."""

    case: int
    """The number of the case that the question belongs to."""
    about: str
    """The thing that the question is about, such as a fact or a statement of the case."""
    form: str
    """The form in which the question is put; (about, form) is unique in a case."""
    kind: QuestionKind
    prompt: str
    """The text that the model reads."""
    target: str
    """The text whose probability is asked for; "" in a question of kind ANSWER."""

    @property
    def name(self) -> str:
        """The question's name in files."""
        return name_of(self.about, self.form)


def name_of(about: str, form: str) -> str:
    """Returns the name in files of a question: "s1r1/answer". Nothing is ever cut out of such a name again."""
    return f"{about}/{form}"


def fact_prompt(world: World, subject: int, relation: int) -> str:
    """Returns the prompt "subject relation", which an object is to follow."""
    return f"{world.subjects[subject]} {world.relations[relation]}"
