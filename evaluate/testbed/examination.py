"""The examination of a pretrained model: how much it has learned of its world (paper, figure 3).

Shapes: F facts, each asked about in every form.
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
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.statement_credences import ask_statements
from worldgen.bayes.statements import Statement
from worldgen.corpus.connectives import fact_of_another_subject
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.corpus.wording import syntax_tree
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.testbed.coherence import probabilistic_error
from worldgen.facts import Fact
from worldgen.grammar import Definition, truth_prompt
from worldgen.lm.score import log_probabilities
from worldgen.randomness import generator
from worldgen.worlds.world import NONE, World

STATEMENTS = {Kind.STATED: "stated", Kind.NOT: "not", Kind.AND: "and", Kind.OR: "or"}
# The truth values of the operands in an "and" that is not true; in an "or" that is true they are the opposites.
_NOT_BOTH = np.array([(True, False), (False, True), (False, False)])


class LabelledStatements(NamedTuple):
    """F statements to be judged true or false."""

    prompts: list[str]
    """[F]: '"..." is'."""
    labels: NDArray[np.bool_]
    """[F]: whether each statement is true."""


@dataclass(frozen=True)
class Examination:
    """Questions about F facts, with the right answers."""

    prompts: list[str]
    """[F]: "s r"."""
    truths: list[str]
    """[F]: the object that is true."""
    statements: dict[str, LabelledStatements]
    """A kind of statement ("stated", "not", "and", "or") -> a statement about each fact."""


class Examined(NamedTuple):
    """A model's results in an examination."""

    marks: dict[str, float]
    """The name of a mark -> the mean over the questions of its kind (see `examine`)."""
    truth_probabilities: NDArray[np.float64]
    """[F]: p("truth." | "s r")."""


def examination_about(world: World, facts: Ids, seed: int) -> Examination:
    """Returns the examination about these facts.

    The statements are drawn anew, not taken from the corpus; half of each kind are true. A false statement has the
    objects that the corpus has in false statements. An "and" that is not true takes one of the three pairs of operands
    that make it so, with equal chance, and so does an "or" that is true.
    """
    draw = generator(seed, "examination")
    asked = _facts(world, facts)
    return Examination(
        [fact_prompt(world, fact.subject, fact.relation) for fact in asked],
        [world.objects[fact.object] for fact in asked],
        {name: _labelled(world, statements_about(world, facts, kind, draw)) for kind, name in STATEMENTS.items()},
    )


def examine(model: PreTrainedModel, reader: AnswerReader, asked: Examination) -> Examined:
    """Returns the results of a model. No agent is needed. Each mark is a mean over the questions of its kind:

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
    """Returns [F] the agent's credence in the truth of each fact."""
    asked = _facts(world, facts)
    return ask_statements(agent, [Statement("", fact) for fact in asked], EditSets.none(len(asked)))


def coherence_error(truth_probabilities: NDArray[np.float64], credences: NDArray[np.float64]) -> float:
    """Returns the mean of |p("truth." | "s r") - credence| over F facts, both [F]."""
    return float(probabilistic_error(truth_probabilities, credences).mean())


def _facts(world: World, facts: Ids) -> list[Fact]:
    columns = (ids[facts].tolist() for ids in (world.subject, world.relation, world.truth))
    return [Fact(*ids) for ids in zip(*columns, strict=True)]


def statements_about(world: World, facts: Ids, kind: Kind, draw: np.random.Generator) -> Sentences:
    """Returns [F] a statement of this kind about each fact, half of them true, in random order."""
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
    """Returns [F, 2] whether each of the two facts is true, such that their "and" or "or" is as `truth` says."""
    not_both = _NOT_BOTH[draw.integers(3, size=len(truth))]
    return truth[:, None] | not_both if kind == Kind.AND else truth[:, None] & ~not_both


def _objects(world: World, facts: Ids, truly: NDArray[np.bool_], draw: np.random.Generator) -> Ids:
    """Returns [F] the true object of each fact where `truly` is set, else a false one."""
    return np.where(truly, world.truth[facts], world.false_object(facts, _words(draw, len(facts))))


def _words(draw: np.random.Generator, count: int) -> NDArray[np.uint64]:
    return draw.integers(2**64, size=count, dtype=np.uint64)


def _labelled(world: World, statements: Sentences) -> LabelledStatements:
    prompts = []
    for i in range(len(statements)):
        formula = syntax_tree(world, statements, i).formula
        assert not isinstance(formula, Definition)
        prompts.append(truth_prompt(formula))
    return LabelledStatements(prompts, statements.truth)


def _margins(model: PreTrainedModel, reader: AnswerReader, prompts: Sequence[str]) -> NDArray[np.float64]:
    """Returns [F] log p(true) - log p(false) after each prompt."""
    pairs = [(prompt, word) for prompt in prompts for word in ("true", "false")]
    scores = log_probabilities(model, reader.tokenizer, pairs).reshape(-1, 2)
    return scores[:, 0] - scores[:, 1]
