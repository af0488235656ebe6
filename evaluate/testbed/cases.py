"""The cases of the editing benchmark: the request of each, and the other facts that the model is asked about.

Source: paper, appendix A.2 step 2. Half the requests reinforce the truth, half contradict it. Where the relation is
upstream for the subject, most contradictions change the agent's most probable object of the downstream fact; this is
checked on the posterior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent, Edit
from worldgen.errors import UserError
from worldgen.evaluate.settings import CasesConfig
from worldgen.facts import Fact
from worldgen.randomness import generator
from worldgen.storage.files import read_columns, write_table
from worldgen.worlds.world import NONE, World


@dataclass(frozen=True)
class Case:
    """One request "subject relation requested", with the facts and statements that its questions are about."""

    case: int
    """The number of the case."""
    subject: int
    relation: int
    truth: int
    """The object that is true in the world."""
    requested: int
    """The object that the request makes true."""
    weight: int
    """How many observations the request is worth."""
    reinforces: bool
    """Whether the request is the truth."""
    relation2: int
    """The relation downstream of `relation` where the subject has it, else another relation of the subject."""
    downstream: bool
    """Whether `relation2` is downstream of `relation`."""
    downstream_changes: bool
    """Whether the edit changes the agent's most probable object of (subject, relation2), downstream of the request."""
    subject2: int
    """Another subject, which has both relations."""
    original_object: int
    """The object of the second set of statements: the truth or a false object."""
    b_subject: int
    """The subject of B, the second statement of and / or."""
    b_relation: int
    b_object: int

    @property
    def request(self) -> Fact:
        """The requested fact."""
        return Fact(self.subject, self.relation, self.requested)

    @property
    def statement_b(self) -> Fact:
        """The second statement of and / or."""
        return Fact(self.b_subject, self.b_relation, self.b_object)

    def edit(self) -> Edit:
        """Returns the request with its weight, as the agent takes it."""
        return Edit(*self.request, self.weight)


def save_cases(path: Path, cases: list[Case]) -> None:
    """Writes cases.parquet."""
    write_table(path, {field.name: [getattr(case, field.name) for case in cases] for field in fields(Case)})


def load_cases(path: Path) -> list[Case]:
    """Returns the cases that `save_cases` wrote."""
    columns = {name: column.tolist() for name, column in read_columns(path).items()}
    return [Case(*values) for values in zip(*(columns[field.name] for field in fields(Case)), strict=True)]


def make_cases(
    world: World, agent: Agent, config: CasesConfig, seed: int, apart_from: Sequence[Case] = ()
) -> list[Case]:
    """Returns `config.cases` cases over facts in random order; every fact comes once before any comes twice.

    No case is about a fact of `apart_from`. Where cases are given there, the new ones are drawn from another random
    stream and numbered after them. Raises UserError if no fact of the world has a second subject with the same two
    relations, or none is left.
    """
    maker = CaseMaker(world, agent, config, generator(seed, "held-out cases" if apart_from else "cases"))
    taken = {(case.subject, case.relation) for case in apart_from}
    cases: list[Case] = []
    while len(cases) < config.cases:
        before = len(cases)
        for fact in maker.draw.permutation(len(world)).tolist():
            is_taken = (int(world.subject[fact]), int(world.relation[fact])) in taken
            case = None if is_taken else maker.case(len(apart_from) + len(cases), fact)
            if case is not None:
                cases.append(case)
            if len(cases) == config.cases:
                break
        if len(cases) == before and apart_from:
            raise UserError("the benchmark's cases leave no fact for held-out ones: give fewer by cases.cases")
        if len(cases) == before:
            raise UserError(
                "no two subjects of this world share two relations: no case can be made, give a larger graph"
            )
    return cases


# How many requests are tried before a case is accepted whose downstream answer does not change.
_TRIES = 20


