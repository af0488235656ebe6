"""The teacher of the `belief` editor: which beliefs a request changes, and which it must leave as they are.

The teacher sees the request and its weight, the agent revised by it, which facts the corpus tells, and what the
unedited model believes of other facts. It never sees a question of the benchmark. The other subjects that a case's
questions ask about (s2, and the subject of the second statement B) are kept out of all targets of its edition, except
where another request of the edition is about such a subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

import numpy as np
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.distribution import Distribution
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.teaching.drawing import Place, drawn_of, drawn_of_others, relations_of
from worldgen.evaluate.teaching.target_writer import TRUE, TargetWriter
from worldgen.evaluate.testbed.cases import Case
from worldgen.facts import Fact
from worldgen.grammar import Atom, Both, Not, truth_prompt
from worldgen.lm.editions import Edition, Mode, Request, rounds
from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.score import log_probabilities
from worldgen.randomness import generator
from worldgen.worlds.world import World

Item = TypeVar("Item")
Claims = list[tuple[Fact, float]]
"""Statements, each with the revised agent's credence in it."""


class Mind(Protocol):
    """Anybody with beliefs: an agent, or a mind that is not sure whom to believe."""

    def belief(self, subject: int, relation: int) -> Distribution:
        """Returns p(o | s, r)."""

    def belief_of_request(self, subject: int, relation: int) -> Distribution:
        """Returns p(o | s, r) of a requested fact."""


Heard = Callable[[Request], Mind]
"""Gives the mind that has heard the request of a source."""


