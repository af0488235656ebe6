"""The rational mind of a world with variables: what each stands for, and how reliable the tags of definitions are.

It knows the facts that untagged sentences tell: such sentences leave no doubt which object is the truth of a fact.
Answered questions are right. So they leave each variable its candidates, and a tag is learned from its definitions:
see `bayes.variables`. A variable may stand for any subject of the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from worldgen.bayes.distribution import Distribution
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Reports
from worldgen.bayes.trust.trust import Trust, fit
from worldgen.bayes.variables.answers import answer
from worldgen.bayes.variables.denotation import Denotation
from worldgen.bayes.variables.questions import Entities, Questions
from worldgen.corpus.definition_sentences import Split, lessons
from worldgen.corpus.sentences import Kind
from worldgen.worlds.world import NONE, World

Stage = Literal[1, 2]


@dataclass(frozen=True)
class VariableMind:
    """A rational mind that has read the questions of stage 1, and the definitions of stage 1 or of both."""

    world: World
    trust: Trust
    """Facts are the world's variables, objects its subjects, sources its tags of definitions, and nobody."""

    def meaning(self, variable: int) -> Distribution:
        """Returns q_v, the probability of each subject that a variable stands for it."""
        return self.trust.belief(variable)

    def answer(self, variable: int, relation: int) -> Distribution:
        """Returns p(o | v, r) of every object, where the facts of all entities are known: their truths.

        Raises ValueError where no entity that the variable may stand for has such a fact.
        """
        known = Priors.known(self.world.truth, len(self.world.objects))
        return answer(self.meaning(variable), self.world.fact_ids(relation).astype(np.int64), known)


def variable_mind(world: World, prior: Literal["uniform", "skeptical"] = "uniform", stage: Stage = 2) -> VariableMind:
    """Returns the mind after a stage, 1 or 2. The skeptical prior of a tag has the mean of a guess among all subjects.

    Stage 2 has definitions without questions, which are neutral: no reliability changes.
    """
    defined, T, S = world.definitions, len(world.definitions.tags), len(world.subjects)
    told = np.flatnonzero(~world.only_reported)
    known = np.full((S, len(world.relations)), NONE, dtype=np.int64)
    known[world.subject[told], world.relation[told]] = world.truth[told]
    entities = Entities(known, np.array([len(objects) for objects in world.ranges]))
    trained = lessons(world).of(Split.TRAIN, 1)
    asked = trained.where(trained.sentences.kind == Kind.QUESTION).sentences
    assert asked.variable is not None
    questions = Questions.of(len(defined.variables), asked.variable, world.relation[asked.fact], asked.object)
    read = np.flatnonzero((defined.stated != NONE) & (defined.stage <= stage))
    definitions = Reports.of(T + 1, defined.variable[read], defined.tag[read], defined.stated[read])
    tags = Betas.uniform(T) if prior == "uniform" else Betas.skeptical(T, S)
    return VariableMind(world, fit(Denotation(entities, questions, T), definitions, tags.and_known([1.0])))
