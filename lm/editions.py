"""Editions of a model. An edition is the model after certain requests; an editor makes it, and it costs something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from worldgen.facts import Fact

if TYPE_CHECKING:  # asking the agent reads `Mode`, and importing transformers takes longer than the answer
    from transformers import PreTrainedModel

Mode = Literal["single", "sequential", "together"]


@dataclass(frozen=True)
class Request:
    """A request to an editor: the model is to continue `prompt` with `target`."""

    prompt: str
    """It reads "subject relation", after the tag of a source that makes the request."""
    target: str
    """It reads "object.", with its full stop."""
    weight: float = 1.0
    """How many observations the request is worth to the agent."""
    subject: str = ""
    """The beginning of the prompt, for methods that need to know where the subject ends."""
    fact: Fact | None = None
    """The requested fact as ids of the world's subject, relation and object; None for a request that was not made from
    a world."""
    source: int | None = None
    """The number of the source that makes the request; None where requests are nobody's."""
    learned_as: tuple[Request, ...] = ()
    """The requests that an editor learns in its place; empty: the request itself."""

    @property
    def sentence(self) -> str:
        """The request as a sentence of the corpus, with its full stop."""
        return f"{self.prompt} {self.target.removesuffix('.')}."


@dataclass(frozen=True)
class Edition:
    """The model after these requests."""

    requests: tuple[Request, ...]
    seed: int
    """Decides every random draw of the editor."""
    name: str = ""
    """The name that the edition's files have."""


@dataclass(frozen=True)
class Cost:
    """The cost of an edition."""

    losses: tuple[float, ...] = ()
    """losses[i] is the loss before gradient step i."""
    flops: int = 0
    """Floating point operations, counted."""

    def __add__(self, later: Cost) -> Cost:
        """Returns the cost of both, one after the other."""
        return Cost(self.losses + later.losses, self.flops + later.flops)


def _one_for_all(_: Sequence[int]) -> None:
    """Does nothing: the model is one edition, and every row of a batch belongs to it."""


@dataclass(frozen=True)
class Edited:
    """A model that is several editions at once, as long as the editor's context lasts."""

    model: PreTrainedModel
    costs: tuple[Cost, ...]
    """One cost for each edition."""
    route: Callable[[Sequence[int]], None] = _one_for_all
    """`route([e0, e1, ...])` says which edition each row of the next batches belongs to, until it is called again."""
    prefaces: tuple[str, ...] = ()
    """prefaces[e] is a text that edition e reads before every prompt; empty if no edition has one."""

    def prompt(self, edition: int, prompt: str) -> str:
        """Returns the text that the edition reads when it is asked `prompt`: after its preface, if it has one."""
        preface = self.prefaces[edition] if self.prefaces else ""
        return f"{preface} {prompt}" if preface else prompt


Model = TypeVar("Model", bound="PreTrainedModel", contravariant=True)


class Editor(Protocol[Model]):
    """An editing method for models of a kind: our Mistral, or any causal language model of transformers."""

    @property
    def name(self) -> str:
        """The name of the method's folder and files."""

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns how many of these editions one call of `edit` takes; 1 if it changes the model's own weights."""

    def edit(self, model: Model, editions: Sequence[Edition]) -> AbstractContextManager[Edited]:
        """Gives a context in which the model is these editions; after it the model is what it was before.

        The editions are a function of (model, editions) alone.
        """


def rounds(mode: Mode, edition: Edition) -> list[tuple[Request, ...]]:
    """Returns the groups of requests that are learned one after another.

    In mode "together" there is one group with all requests; otherwise each request is a group. A request stands in its
    group as what it is learned as.
    """
    groups = [edition.requests] if mode == "together" else [(request,) for request in edition.requests]
    return [tuple(chain(*(request.learned_as or (request,) for request in group))) for group in groups]
