"""How a learned optimizer is taught by updates, and what is measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from worldgen.lm.editors.learned.objective import Loss
from worldgen.lm.texts import Text


class Asked(Protocol):
    """A request as a learned optimizer of SLAG's architecture gets it."""

    @property
    def condition(self) -> list[int]:
        """The ids that the network reads."""

    @property
    def main(self) -> Text:
        """The input and the label, whose gradient the change is made of."""


Lesson = TypeVar("Lesson", contravariant=True)


@dataclass(frozen=True)
class Measured:
    """Measurements of S sequences of r updates: means over the updates."""

    taught: float
    """The mean of the loss's first part, summed over the steps whose losses count."""
    kept: float
    """The mean of its second part, not multiplied by the price."""
    steps: float
    """The mean number of steps."""
    learned: float
    """The share of updates whose label is what the model predicts at the end, teacher-forced. It is 0 for lessons,
    which have all steps whatever is predicted."""


class Learner(Protocol[Lesson]):
    """Goes through updates and finds the gradient in the network's parameters.

    An update has at most `training_steps` steps. For SLAG's objective it has none once its label is what the model
    predicts, that is, the argmax at each token of the label, teacher-forced. Update i of a sequence begins from the
    weights that update i - 1 has left. Weights that are left are constants: the gradient of a step's loss goes through
    that step's change alone.
    """

    def learn(self, sequences: Sequence[Sequence[Lesson]], price: float) -> Measured:
        """Adds to the network's `.grad` that of the mean over all updates of taught + price * kept.

        There is a backward pass for every step, so that memory depends neither on the number of steps nor on the length
        of the sequences.
        """


class Tally:
    """Adds up what is measured, on the device until it is asked for."""

    def __init__(self, updates: int) -> None:
        self.updates, self.steps, self.learned = updates, 0, 0
        self.losses: list[Loss] = []

    def add(self, loss: Loss) -> None:
        """Adds a loss that counts."""
        self.losses.append(Loss(loss.taught.detach().sum(), loss.kept.detach().sum()))

    def measured(self) -> Measured:
        """Returns the means."""
        return Measured(
            sum(loss.taught.item() for loss in self.losses) / self.updates,
            sum(loss.kept.item() for loss in self.losses) / self.updates,
            self.steps / self.updates,
            self.learned / self.updates,
        )
