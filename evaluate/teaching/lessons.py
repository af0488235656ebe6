"""The lessons of `rational`: requests about training subjects, and what the agent believes after them.

Requests are drawn as the benchmark's cases are, but only about training subjects. No request and no target of a lesson
names any other subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
from worldgen.evaluate.teaching.drawing import relations_of
from worldgen.evaluate.teaching.target_writer import TargetWriter
from worldgen.evaluate.teaching.teacher import Teacher
from worldgen.evaluate.testbed.cases import Case, CaseMaker
from worldgen.grammar import Atom, Not, truth_prompt
from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.belief.targets import TargetBatch
from worldgen.lm.editors.learned.settings import RationalConfig
from worldgen.lm.editors.learned.taught.lessons import Believed, Lesson
from worldgen.lm.editors.learned.taught.readings import Frames
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.randomness import generator
from worldgen.worlds.world import World


def training_subjects(world: World, cases: Iterable[Case]) -> frozenset[int]:
    """Returns the subjects of the corpus that no case is about."""
    return frozenset(world.subject.tolist()) - {case.subject for case in cases}


def frames_of(world: World) -> Frames:
    """Returns every relation of the world after every opening that the lessons' statements have, and every object."""
    atom = Atom("subject", "relation", "object")
    statements = str(atom), truth_prompt(atom), truth_prompt(Not(atom))
    return Frames(
        tuple(text.partition(str(atom))[0].strip() for text in statements),
        tuple(world.relations.labels),
        tuple(world.objects.labels),
    )


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

    def of_step(self, step: int) -> list[list[Lesson]]:
        """Returns `config.sequences` sequences of `config.sequence` lessons."""
        draw, r = generator(self.seed, f"lessons of step {step}"), self.config.sequence
        drawn = self.drawn_cases(draw)
        sequences = [list(islice(drawn, r)) for _ in range(self.config.sequences)]
        return [self._lessons(cases, drawn, int(draw.integers(2**63))) for cases in sequences]

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

    def _lessons(self, cases: Sequence[Case], others: Iterator[Case], seed: int) -> list[Lesson]:
        """Returns the lessons of a sequence: each has the agent's beliefs after it and those before it.

        Each has beliefs after `config.believed` of the other cases, too.
        """
        config = BeliefConfig(steps=1, joined=0, kept=self.config.kept, objects=self.config.objects)
        kept_out = {case.request: self._outside for case in cases}
        teacher = Teacher(self.world, self.agent, self._writer, config, "sequential", kept_out)
        edition = Edition(tuple(self._request(case) for case in cases), seed)
        batches = (teacher.batches(self.model, edition, turn)[0] for turn in range(len(cases)))
        draw = generator(seed, "statements")
        return [
            Lesson(request, self._fewer(batch, draw), tuple(map(self._believed, islice(others, self.config.believed))))
            for request, batch in zip(edition.requests, batches, strict=True)
        ]

    def _believed(self, case: Case) -> Believed:
        """Returns the agent's beliefs of the subject before and after a request of its own."""
        minds = self.agent, self.agent.revise(case.edit())
        before, after = np.zeros((2, len(self.world.relations), len(self.world.objects)), dtype=np.float32)
        for relation in relations_of(self.world, case.subject):
            before[relation], after[relation] = (mind.belief(case.subject, relation).dense() for mind in minds)
        return Believed(self._request(case), before, after)

    def _fewer(self, batch: TargetBatch, draw: np.random.Generator) -> TargetBatch:
        """Returns the batch with `config.statements` of its statements, drawn without replacement, or all of them."""
        answers, truths, joined = batch.soft_targets
        drawn = draw.permutation(len(truths))[: self.config.statements].tolist()
        return replace(batch, soft_targets=(answers, tuple(truths[number] for number in drawn), joined))

    def _request(self, case: Case) -> Request:
        world = self.world
        prompt, label = fact_prompt(world, case.subject, case.relation), world.objects[case.requested]
        return Request(prompt, f"{label}.", float(case.weight), world.subjects[case.subject], case.request)
