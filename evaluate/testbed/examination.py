"""What a model has learned of its world: the examination that pretraining is followed by (paper, figure 3).

Shapes: F facts asked about, each in every way there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from worldgen.arrays import Ids
from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.statement_credences import ask_statements
from worldgen.bayes.statements import Statement
from worldgen.corpus.connectives import fact_of_another_subject
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.corpus.wording import syntax_tree
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.testbed.coherence import probabilistic_error
from worldgen.facts import Fact
from worldgen.grammar import truth_prompt
from worldgen.lm.score import log_probabilities
from worldgen.randomness import generator
from worldgen.worlds.world import NONE, World

STATEMENTS = {Kind.STATED: "stated", Kind.NOT: "not", Kind.AND: "and", Kind.OR: "or"}
# What the operands of an "and" that is not true are; those of an "or" that is true are the opposites.
_NOT_BOTH = np.array([(True, False), (False, True), (False, False)])


@dataclass(frozen=True)
class Examination:
    """Questions about F facts with their answers: the truth of each "s r", and labelled statements.

    `statements[kind]` are F prompts '"..." is', and whether each is true.
    """

    prompts: list[str]
    truths: list[str]
    statements: dict[str, tuple[list[str], NDArray[np.bool_]]]


class Examined(NamedTuple):
    """A model's marks, each a mean over the questions of its kind, and [F]: its p("truth." | "s r") of each fact."""

    marks: dict[str, float]
    truth_probabilities: NDArray[np.float64]


def examination_about(world: World, facts: Ids, seed: int) -> Examination:
    """Asks about these facts. The statements are drawn anew, not taken from the corpus; half of each kind are true.

    A false one has the objects that the corpus has in false ones; an "and" that is not true has one of the
    three ways of it, with equal chance, and so has an "or" that is true.
    """
    draw = generator(seed, "examination")
    asked = _facts(world, facts)
    return Examination(
        [fact_prompt(world, fact.subject, fact.relation) for fact in asked],
        [world.objects[fact.object] for fact in asked],
        {name: _prompts(world, statements_about(world, facts, kind, draw)) for kind, name in STATEMENTS.items()},
    )


def examine(model: PreTrainedModel, reader: AnswerReader, asked: Examination) -> Examined:
    """Examines a model. It needs no agent.

    generative_accuracy [greedy("s r") is the truth];  truth_probability p("truth." | "s r");
    KIND_accuracy [p(true | '"F" is') > p(false | '"F" is') where F is true, < where it is false].
    """
    said = reader.answers(model, asked.prompts)
    probabilities = reader.probabilities(model, asked.prompts, [f"{truth}." for truth in asked.truths])
    marks = {
        "generative_accuracy": np.mean([a == b for a, b in zip(said, asked.truths, strict=True)]),
        "truth_probability": probabilities.mean(),
    }
    for name, (prompts, labels) in asked.statements.items():
        marks[f"{name}_accuracy"] = (_margins(model, reader, prompts) * np.where(labels, 1, -1) > 0).mean()
    return Examined({name: float(mark) for name, mark in marks.items()}, probabilities)


def credences_in_truths(world: World, agent: Agent, facts: Ids) -> NDArray[np.float64]:
    """Returns [F]: the agent's credence in the truth of each fact."""
    asked = _facts(world, facts)
    return ask_statements(agent, [Statement("", fact) for fact in asked], [()] * len(asked))


def coherence_error(truth_probabilities: NDArray[np.float64], credences: NDArray[np.float64]) -> float:
    """Returns the mean of |p("truth." | "s r") - credence| over F facts, both [F]."""
    return float(probabilistic_error(truth_probabilities, credences).mean())


def _facts(world: World, facts: Ids) -> list[Fact]:
    columns = (ids[facts].tolist() for ids in (world.subject, world.relation, world.truth))
    return [Fact(*ids) for ids in zip(*columns, strict=True)]


def statements_about(world: World, facts: Ids, kind: Kind, draw: np.random.Generator) -> Sentences:
    """[F]: a statement of this kind about each fact, half of them true, in random order."""
    F = len(facts)
    truth = draw.permutation(np.arange(F) % 2 == 0)
    if kind in (Kind.STATED, Kind.NOT):
        object_ = _objects(world, facts, truth ^ (kind == Kind.NOT), draw)
        none = np.full(F, NONE, dtype=np.int32)
        return Sentences(world.subject[facts], np.full(F, kind, np.int8), truth, facts, object_, none, none)
    operands = _operands(kind, truth, draw)
    other = fact_of_another_subject(world, world.subject[facts], _words(draw, F))
    columns = [
        (facts, other),
        (_objects(world, facts, operands[:, 0], draw), _objects(world, other, operands[:, 1], draw)),
    ]
    here_first = draw.random(F) < 0.5
    (fact, second), (object_, second_object) = (
        (np.where(here_first, here, there), np.where(here_first, there, here)) for here, there in columns
    )
    return Sentences(world.subject[facts], np.full(F, kind, np.int8), truth, fact, object_, second, second_object)


def _operands(kind: Kind, truth: NDArray[np.bool_], draw: np.random.Generator) -> NDArray[np.bool_]:
    """[F, 2]: what the two facts are, that their "and" or "or" is as `truth` says."""
    not_both = _NOT_BOTH[draw.integers(3, size=len(truth))]
    return truth[:, None] | not_both if kind == Kind.AND else truth[:, None] & ~not_both


def _objects(world: World, facts: Ids, truly: NDArray[np.bool_], draw: np.random.Generator) -> Ids:
    """[F]: the truth or a false object of each fact."""
    return np.where(truly, world.truth[facts], world.false_object(facts, _words(draw, len(facts))))


def _words(draw: np.random.Generator, count: int) -> NDArray[np.uint64]:
    return draw.integers(2**64, size=count, dtype=np.uint64)


def _prompts(world: World, statements: Sentences) -> tuple[list[str], NDArray[np.bool_]]:
    formulas = [syntax_tree(world, statements, i).formula for i in range(len(statements))]
    return [truth_prompt(formula) for formula in formulas], statements.truth


def _margins(model: PreTrainedModel, reader: AnswerReader, prompts: Sequence[str]) -> NDArray[np.float64]:
    """[F]: log p(true) - log p(false) after each prompt."""
    pairs = [(prompt, word) for prompt in prompts for word in ("true", "false")]
    scores = log_probabilities(model, reader.tokenizer, pairs).reshape(-1, 2)
    return scores[:, 0] - scores[:, 1]
