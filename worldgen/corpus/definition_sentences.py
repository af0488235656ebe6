"""The sentences about a world's variables: definitions, and questions with their answers.

For an experiment of two stages `lessons` are the whole data set: what each stage trains on, and what each exam asks.
The corpus holds the training sentences of both stages; each is a document of its own, so that no reader meets a
definition beside the questions about its variable. Shapes: N sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.corpus.sentences import Documents, Kind, Sentences, Shard
from worldgen.corpus.wording import Wording
from worldgen.worlds.definitions import Role, Subset
from worldgen.worlds.world import NONE, World


class Split(IntEnum):
    """What a sentence is for."""

    TRAIN = 0
    VALIDATION = 1
    """The one question of an entity of stage 1 that is not trained on."""
    TEST = 2
    """The questions of an entity of stage 2."""


@dataclass(frozen=True)
class Lessons:
    """Definitions and questions, sorted by entity: its definition, then its facts."""

    sentences: Sentences
    """[N]. A question of an entity without a variable is an ordinary ATOM. Names are labels."""
    row: NDArray[np.int64]
    """[N]: the row of the world's definitions."""
    split: NDArray[np.int8]
    """[N]."""
    stage: NDArray[np.int8]
    """[N]: the stage, 1 or 2, after which the sentence is known or asked for."""

    def __len__(self) -> int:
        return len(self.row)

    def where(self, rows: NDArray) -> Lessons:
        """Returns some of the lessons, chosen by a mask or by their places."""
        return Lessons(self.sentences.where(rows), self.row[rows], self.split[rows], self.stage[rows])

    def of(self, split: Split, stage: int) -> Lessons:
        """Returns the lessons of one split and stage."""
        return self.where((self.split == split) & (self.stage == stage))

    def in_subset(self, world: World, subset: Subset) -> Lessons:
        """Returns the lessons about the entities of a subset."""
        return self.where(np.isin(self.row, world.definitions.subsets[subset]))


def lessons(world: World, first: int = 0, last: int | None = None) -> Lessons:
    """Returns all definitions and questions about the entities among the subjects first .. last-1.

    A fact is asked about if untagged sentences tell it.
    """
    defined = world.definitions
    rows = np.arange(*np.searchsorted(defined.subject, (first, len(world.subjects) if last is None else last)))
    has_definition = rows[defined.stated[rows] != NONE]
    fact_row, fact = _questions(world, rows)
    row = np.concatenate([has_definition, fact_row])
    facts = np.concatenate([np.full(len(has_definition), NONE), fact]).astype(np.int32)
    is_definition = facts == NONE
    kind = np.where(defined.role[row] == Role.UNREPLACED, Kind.ATOM, Kind.QUESTION)
    none = np.full(len(row), NONE, dtype=np.int32)
    sentences = Sentences(
        defined.subject[row], np.where(is_definition, Kind.DEFINITION, kind).astype(np.int8),
        np.ones(len(row), dtype=bool), facts, np.where(is_definition, NONE, world.truth[facts]).astype(np.int32),
        none, none, variable=defined.variable[row],
    )  # fmt: skip
    split = np.where(facts == defined.held_out[row], Split.VALIDATION, Split.TRAIN)
    split = np.where(is_definition, Split.TRAIN, np.where(defined.stage[row] == 2, Split.TEST, split))
    order = np.lexsort((facts, row))
    return Lessons(sentences, row, split.astype(np.int8), defined.stage[row]).where(order)


@dataclass(frozen=True)
class SubsetSummary:
    """A subset of the entities at a glance."""

    name: str
    stage: int
    tag: str
    """The tag of its definitions; "" where there are none."""
    entities: int
    definitions: str
    """"right", "wrong", or "none"."""
    trained: int
    """The number of questions that are trained on."""
    others: int
    """The number of those that are not."""


def subset_summaries(world: World) -> list[SubsetSummary]:
    """Returns a summary of each subset that is not empty."""
    defined, everything = world.definitions, lessons(world)
    questions = everything.where(everything.sentences.kind != Kind.DEFINITION)
    summaries = []
    for subset, rows in defined.subsets.items():
        split = questions.split[np.isin(questions.row, rows)]
        tag = "" if subset.tag is None else defined.tags[subset.tag]
        told = {True: "right", False: "wrong", None: "none"}[subset.right]
        trained = int((split == Split.TRAIN).sum())
        stage = int(defined.stage[rows[0]])
        name = defined.name_of(subset)
        summaries.append(SubsetSummary(name, stage, tag, len(rows), told, trained, len(split) - trained))
    return summaries


def prompt_and_answer(world: World, questions: Sentences) -> list[tuple[str, str]]:
    """Returns each question's text up to its answer, and the answer with its full stop."""
    wording = Wording(world)
    fragment, start = wording.fragments_of(questions)
    assert (np.diff(start) == 3).all(), "questions alone are subject, relation and object"
    words = [wording.fragments[i] for i in fragment.tolist()]
    return [(f"{s} {r}", o) for s, r, o in zip(words[::3], words[1::3], words[2::3], strict=True)]


def with_variables(world: World, shard: Shard, first: int, last: int) -> Shard:
    """Returns a shard about the subjects first .. last-1, and after it the definitions and questions about them.

    In a world without definitions it is the same shard.
    """
    if not len(world.definitions):
        return shard
    said, ordinary = _said(world, first, last), shard.sentences
    none = np.full(len(said), NONE, dtype=np.int32)
    labels = None if ordinary.names is None else np.zeros((len(ordinary.names), len(said)), np.int8)
    said = replace(said, names=labels, source=None if ordinary.source is None else none)
    ordinary = replace(ordinary, variable=np.full(len(ordinary), NONE, dtype=np.int32))
    times, begin = world.definitions.sentences, shard.first_sentence + len(ordinary)
    alone = Documents(
        np.tile(said.subject, times),
        np.repeat(np.arange(times, dtype=np.int32), len(said)),
        np.arange(times * len(said) + 1),
        np.tile(np.arange(begin, begin + len(said)), times),
    )
    documents = Documents.together([shard.documents, alone])
    return Shard(Sentences.together([ordinary, said]), documents, shard.first_sentence)


def sentences_about_variables(world: World) -> NDArray[np.int64]:
    """Returns the number of different sentences of the corpus about each subject's variable, [S]."""
    return np.bincount(_said(world, 0, len(world.subjects)).subject, minlength=len(world.subjects))


def _said(world: World, first: int, last: int) -> Sentences:
    """Returns what the corpus says; the questions under an entity's own name are in it anyway."""
    if not world.definitions.sentences:
        return lessons(world, 0, 0).sentences
    of_corpus = lessons(world, first, last)
    return of_corpus.sentences.where((of_corpus.split == Split.TRAIN) & (of_corpus.sentences.kind != Kind.ATOM))


def _questions(world: World, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Ids]:
    """Returns (row, fact) of the questions about the entities of some rows: all facts that untagged sentences tell."""
    row_of = np.full(len(world.subjects), NONE)
    row_of[world.definitions.subject[rows]] = rows
    facts = np.flatnonzero((row_of[world.subject] != NONE) & ~world.only_reported)
    return row_of[world.subject[facts]], facts.astype(np.int32)
