"""What follows from a request, as lessons for the `belief` editor.

The teacher sees: the request and its weight; the agent, revised by it; which facts the corpus is about; and what the
unedited model believes of other facts. It never sees a probe. Subjects that a case's probes ask about beside the
request's own (s2, and that of the second statement B) are kept out of all lessons of its edition, but for those that
another of its requests is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.distribution import Distribution
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.teaching.drawing import Place, drawn_of, drawn_of_others, relations_of
from worldgen.evaluate.testbed.cases import Case
from worldgen.facts import Fact
from worldgen.grammar import Atom, Both, Formula, Not, truth_prompt
from worldgen.lm.editions import Edition, Mode, Request, rounds
from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.score import log_probabilities
from worldgen.lm.texts import continuations
from worldgen.randomness import generator
from worldgen.worlds.world import World

LEAST_CREDENCE = 1e-3  # objects below it are not spelled out
TRUE = "true"
Item = TypeVar("Item")
Claims = list[tuple[Fact, float]]  # statements with the revised agent's credence in each


@dataclass(frozen=True)
class Teacher:
    """`kept_out[s, r, o]`: the subjects that no lesson about this request may name."""

    world: World
    agent: Agent
    reader: AnswerReader
    config: BeliefConfig
    mode: Mode
    kept_out: Mapping[Fact, frozenset[int]]

    def batches(self, model: Any, edition: Edition, turn: int) -> list[TargetBatch]:
        """One for each step: on all of them what follows from the turn's requests, on each others' facts of its own."""
        parts, draw = rounds(self.mode, edition), generator(edition.seed, f"lessons {turn}")
        facts = {request: self._fact(request) for request in edition.requests}
        edits = [[Edit(*facts[request], request.weight) for request in part] for part in parts]
        earlier, requests = list(chain(*edits[:turn])), [facts[request] for request in parts[turn]]
        before, mind = self.agent.revise(*earlier), self.agent.revise(*earlier, *edits[turn])
        edited, closed = {edit.subject for edit in earlier}, self._closed(requests, facts.values())
        claims = [self._claims(mind, fact, draw) for fact in requests]
        answers = tuple(lesson for fact in requests for lesson in self._answers(mind, fact))
        truths = tuple(lesson for said in claims for claim in said for lesson in self._truths(*claim))
        joined = self._joined(model, requests, claims, closed | edited, draw)
        kept = self._kept(before, requests, closed, edited - closed, draw)
        return [TargetBatch((answers, truths, some), habits) for some, habits in zip(joined, kept, strict=True)]

    def _fact(self, request: Request) -> Fact:
        """The ids in a request, which is read as any sentence is."""
        atom = self.world.lexicon.parse(f"{request.prompt} {request.target.removesuffix('.')}.").formula
        assert isinstance(atom, Atom)
        world = self.world
        return Fact(
            world.subjects.id_of(atom.subject), world.relations.id_of(atom.relation), world.objects.id_of(atom.object)
        )

    # -- what follows ----------------------------------------------------------------------------------------------

    def _belief(self, mind: Agent, request: Fact, relation: int) -> Distribution:
        """Of the request itself by the root formula, which its weight is defined by (see `credences`)."""
        return (mind.root if relation == request.relation else mind.belief)(request.subject, relation)

    def _answers(self, mind: Agent, request: Fact) -> Iterator[SoftTarget]:
        """What should follow "s r", for every relation of the subject."""
        for relation in relations_of(self.world, request.subject):
            yield self._answer(request.subject, relation, self._belief(mind, request, relation))

    def _claims(self, mind: Agent, request: Fact, draw: np.random.Generator) -> Claims:
        """Of every relation of the subject the two best objects, the best before and any one; of the request itself
        first the requested one."""
        claims: Claims = []
        for relation in relations_of(self.world, request.subject):
            belief, before = self._belief(mind, request, relation), self._belief(self.agent, request, relation)
            objects = [*belief.top(2)[0].tolist(), before.mode(), int(draw.choice(self.world.ranges[relation]))]
            is_request = relation == request.relation
            said = [(Fact(request.subject, relation, o), belief[o]) for o in dict.fromkeys(objects)]
            if is_request:
                first = [(request, belief[request.object])]
                claims = [*first, *(claim for claim in said if claim[0] != request), *claims]
            else:
                claims += said
        return claims

    def _truths(self, fact: Fact, credence: float) -> list[SoftTarget]:
        """That a statement and its negation are true."""
        atom = self._atom(fact)
        return [self._truth(atom, credence), self._truth(Not(atom), 1 - credence)]

    # -- what goes with it, and what should stay -------------------------------------------------------------------

    def _joined(
        self, model: Any, requests: Sequence[Fact], claims: Sequence[Claims], closed: set[int], draw: Any
    ) -> list[tuple[SoftTarget, ...]]:
        """And / or of a claim A and another subject's statement X, by P(A) and what the model believes of X.

        X is of no closed subject. Those that an earlier turn edited are closed too: what the unedited model believes of
        them is out of date.

        Every other time A leaves the whole to X: in "and" it is the request, in "or" something else that was said of
        the request's relation; in between it is anything that was said of the subject.
        """
        others = self._others(requests, closed, self.config.joined * self.config.steps, draw)
        statements = [self._statement(self.agent, *other, draw) for other in others]
        pairs = [(truth_prompt(x), TRUE) for x in statements]
        believed = np.exp(log_probabilities(model, self.reader.tokenizer, pairs)).tolist()
        sides = [
            (said, [claim for claim in said[1:] if claim[0].relation == request.relation])
            for said, request in zip(claims, requests, strict=True)
        ]
        lessons = []
        for x, p_x in zip(statements, believed, strict=True):
            said, denied = sides[int(draw.integers(len(sides)))]
            a, p_a = self._one_of(said[:1], said, draw)
            lessons.append([self._truth(Both("and", *pair), p_a * p_x) for pair in ((a, x), (x, a))])
            a, p_a = self._one_of(denied, said, draw)
            pair = (a, x) if draw.random() < 0.5 else (x, a)
            lessons[-1].append(self._truth(Both("or", *pair), p_a + p_x - p_a * p_x))
        return _dealt(lessons, self.config.steps)

    def _one_of(self, some: Claims, all_: Claims, draw: np.random.Generator) -> tuple[Atom, float]:
        """A claim, every other time one of some of them."""
        claims = some if some and draw.random() < 0.5 else all_
        fact, credence = claims[int(draw.integers(len(claims)))]
        return self._atom(fact), credence

    def _kept(
        self, mind: Agent, requests: Sequence[Fact], closed: set[int], edited: set[int], draw: Any
    ) -> list[tuple[RetentionTarget, ...]]:
        """What the model says of other subjects, and as often of those that earlier turns have edited. `mind` is the
        agent after those turns."""
        count = self.config.kept * self.config.steps
        drawn = self._others(requests, closed, count, draw), drawn_of(self.world, edited, count, draw)
        habits = [[self._habits(mind, *place, draw) for place in places] for places in drawn]
        dealt = [_dealt(each, self.config.steps) for each in habits]
        return [(*of_others, *of_edited) for of_others, of_edited in zip(*dealt, strict=True)]

    def _habits(self, mind: Agent, subject: int, relation: int, draw: Any) -> list[RetentionTarget]:
        """What the model says after "s r", and of a statement's truth."""
        world = self.world
        answer = world.objects[mind.belief(subject, relation).mode()]
        statement = self._statement(mind, subject, relation, draw)
        asked = f"{world.subjects[subject]} {world.relations[relation]}"
        return [RetentionTarget(asked, f"{answer}."), RetentionTarget(truth_prompt(statement), TRUE)]

    def _closed(self, requests: Sequence[Fact], of_edition: Iterable[Fact]) -> set[int]:
        """The subjects of a turn's requests, and those that are kept out for any request of the edition, whose probes
        are all asked at its end."""
        return {fact.subject for fact in requests}.union(*(self.kept_out.get(fact, ()) for fact in of_edition))

    def _others(self, requests: Sequence[Fact], closed: set[int], count: int, draw: np.random.Generator) -> list[Place]:
        """Facts of subjects that are not closed, every second one of a relation that is taught."""
        taught = {relation for fact in requests for relation in relations_of(self.world, fact.subject)}
        return drawn_of_others(self.world, closed, taught, count, draw)

    def _statement(self, mind: Agent, subject: int, relation: int, draw: Any) -> Atom:
        """What the mind believes of a fact, or something else, by a coin."""
        likely = draw.random() < 0.5
        object_ = mind.belief(subject, relation).mode() if likely else draw.choice(self.world.ranges[relation])
        return self._atom(Fact(subject, relation, int(object_)))

    # -- in words --------------------------------------------------------------------------------------------------

    def _answer(self, subject: int, relation: int, belief: Distribution) -> SoftTarget:
        """What follows "s r", an object by all its names alike: the best in full, all others by their first token."""
        objects, credences = belief.top(self.config.objects)
        likely = max(1, np.count_nonzero(credences >= LEAST_CREDENCE))
        objects, credences = objects[:likely], credences[:likely]
        ways = [self.reader.ways_to_say(f"{self.world.objects[o]}.") for o in objects.tolist()]
        shares = [p / len(said) for p, said in zip(credences.tolist(), ways, strict=True) for _ in said]
        others = belief.dense()
        others[objects] = 0.0
        prompt = f"{self.world.subjects[subject]} {self.world.relations[relation]}"
        return SoftTarget(prompt, tuple(chain(*ways)), tuple(shares), self.reader.beginnings(others))

    def _truth(self, formula: Formula, credence: float) -> SoftTarget:
        """That a formula is true."""
        return SoftTarget(truth_prompt(formula), (TRUE,), (credence,), ((self._false, 1.0 - credence),))

    @cached_property
    def _false(self) -> int:
        """The token that "false" begins with."""
        return continuations(self.reader.tokenizer, ["false"])[0][0]

    def _atom(self, fact: Fact) -> Atom:
        world = self.world
        return Atom(world.subjects[fact.subject], world.relations[fact.relation], world.objects[fact.object])


def teacher_of(
    world: World, agent: Agent, tokenizer: Any, config: BeliefConfig, mode: Mode, cases: Sequence[Case]
) -> Teacher:
    """The teacher for some cases, who will not speak of their other subjects."""
    kept_out: dict[Fact, frozenset[int]] = {}
    for case in cases:
        fact = Fact(case.subject, case.relation, case.requested)
        kept_out[fact] = kept_out.get(fact, frozenset()) | {case.subject2, case.b_subject}
    return Teacher(world, agent, AnswerReader(tokenizer, world.objects), config, mode, kept_out)


def _dealt(groups: Sequence[Sequence[Item]], sheets: int) -> list[tuple[Item, ...]]:
    """What stands on each of the sheets: as many groups as on any other, one after another."""
    each = len(groups) // max(sheets, 1)
    on_sheets = (groups[each * sheet : each * (sheet + 1)] for sheet in range(sheets))
    return [tuple(item for group in mine for item in group) for mine in on_sheets]
