"""The lessons of `rational`: requests about training subjects, and what the agent believes after them.

Requests are drawn as the benchmark's cases are, but only about training subjects. No request and no target of a lesson
names any other subject. In a world with sources each request is that of a random source, or of nobody, made after its
tag, and its targets are what the rational mind believes that has heard it from this source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.bayes.agent import Agent
from worldgen.errors import UserError
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.teaching.target_writer import TargetWriter
from worldgen.evaluate.teaching.teacher import Heard, Teacher
from worldgen.evaluate.testbed.cases import Case, CaseMaker
from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.learned.learned_editor import predictions
from worldgen.lm.editors.learned.network import conditions_of
from worldgen.lm.editors.learned.settings import RationalConfig
from worldgen.lm.editors.learned.taught.lessons import Lesson
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.editors.target_loss import request_texts
from worldgen.randomness import generator
from worldgen.worlds.world import World


def training_subjects(world: World, cases: Iterable[Case], closed: Iterable[int] = ()) -> frozenset[int]:
    """Returns the subjects of the corpus that no case is about, and that are not closed."""
    return frozenset(world.subject.tolist()) - {case.subject for case in cases} - frozenset(closed)


@dataclass(frozen=True)
class Askers:
    """Those who make the requests of lessons, in a world with sources: the sources, and nobody as the last one."""

    count: int
    heard: Heard
    """Gives the mind that has heard a request."""
    tagged: Callable[[int, str], str]
    """Puts a text as one of them says it: after its tag."""
    weight: float
    """How many observations a request is worth if it is genuine."""


@dataclass(frozen=True)
class Lessons:
    """The lessons of every step of a training: a function of what it holds and the step's number."""

    world: World
    agent: Agent
    model: MistralForCausalLM
    tokenizer: PreTrainedTokenizerFast
    subjects: frozenset[int]
    """The training subjects."""
    cases: CasesConfig
    """How requests are drawn."""
    config: RationalConfig
    seed: int
    askers: Askers | None = None
    """Those who make the requests; None in a world without sources."""

    def __post_init__(self) -> None:
        if self.askers and self.config.sequence > 1:
            raise UserError("rational.sequence is above 1: sources make their requests one at a time, set it to 1")

    def of_step(self, step: int) -> list[list[Lesson]]:
        """Returns `config.sequences` sequences of `config.sequence` lessons.

        Raises UserError where no fact can be a request.
        """
        draw, r = generator(self.seed, f"lessons of step {step}"), self.config.sequence
        drawn = self.drawn_cases(draw)
        sequences = [list(islice(drawn, r)) for _ in range(self.config.sequences)]
        return [self._lessons(cases, int(draw.integers(2**63))) for cases in sequences]

    def drawn_cases(self, draw: np.random.Generator) -> Iterator[Case]:
        """Yields cases about training subjects, without end; every fact comes once before any comes twice.

        Raises UserError if no fact can be a request: it needs a second relation, and another subject with both.
        """
        maker, number, more = CaseMaker(self.world, self.agent, self.cases, draw), 0, True
        while more:
            more = False
            for fact in draw.permutation(self._facts).tolist():
                case = maker.case(number, fact)
                if case is not None:
                    yield case
                    number, more = number + 1, True
        raise UserError(
            "the cases leave no subject to train on: give fewer by cases.cases and tune.cases, or a larger graph"
        )

    @cached_property
    def _facts(self) -> NDArray[np.intp]:
        """The facts of training subjects."""
        return np.flatnonzero(np.isin(self.world.subject, list(self.subjects)))

    @cached_property
    def _outside(self) -> frozenset[int]:
        """The subjects that no lesson names."""
        return frozenset(self.world.subject.tolist()) - self.subjects

    @cached_property
    def _writer(self) -> TargetWriter:
        return TargetWriter(self.world, AnswerReader(self.tokenizer, self.world.objects), self.config.objects)

    def _lessons(self, cases: Sequence[Case], seed: int) -> list[Lesson]:
        """Returns the lessons of a sequence: each has the agent's beliefs after it and those before it."""
        config = BeliefConfig(steps=1, joined=0, kept=self.config.kept, objects=self.config.objects)
        kept_out = {case.request: self._outside for case in cases}
        heard = self.askers.heard if self.askers else None
        teacher = Teacher(self.world, self.agent, self._writer, config, "sequential", kept_out, heard)
        edition = Edition(tuple(self._request(case, seed) for case in cases), seed)
        texts = request_texts(self.tokenizer, edition.requests)
        said = predictions(self.model, self.tokenizer, edition.requests, self.config.prediction_tokens)
        parts = [(own, each.target, each.prompt) for own, each in zip(said, edition.requests, strict=True)]
        conditions = conditions_of(self.tokenizer, parts)
        batches = [teacher.batches(self.model, edition, turn)[0] for turn in range(len(cases))]
        return [Lesson(*each) for each in zip(conditions, texts, batches, strict=True)]

    def _request(self, case: Case, seed: int) -> Request:
        """Returns the request of a case; in a world with sources `seed` decides who makes it."""
        world, subject = self.world, self.world.subjects[case.subject]
        prompt, target = fact_prompt(world, case.subject, case.relation), f"{world.objects[case.requested]}."
        if self.askers is None:
            return Request(prompt, target, float(case.weight), subject, case.request)
        who, tagged = int(generator(seed, "asker").integers(self.askers.count)), self.askers.tagged
        return Request(tagged(who, prompt), target, self.askers.weight, tagged(who, subject), case.request, who)
