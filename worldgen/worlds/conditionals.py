"""The conditional tables p(o_d | r_d, r_u, o_u): the graph's counts, with the weight of the mode raised.

A row is one (dependency, upstream object). The weights are whole numbers, so every probability is an exact ratio.
They are the graph's counts; the largest is raised until it has the requested share. A deterministic row has its mode
as its only entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, gather_rows, row_of_entry, row_starts
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.worlds.dependencies import Pair


@dataclass(frozen=True)
class Conditionals:
    """A ragged table of weighted downstream objects: row c holds the entries start[c] .. start[c+1]-1.

    Rows are sorted by (dependency, upstream object). Shapes: C rows, E entries.
    """

    dependency: Ids  # [C]
    """The number of the pair of relations."""
    upstream_object: Ids  # [C]
    """The condition: the object of the upstream relation, or SEEN_NOWHERE."""
    mode: Ids  # [C]
    """The object of the largest weight; the lowest id if there are several."""
    start: NDArray[np.int64]  # [C+1]
    object: Ids  # [E]
    weight: NDArray[np.int64]  # [E]
    deterministic: NDArray[np.bool_]  # [C]
    """Whether the row was made deterministic. Another row may be certain too, because the graph is."""

    def __len__(self) -> int:
        return len(self.dependency)

    @cached_property
    def cumulative(self) -> NDArray[np.int64]:
        """[E+1]: the running sum of the weights over all rows."""
        return np.concatenate([[0], np.cumsum(self.weight)])

    @cached_property
    def total(self) -> NDArray[np.int64]:
        """[C]: the sum of each row's weights."""
        return self.cumulative[self.start[1:]] - self.cumulative[self.start[:-1]]

    @cached_property
    def mode_entry(self) -> NDArray[np.int64]:
        """[C]: the entry of each row's mode."""
        return np.flatnonzero(self.object == np.repeat(self.mode, np.diff(self.start)))

    def probabilities(self, row: int) -> dict[int, float]:
        """Returns a row as object -> probability."""
        entries = slice(self.start[row], self.start[row + 1])
        return dict(zip(self.object[entries].tolist(), (self.weight[entries] / self.total[row]).tolist(), strict=True))

    def rows_of(self, dependency: int, upstream_objects: Ids) -> Ids:
        """Returns the row of each upstream object under one dependency: [N].

        An upstream object that has no row there gets the row of `SEEN_NOWHERE`.
        """
        rows = np.flatnonzero(self.dependency == dependency)
        known = self.upstream_object[rows]
        place = np.minimum(np.searchsorted(known, upstream_objects), len(known) - 1)
        # The row of SEEN_NOWHERE sorts first.
        return np.where(known[place] == upstream_objects, rows[place], rows[0]).astype(np.int32)

    def used_by(self, row: Ids) -> tuple[Conditionals, Ids]:
        """Returns the table of only the rows that occur in `row`, and `row` in the new numbers.

        A negative number stands for no row and stays.
        """
        used = np.unique(row[row >= 0])
        entries, lengths = gather_rows(self.start, used)
        new_number = np.full(len(self) + 1, -1, dtype=np.int32)
        new_number[used] = np.arange(len(used), dtype=np.int32)
        smaller = Conditionals(
            self.dependency[used],
            self.upstream_object[used],
            self.mode[used],
            row_starts(lengths),
            self.object[entries],
            self.weight[entries],
            self.deterministic[used],
        )
        return smaller, new_number[row]

    def with_rules(self, chosen: NDArray[np.bool_]) -> Conditionals:
        """Returns the table with the chosen rows [C] made deterministic: p(mode | upstream object) = 1."""
        kept = ~np.repeat(chosen, np.diff(self.start))
        kept[self.mode_entry] = True
        before = row_starts(kept.astype(np.int64))
        return replace(
            self,
            start=before[self.start],
            object=self.object[kept],
            weight=self.weight[kept],
            deterministic=self.deterministic | chosen,
        )

    def renumbered(self, new_id: Ids) -> Conditionals:
        """Returns the table with new_id[o] for every object o. `new_id` must rise, so that the order stays."""
        return replace(
            self,
            upstream_object=new_id[self.upstream_object],
            mode=new_id[self.mode],
            object=new_id[self.object],
        )

    def columns(self) -> dict[str, NDArray]:
        """Returns the table as columns with one line for each entry.

        The column `deterministic` is there only if a row is deterministic.
        """
        row = row_of_entry(self.start).astype(np.int32)
        columns: dict[str, NDArray] = {
            "row": row,
            "dependency": self.dependency[row],
            "upstream_object": self.upstream_object[row],
            "object": self.object,
            "weight": self.weight,
        }
        return columns | ({"deterministic": self.deterministic[row]} if self.deterministic.any() else {})

    @staticmethod
    def from_columns(columns: dict[str, NDArray]) -> Conditionals:
        """Returns the table that `columns` wrote."""
        first = np.unique(columns["row"], return_index=True)[1]
        start = np.append(first, len(columns["row"])).astype(np.int64)
        return Conditionals(
            columns["dependency"][first],
            columns["upstream_object"][first],
            columns["object"][_first_largest(columns["weight"], start)],
            start,
            columns["object"],
            columns["weight"],
            columns["deterministic"][first] if "deterministic" in columns else np.zeros(len(first), dtype=bool),
        )

    @staticmethod
    def from_graph(graph: KnowledgeGraph, pairs: Sequence[Pair], mode_percent: int) -> Conditionals:
        """Returns the empirical conditionals of all pairs, each mode raised to a share of at least `mode_percent`."""
        entries = [_entries(graph, number, pair) for number, pair in enumerate(pairs)]
        dependency, upstream, object_, count = (np.concatenate(column) for column in zip(*entries, strict=True))
        order = np.lexsort((object_, upstream, dependency))
        dependency, upstream, object_, count = dependency[order], upstream[order], object_[order], count[order]
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = (np.diff(dependency) != 0) | (np.diff(upstream) != 0)
        first = np.flatnonzero(begins)
        start = np.append(first, len(order)).astype(np.int64)
        mode = _first_largest(count, start)
        total = np.add.reduceat(count, first)
        weight = count.copy()
        weight[mode] = raised_weight(count[mode], total - count[mode], mode_percent)
        free = np.zeros(len(first), dtype=bool)
        return Conditionals(dependency[first], upstream[first], object_[mode], start, object_, weight, free)


