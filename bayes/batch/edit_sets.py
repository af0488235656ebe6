"""One set of edits for each of many queries, stored back to back.

Shapes: Q queries, E edits of all sets together.
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
    """Q sets of edits: set q holds the edits start[q] .. start[q+1]-1. An edit of weight 0 changes nothing.

    Raises ValueError for a weight that is negative or not finite.
    """

    start: Integers  # [Q+1]
    subject: Integers  # [E]
    relation: Integers  # [E]
    object: Integers  # [E]
    weight: Floats  # [E]

    def __post_init__(self) -> None:
        if len(self.weight) and not (np.isfinite(self.weight).all() and self.weight.min() >= 0):
            raise ValueError("the weights of edits must be finite and not negative")

    @staticmethod
    def none(Q: int) -> EditSets:
        """Returns Q empty sets."""
        no_ids = np.zeros(0, dtype=np.int64)
        return EditSets(np.zeros(Q + 1, dtype=np.int64), no_ids, no_ids, no_ids, np.zeros(0))

    @staticmethod
    def one_each(subject: Integers, relation: Integers, object_: Integers, weight: Floats) -> EditSets:
        """Returns Q sets of one edit each, from columns [Q]."""
        return EditSets(np.arange(len(subject) + 1), subject, relation, object_, weight)

    @staticmethod
    def of(sets: Sequence[Sequence[Edit]]) -> EditSets:
        """Returns the given sets as columns."""
        start = np.cumsum([0, *map(len, sets)])
        rows = np.array([edit for edits in sets for edit in edits], dtype=np.float64).reshape(-1, 4)
        subject, relation, object_ = rows[:, :3].astype(np.int64).T
        return EditSets(start, subject, relation, object_, rows[:, 3])

    def __len__(self) -> int:
        return len(self.start) - 1

    @cached_property
    def query(self) -> Integers:
        """[E]: the query that each edit belongs to."""
        return row_of_entry(self.start)

    def where(self, chosen: NDArray) -> EditSets:
        """Returns the sets of the chosen queries: a mask [Q], or query numbers, which may repeat."""
        rows = np.arange(len(self))[chosen]
        edit, lengths = gather_rows(self.start, rows)
        start = row_starts(lengths)
        return EditSets(start, self.subject[edit], self.relation[edit], self.object[edit], self.weight[edit])

    def apart_from(self, subject: Integers, relation: Integers) -> EditSets:
        """Returns the sets without the edits about their query's fact (subject[q], relation[q])."""
        kept = ~self.falls_on(subject, relation)
        start = row_starts(np.bincount(self.query[kept], minlength=len(self)))
        return EditSets(start, self.subject[kept], self.relation[kept], self.object[kept], self.weight[kept])

    def set_of(self, q: int) -> tuple[Edit, ...]:
        """Returns the edits of query q."""
        own = slice(self.start[q], self.start[q + 1])
        columns = (column[own].tolist() for column in (self.subject, self.relation, self.object, self.weight))
        return tuple(Edit(*edit) for edit in zip(*columns, strict=True))

    def falls_on(self, subject: Integers, relation: Integers) -> Flags:
        """Returns [E]: whether each edit has weight and is about its query's fact (subject[q], relation[q])."""
        q = self.query
        return (self.weight > 0) & (self.subject == subject[q]) & (self.relation == relation[q])
