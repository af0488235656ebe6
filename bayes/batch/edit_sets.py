"""Sets of edits, one set for each of many questions, back to back.

Shapes: Q questions, E edits of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import gather_rows, row_of_entry, row_starts
from worldgen.bayes.agent import Edit
from worldgen.bayes.sparse import Flags, Floats, Integers


@dataclass(frozen=True)
class EditSets:
    """The edits of question q are start[q] .. start[q+1]-1; an edit of weight zero is none.

    Raises ValueError for weights that are negative or not finite.
    """

    start: Integers  # [Q+1]
    subject: Integers  # [E]
    relation: Integers  # [E]
    object: Integers  # [E]
    weight: Floats  # [E]

    def __post_init__(self) -> None:
        if len(self.weight) and not (np.isfinite(self.weight).all() and self.weight.min() >= 0):
            raise ValueError("edits have finite weights that are not negative")

    @staticmethod
    def none(Q: int) -> EditSets:
        """No edit for any of Q questions."""
        nothing = np.zeros(0, dtype=np.int64)
        return EditSets(np.zeros(Q + 1, dtype=np.int64), nothing, nothing, nothing, np.zeros(0))

    @staticmethod
    def one_each(subject: Integers, relation: Integers, object_: Integers, weight: Floats) -> EditSets:
        """One edit for each of Q questions, from columns [Q]."""
        return EditSets(np.arange(len(subject) + 1), subject, relation, object_, weight)

    @staticmethod
    def of(sets: Sequence[Sequence[Edit]]) -> EditSets:
        """The sets as columns."""
        start = np.cumsum([0, *map(len, sets)])
        rows = np.array([edit for edits in sets for edit in edits], dtype=np.float64).reshape(-1, 4)
        subject, relation, object_ = rows[:, :3].astype(np.int64).T
        return EditSets(start, subject, relation, object_, rows[:, 3])

    def __len__(self) -> int:
        return len(self.start) - 1

    @cached_property
    def question(self) -> Integers:
        """[E]: whose edit each one is."""
        return row_of_entry(self.start)

    def where(self, chosen: NDArray) -> EditSets:
        """The sets of some of the questions, by a mask or by numbers, which may come again."""
        rows = np.arange(len(self))[chosen]
        edit, lengths = gather_rows(self.start, rows)
        start = row_starts(lengths)
        return EditSets(start, self.subject[edit], self.relation[edit], self.object[edit], self.weight[edit])

    def set_of(self, q: int) -> tuple[Edit, ...]:
        """The edits of one question."""
        own = slice(self.start[q], self.start[q + 1])
        columns = (column[own].tolist() for column in (self.subject, self.relation, self.object, self.weight))
        return tuple(Edit(*edit) for edit in zip(*columns, strict=True))

    def falls_on(self, subject: Integers, relation: Integers) -> Flags:
        """[E]: whether each edit is an observation of its question's fact (subject[q], relation[q])."""
        q = self.question
        return (self.weight > 0) & (self.subject == subject[q]) & (self.relation == relation[q])