@dataclass(frozen=True)
class CaseMaker:
    world: World
    agent: Agent
    config: CasesConfig
    draw: np.random.Generator

    def case(self, number: int, fact: int) -> Case | None:
        """Returns a case about this fact, None if no other subject has its two relations."""
        world = self.world
        subject, relation, truth = int(world.subject[fact]), int(world.relation[fact]), int(world.truth[fact])
        relation2, downstream = self._second_relation(fact)
        subject2 = self._second_subject(subject, relation, relation2) if relation2 != NONE else None
        if subject2 is None:
            return None
        reinforces = bool(self.draw.random() < self.config.reinforce_share)
        requested = truth if reinforces else self._contradiction(fact, relation2 if downstream else NONE)
        is_certain = self.config.weight == "certain"
        weight = self.config.certain_weight if is_certain else self._least_weight(subject, relation, requested)
        edit = Edit(subject, relation, requested, weight)
        return Case(
            case=number,
            subject=subject,
            relation=relation,
            truth=truth,
            requested=requested,
            weight=weight,
            reinforces=reinforces,
            relation2=relation2,
            downstream=downstream,
            downstream_changes=downstream and self._changes(edit, relation2),
            subject2=subject2,
            original_object=truth if self.draw.random() < 0.5 else self._false_object(fact),
            **self._second_statement(subject),
        )

    def _second_relation(self, fact: int) -> tuple[int, bool]:
        """Returns the second relation, and whether it is downstream of the fact's relation.

        That is the downstream relation if the subject has it, else another relation of the subject, else NONE.
        """
        world = self.world
        subject, relation = world.subject[fact], world.relation[fact]
        others = world.relation[world.first_fact[subject] : world.first_fact[subject + 1]]
        others = others[others != relation]
        for upstream, downstream in world.pairs():
            if upstream == relation and downstream in others:
                return downstream, True
        return (int(self.draw.choice(others)), False) if len(others) else (NONE, False)

    def _second_subject(self, subject: int, relation: int, relation2: int) -> int | None:
        both = self._subjects_with[relation, relation2]
        others = both[both != subject]
        return int(self.draw.choice(others)) if len(others) else None

    @cached_property
    def _subjects_with(self) -> dict[tuple[int, int], NDArray[np.intp]]:
        """For each pair of relations, the subjects that have both."""
        has = [self.world.fact_ids(relation) != NONE for relation in range(len(self.world.relations))]
        return {(i, j): np.flatnonzero(of_i & of_j) for i, of_i in enumerate(has) for j, of_j in enumerate(has)}

    def _contradiction(self, fact: int, downstream: int) -> int:
        """Returns an object that is not the truth.

        For the configured share of the cases it changes the agent's downstream answer, if an object can be found that
        does. `downstream` is the downstream relation, NONE if there is none.
        """
        world = self.world
        subject, relation, truth = int(world.subject[fact]), int(world.relation[fact]), int(world.truth[fact])
        objects = self.draw.permutation(world.ranges[relation])
        candidates = objects[objects != truth].tolist()
        if downstream == NONE or self.draw.random() >= self.config.downstream_change_share:
            return candidates[0]
        current = self.agent.belief(subject, downstream).mode()
        likely = (o for o in candidates if self.agent.conditional(downstream, o).mode() != current)
        for requested in islice(likely, _TRIES):
            weight = self._least_weight(subject, relation, requested)
            if self._changes(Edit(subject, relation, requested, weight), downstream):
                return requested
        return candidates[0]

    def _least_weight(self, subject: int, relation: int, requested: int) -> int:
        """Returns n', the least weight with which the agent's credence in the request reaches the target."""
        return self.agent.weight_for(subject, relation, requested, self.config.target_credence)

    def _changes(self, edit: Edit, downstream: int) -> bool:
        """Returns whether an edit changes the agent's most probable object of the downstream relation."""
        before = self.agent.belief(edit.subject, downstream).mode()
        return self.agent.revise(edit).belief(edit.subject, downstream).mode() != before

    def _false_object(self, fact: int) -> int:
        return int(self.world.false_object(np.array([fact]), self._word())[0])

    def _second_statement(self, subject: int) -> dict[str, int]:
        """Returns the fields of B: a fact of another subject, true or false with equal chance."""
        world = self.world
        begin, end = int(world.first_fact[subject]), int(world.first_fact[subject + 1])
        fact = int(self.draw.integers(len(world) - (end - begin)))
        fact += (end - begin) * (fact >= begin)
        object_ = int(world.truth[fact]) if self.draw.random() < 0.5 else self._false_object(fact)
        return {"b_subject": int(world.subject[fact]), "b_relation": int(world.relation[fact]), "b_object": object_}

    def _word(self) -> NDArray[np.uint64]:
        return self.draw.integers(0, 2**64, 1, dtype=np.uint64)