# The condition of the row that holds a downstream relation's marginal. It serves an upstream truth that no subject of
# the graph has together with the downstream relation; such a truth can come down a chain.
SEEN_NOWHERE = -1


def raised_weight(mode: NDArray[np.int64], rest: NDArray[np.int64], percent: int) -> NDArray[np.int64]:
    """Returns the least whole weight >= `mode` with weight / (weight + rest) >= percent / 100. Shapes: [C] each."""
    return np.maximum(mode, -(-percent * rest // (100 - percent)))


def _entries(graph: KnowledgeGraph, number: int, pair: Pair) -> tuple[Ids, Ids, Ids, NDArray[np.int64]]:
    """Returns (dependency, upstream object, downstream object, count) of one pair, with the row of its marginal."""
    up, down = graph.objects_of(pair.upstream), graph.objects_of(pair.downstream)
    both = (up >= 0) & (down >= 0)
    seen, count = np.unique(np.stack([up[both], down[both]]), axis=1, return_counts=True)
    objects, marginal = np.unique(down[both], return_counts=True)
    upstream = np.concatenate([np.full(len(objects), SEEN_NOWHERE, dtype=np.int32), seen[0]])
    object_ = np.concatenate([objects, seen[1]])
    return np.full(len(object_), number, dtype=np.int32), upstream, object_, np.concatenate([marginal, count])


def _first_largest(count: NDArray[np.int64], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the entry of each row's largest count, the lowest object id if there are several: [C]."""
    row = row_of_entry(start)
    by_count = np.lexsort((np.arange(len(count)), -count, row))
    return by_count[start[:-1]]