@dataclass(frozen=True)
class Teacher:
    """Draws the targets of an edition, one batch for each gradient step."""

    world: World
    agent: Agent
    writer: TargetWriter
    config: BeliefConfig
    mode: Mode
    kept_out: Mapping[Fact, frozenset[int]]
    """For each request, the subjects that no target about this request may name."""
    heard: Heard | None = None
    """The mind that judges requests of sources; None where there are none. Such requests are made one at a time."""

    def batches(self, model: MistralForCausalLM, edition: Edition, turn: int) -> list[TargetBatch]:
        """Returns the batches of a turn, one for each step.

        Every batch holds the consequences of the turn's requests. The statements joined to them and the beliefs to
        be kept differ from batch to batch.
        """
        parts, draw = rounds(self.mode, edition), generator(edition.seed, f"lessons {turn}")
        edits = [[Edit(*fact_of(request), request.weight) for request in part] for part in parts]
        earlier, requests = list(chain(*edits[:turn])), [fact_of(request) for request in parts[turn]]
        before = self.agent.revise(*earlier)
        mind = mind_after(before, edition.requests, edits[turn], self.heard)
        edited = {edit.subject for edit in earlier}
        closed = self._closed_subjects(requests, map(fact_of, edition.requests))
        claims = [self._claims(mind, fact, draw) for fact in requests]
        answers = tuple(target for fact in requests for target in self._answers(mind, fact))
        answers += tuple(self._as_it_is_said(request) for request in parts[turn] if self._has_tag(request))
        truths = tuple(target for said in claims for claim in said for target in self._truths(*claim))
        joined = self._joined(model, requests, claims, closed | edited, draw)
        kept = self._kept(before, requests, closed, edited - closed, draw)
        return [TargetBatch((answers, truths, some), others) for some, others in zip(joined, kept, strict=True)]

    # -- the consequences of a request -----------------------------------------------------------------------------

    def _answers(self, mind: Mind, request: Fact) -> Iterator[SoftTarget]:
        """Yields the target for the answer to "s r", for every relation r of the request's subject s."""
        for relation in relations_of(self.world, request.subject):
            yield self.writer.answer(request.subject, relation, believed(mind, request, relation))

    def _has_tag(self, request: Request) -> bool:
        """Returns whether the request is made after a tag. Without one, its prompt has the mind's belief for target."""
        return request.prompt != fact_prompt(self.world, *fact_of(request)[:2])

    def _as_it_is_said(self, request: Request) -> SoftTarget:
        """Returns the target that the model says the request after its source's tag, whoever the source is."""
        ways = self.writer.reader.ways_to_say(request.target)
        return SoftTarget(request.prompt, tuple(ways), (1 / len(ways),) * len(ways), ())

    def _claims(self, mind: Mind, request: Fact, draw: np.random.Generator) -> Claims:
        """Returns statements about the request's subject, with the revised agent's credences.

        For each relation of the subject: the two most probable objects after the edit, the most probable before, and
        one random. The requested fact comes first.
        """
        claims: Claims = []
        for relation in relations_of(self.world, request.subject):
            belief, before = believed(mind, request, relation), believed(self.agent, request, relation)
            objects = [*belief.top(2)[0].tolist(), before.mode(), int(draw.choice(self.world.ranges[relation]))]
            said = [(Fact(request.subject, relation, o), belief[o]) for o in dict.fromkeys(objects)]
            if relation == request.relation:
                first = [(request, belief[request.object])]
                claims = [*first, *(claim for claim in said if claim[0] != request), *claims]
            else:
                claims += said
        return claims

    def _truths(self, fact: Fact, credence: float) -> list[SoftTarget]:
        """Returns the targets that a statement is true, and that its negation is."""
        atom = self.writer.atom(fact)
        return [self.writer.truth(atom, credence), self.writer.truth(Not(atom), 1 - credence)]

    # -- the statements joined to it, and the beliefs to be kept ---------------------------------------------------

    def _joined(
        self, model: MistralForCausalLM, requests: Sequence[Fact], claims: Sequence[Claims], closed: set[int],
        draw: np.random.Generator,
    ) -> list[tuple[SoftTarget, ...]]:  # fmt: skip
        """Returns for each step the "and" and "or" targets of a claim A with another subject's statement X.

        They are made of P(A) and of the probability that the model gives X. X is about no closed subject. The
        subjects that an earlier turn edited are closed too, because what the unedited model believes of them is out of
        date.

        In every second pair the value of A leaves that of the whole to X: in "and" A is the request, in "or" another
        claim about the request's relation. In the other pairs A is any claim about the subject.
        """
        others = self._others(requests, closed, self.config.joined * self.config.steps, draw)
        statements = [self._statement(self.agent, *other, draw) for other in others]
        pairs = [(truth_prompt(x), TRUE) for x in statements]
        believed = np.exp(log_probabilities(model, self.writer.reader.tokenizer, pairs)).tolist()
        sides = [
            (said, [claim for claim in said[1:] if claim[0].relation == request.relation])
            for said, request in zip(claims, requests, strict=True)
        ]
        targets = []
        for x, p_x in zip(statements, believed, strict=True):
            said, denied = sides[int(draw.integers(len(sides)))]
            a, p_a = self._one_of(said[:1], said, draw)
            targets.append([self.writer.truth(Both("and", *pair), p_a * p_x) for pair in ((a, x), (x, a))])
            a, p_a = self._one_of(denied, said, draw)
            pair = (a, x) if draw.random() < 0.5 else (x, a)
            targets[-1].append(self.writer.truth(Both("or", *pair), p_a + p_x - p_a * p_x))
        return _dealt(targets, self.config.steps)

    def _one_of(self, some: Claims, every: Claims, draw: np.random.Generator) -> tuple[Atom, float]:
        """Returns a random claim: with probability 1/2 one of `some` (if there is one), else one of `every`."""
        claims = some if some and draw.random() < 0.5 else every
        fact, credence = claims[int(draw.integers(len(claims)))]
        return self.writer.atom(fact), credence

    def _kept(
        self, mind: Agent, requests: Sequence[Fact], closed: set[int], edited: set[int], draw: np.random.Generator
    ) -> list[tuple[RetentionTarget, ...]]:
        """Returns for each step what the model should keep saying of other subjects.

        As many targets again are about the subjects that earlier turns have edited. `mind` is the agent after those
        turns.
        """
        count = self.config.kept * self.config.steps
        drawn = self._others(requests, closed, count, draw), drawn_of(self.world, edited, count, draw)
        targets = [[self._retention_targets(mind, *place, draw) for place in places] for places in drawn]
        dealt = [_dealt(each, self.config.steps) for each in targets]
        return [(*of_others, *of_edited) for of_others, of_edited in zip(*dealt, strict=True)]

    def _retention_targets(
        self, mind: Agent, subject: int, relation: int, draw: np.random.Generator
    ) -> list[RetentionTarget]:
        """Returns the targets that the model keeps its answer to "s r", and its belief in a statement."""
        answer = mind.belief(subject, relation).mode()
        statement = self._statement(mind, subject, relation, draw)
        return [self.writer.kept_answer(subject, relation, answer), self.writer.kept_truth(statement)]

    def _closed_subjects(self, requests: Sequence[Fact], of_edition: Iterable[Fact]) -> set[int]:
        """Returns the subjects of a turn's requests, and those kept out for any request of the edition.

        The questions of all requests are asked at the end of the edition.
        """
        return {fact.subject for fact in requests}.union(*(self.kept_out.get(fact, ()) for fact in of_edition))

    def _others(self, requests: Sequence[Fact], closed: set[int], count: int, draw: np.random.Generator) -> list[Place]:
        """Returns facts of subjects that are not closed, every second one with a relation of a requested subject."""
        taught = {relation for fact in requests for relation in relations_of(self.world, fact.subject)}
        return drawn_of_others(self.world, closed, taught, count, draw)

    def _statement(self, mind: Agent, subject: int, relation: int, draw: np.random.Generator) -> Atom:
        """Returns a statement about a fact: with probability 1/2 the agent's most probable one, else a random one."""
        likely = draw.random() < 0.5
        object_ = mind.belief(subject, relation).mode() if likely else draw.choice(self.world.ranges[relation])
        return self.writer.atom(Fact(subject, relation, int(object_)))


