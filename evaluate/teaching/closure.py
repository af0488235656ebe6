"""The closure of requests: what the agent deduces from them, as further requests that any editor can learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from worldgen.bayes.agent import Agent, Edit
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.teaching.drawing import relations_of
from worldgen.evaluate.teaching.teacher import Heard, Mind, believed, fact_of, mind_after
from worldgen.facts import Fact
from worldgen.grammar import Atom, Formula, Not, truth_prompt
from worldgen.lm.editions import Edition, Mode, Request
from worldgen.worlds.world import World


class Turn(NamedTuple):
    """A turn's requests, the agent before it and the mind after it."""

    requests: tuple[Request, ...]
    before: Agent
    after: Mind


def turns_of(agent: Agent, mode: Mode, edition: Edition, heard: Heard | None = None) -> Iterator[Turn]:
    """Yields the edition's turns: all requests together, or one at a time, each after the earlier ones."""
    parts = [edition.requests] if mode == "together" else [(request,) for request in edition.requests]
    for part in parts:
        edits = [Edit(*fact_of(request), request.weight) for request in part]
        yield Turn(part, agent, mind_after(agent, part, edits, heard))
        agent = agent.revise(*edits)


def statement(formula: Formula, subject: str, truth: bool) -> Request:
    """Returns the request that the model says of a formula that it is true, or that it is false."""
    prompt = truth_prompt(formula)
    return Request(prompt, "true" if truth else "false", subject=prompt[: prompt.index(subject) + len(subject)])


@dataclass(frozen=True)
class Closure:
    """The request and what the agent deduces from it, as requests with hard labels.

    They are: the request; for every relation of its subject whose most probable object changes, the new one; for the
    new and the old object of these relations and of the request, whether the statement is true (the credence is above
    1/2), and whether its negation is. What does not change is not requested.
    """

    world: World
    agent: Agent
    mode: Mode
    heard: Heard | None = None

    def __call__(self, edition: Edition) -> Edition:
        """Returns the edition, each of its requests with what the agent deduces from it."""
        turns = turns_of(self.agent, self.mode, edition, self.heard)
        requests = (
            replace(request, learned_as=self._closed(turn, request)) for turn in turns for request in turn.requests
        )
        return replace(edition, requests=tuple(requests))

    def _closed(self, turn: Turn, request: Request) -> tuple[Request, ...]:
        """Returns the request and its consequences, each once."""
        fact = fact_of(request)
        of_relations = (self._consequences(turn, fact, relation) for relation in relations_of(self.world, fact.subject))
        first = {(request.prompt, request.target): replace(request, learned_as=())}
        further = {(each.prompt, each.target): each for each in chain(*of_relations)}
        return tuple((first | further | first).values())  # the request is the first, as it is

    def _consequences(self, turn: Turn, request: Fact, relation: int) -> Iterator[Request]:
        """Yields what follows for one relation of the request's subject."""
        before, after = believed(turn.before, request, relation), believed(turn.after, request, relation)
        old, new, named = before.mode(), after.mode(), self.world.subjects[request.subject]
        if new != old:
            prompt = fact_prompt(self.world, request.subject, relation)
            yield Request(prompt, f"{self.world.objects[new]}.", subject=named)
        objects = [request.object, old] if relation == request.relation else [new, old] if new != old else []
        for object_ in dict.fromkeys(objects):
            atom = Atom(named, self.world.relations[relation], self.world.objects[object_])
            yield statement(atom, named, after[object_] > 0.5)
            yield statement(Not(atom), named, after[object_] < 0.5)
