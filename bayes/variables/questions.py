"""Answered questions about variables, and what is known of the entities that variables may stand for.

Shapes: V variables, E entities, R relations, Q questions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from worldgen.bayes.sparse import Flags, Floats, Integers


@dataclass(frozen=True)
class Entities:
    """The facts of the entities, which are known: kappa_r(e)."""

    answer: Integers
    """[E, R]: the object of each entity's fact of each relation; -1 where it has no such fact."""
    choices: Integers
    """[R]: the number of objects that an answer about the relation may name, M_r."""

    def __post_init__(self) -> None:
        if len(self.answer) < 2:
            raise ValueError("a variable needs two entities or more that it may stand for")
        if (self.choices < 2).any():
            raise ValueError("a question needs two possible answers or more")


@dataclass(frozen=True)
class Questions:
    """Q answered questions: variable v has the questions start[v] .. start[v+1]-1."""

    start: Integers
    """[V+1]."""
    relation: Integers
    """[Q]."""
    object: Integers
    """[Q]: the answer."""

    @staticmethod
    def of(V: int, variable: ArrayLike, relation: ArrayLike, object_: ArrayLike) -> Questions:
        """Returns the questions about V variables, from unsorted columns [Q]. Raises ValueError for an unknown id."""
        columns = np.stack([np.asarray(column, np.int64).reshape(-1) for column in (variable, relation, object_)])
        if columns.size and (columns.min() < 0 or columns[0].max() >= V):
            raise ValueError(f"a question names an id below zero, or a variable outside 0 .. {V - 1}")
        order = np.lexsort(columns[::-1])
        start = np.searchsorted(columns[0][order], np.arange(V + 1))
        return Questions(start.astype(np.int64), columns[1][order], columns[2][order])

    def __len__(self) -> int:
        """Returns V."""
        return len(self.start) - 1

    def fit(self, variable: int, entities: Entities) -> Fit:
        """Returns how the entities fit the answers about a variable. Raises ValueError for an unknown relation."""
        asked = slice(int(self.start[variable]), int(self.start[variable + 1]))
        relation, object_ = self.relation[asked], self.object[asked]
        if len(relation) and relation.max() >= entities.answer.shape[1]:
            raise ValueError(f"relations are numbered 0 .. {entities.answer.shape[1] - 1}")
        known = entities.answer[:, relation]
        right, wrong = known == object_, np.log(entities.choices[relation] - 1.0)
        return Fit(np.min(known, axis=1, initial=0) >= 0, right.sum(axis=1), len(relation), -(~right @ wrong))


@dataclass(frozen=True)
class Fit:
    """How each entity fits the answers about one variable."""

    possible: Flags
    """[E]: whether the entity has a fact for each question."""
    right: Integers
    """[E]: how many answers are right if the variable stands for the entity."""
    questions: int
    log_wrong: Floats
    """[E]: the logarithm of the product of 1 / (M_r - 1) over the answers that are wrong then."""

    @property
    def candidates(self) -> Integers:
        """The entities that match every answer: S_v."""
        return np.flatnonzero(self.possible & (self.right == self.questions))