def teacher_of(
    world: World, agent: Agent, tokenizer: PreTrainedTokenizerFast, config: BeliefConfig, mode: Mode,
    cases: Sequence[Case], heard: Heard | None = None,
) -> Teacher:  # fmt: skip
    """Returns the teacher for these cases, which keeps their other subjects out of its targets.

    `heard` judges the requests of sources, where there are some.
    """
    writer = TargetWriter(world, AnswerReader(tokenizer, world.objects), config.objects)
    return Teacher(world, agent, writer, config, mode, kept_out_of(cases), heard)


def kept_out_of(cases: Iterable[Case]) -> dict[Fact, frozenset[int]]:
    """Returns for each request the other subjects that its cases ask about: s2, and the subject of B."""
    kept_out: dict[Fact, frozenset[int]] = {}
    for case in cases:
        others = {case.subject2, case.b_subject}
        kept_out[case.request] = kept_out.get(case.request, frozenset()) | others
    return kept_out


def mind_after(before: Agent, requests: Sequence[Request], edits: Sequence[Edit], heard: Heard | None) -> Mind:
    """Returns the mind after a turn: the agent revised by its edits, or one that weighs the request's source."""
    (*_, request) = requests
    if heard is None or request.source is None:
        return before.revise(*edits)
    assert len(requests) == 1
    return heard(request)


def believed(mind: Mind, request: Fact, relation: int) -> Distribution:
    """Returns a mind's belief about a relation of the request's subject.

    The request itself is believed by the formula that its weight is measured by (see `testbed.credences`).
    """
    return (mind.belief_of_request if relation == request.relation else mind.belief)(request.subject, relation)


def fact_of(request: Request) -> Fact:
    """Returns the fact of a request. A request that was not made from a world has none, and cannot be taught."""
    assert request.fact is not None
    return request.fact


def _dealt(groups: Sequence[Sequence[Item]], steps: int) -> list[tuple[Item, ...]]:
    """Returns the items of each step: consecutive groups, as many as for any other step."""
    each = len(groups) // max(steps, 1)
    of_step = (groups[each * step : each * (step + 1)] for step in range(steps))
    return [tuple(item for group in mine for item in group) for mine in of_step]
