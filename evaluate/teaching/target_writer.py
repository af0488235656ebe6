"""Puts an agent's beliefs into words, as targets for the `belief` editor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final

import numpy as np

from worldgen.bayes.distribution import Distribution
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.facts import Fact
from worldgen.grammar import Atom, Formula, truth_prompt
from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget
from worldgen.lm.texts import continuations
from worldgen.worlds.world import World

LEAST_CREDENCE: Final = 1e-3  # objects below it are not spelled out
TRUE: Final = "true"


@dataclass(frozen=True)
class TargetWriter:
    """Writes targets in the words of a world; an answer spells out at most `objects` objects."""

    world: World
    reader: AnswerReader
    objects: int

    def answer(self, subject: int, relation: int, belief: Distribution) -> SoftTarget:
        """Returns the target for the answer to "s r".

        The most probable objects stand in it in full, each by all its names alike; all other objects by their first
        token alone.
        """
        objects, credences = belief.top(self.objects)
        likely = max(1, np.count_nonzero(credences >= LEAST_CREDENCE))
        objects, credences = objects[:likely], credences[:likely]
        ways = [self.reader.ways_to_say(f"{self.world.objects[o]}.") for o in objects.tolist()]
        shares = [p / len(said) for p, said in zip(credences.tolist(), ways, strict=True) for _ in said]
        others = belief.dense()
        others[objects] = 0.0
        prompt = fact_prompt(self.world, subject, relation)
        return SoftTarget(prompt, tuple(chain(*ways)), tuple(shares), self.reader.beginnings(others))

    def truth(self, formula: Formula, credence: float) -> SoftTarget:
        """Returns the target that a formula is "true" with this credence, and else "false"."""
        return SoftTarget(truth_prompt(formula), (TRUE,), (credence,), ((self._false, 1.0 - credence),))

    def kept_answer(self, subject: int, relation: int, object_: int) -> RetentionTarget:
        """Returns the target that the model goes on after "s r", and through this object, as it did before."""
        return RetentionTarget(fact_prompt(self.world, subject, relation), f"{self.world.objects[object_]}.")

    def kept_truth(self, formula: Formula) -> RetentionTarget:
        """Returns the target that the model holds a formula as true as it did before."""
        return RetentionTarget(truth_prompt(formula), TRUE)

    def atom(self, fact: Fact) -> Atom:
        """Returns a fact in words."""
        world = self.world
        return Atom(world.subjects[fact.subject], world.relations[fact.relation], world.objects[fact.object])

    @cached_property
    def _false(self) -> int:
        """The token that "false" begins with."""
        return continuations(self.reader.tokenizer, ["false"])[0][0]
