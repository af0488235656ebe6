"""Editions of a model: the requests that each holds, what it cost, and the model that is several of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from transformers import MistralForCausalLM, PreTrainedModel

from worldgen.facts import Fact

Mode = Literal["single", "sequential", "together"]


@dataclass(frozen=True)
class Request:
    """Make `target` what follows `prompt`: prompt "subject relation", target "object." with its full stop.

    `weight` is how many observations the request is worth to the agent; `subject` is what the prompt begins
    with, for a method that asks for it. `fact` is the requested fact as ids of the world's subject, relation and
    object; None for a request that was not made from a world.
    """

    prompt: str
    target: str
    weight: float = 1.0
    subject: str = ""
    fact: Fact | None = None

    @property
    def sentence(self) -> str:
        """The request as the corpus would say it, closed by its full stop."""
        return f"{self.prompt} {self.target.removesuffix('.')}."


@dataclass(frozen=True)
class Edition:
    """The model after these requests; `seed` decides all that its editor draws, `name` is what it is filed under."""

    requests: tuple[Request, ...]
    seed: int
    name: str = ""


@dataclass(frozen=True)
class Cost:
    """What an edition cost: losses[i] is the loss before gradient step i; `flops` are operations, counted."""

    losses: tuple[float, ...] = ()
    flops: int = 0

    def __add__(self, later: Cost) -> Cost:
        """Of both, one after the other."""
        return Cost(self.losses + later.losses, self.flops + later.flops)


def _one_for_all(_: Sequence[int]) -> None:
    """Every row of a batch belongs to the one edition that the model is."""


@dataclass(frozen=True)
class Edited:
    """A model that is several editions at once, while they last.

    `costs` has one entry an edition. `route([e0, e1, ...])` says which edition each row of the coming batch
    belongs to, until it is called again. `prefaces[e]` is a text that edition e reads before every prompt.
    """

    model: PreTrainedModel
    costs: tuple[Cost, ...]
    route: Callable[[Sequence[int]], None] = _one_for_all
    prefaces: tuple[str, ...] = ()

    def prompt(self, edition: int, prompt: str) -> str:
        """What the edition reads when it is asked `prompt`."""
        preface = self.prefaces[edition] if self.prefaces else ""
        return f"{preface} {prompt}" if preface else prompt


class Editor(Protocol):
    """An editing method."""

    @property
    def name(self) -> str:
        """The name of its folder and files."""

    def at_once(self, editions: Sequence[Edition]) -> int:
        """How many of these editions `edit` takes in one call; 1 for a method that changes the model's own weights."""

    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> AbstractContextManager[Edited]:
        """A context in which the model is these editions, by (model, editions) alone; afterwards it is not."""


def rounds(mode: Mode, edition: Edition) -> list[tuple[Request, ...]]:
    """What an edition learns one after another: all its requests as one in mode "together", else each by itself."""
    return [edition.requests] if mode == "together" else [(request,) for request in edition.requests]
