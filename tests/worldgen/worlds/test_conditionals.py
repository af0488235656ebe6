"""Conditional tables against counts by hand, in exact fractions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.graphs.graph import KnowledgeGraph
from worldgen.worlds.conditionals import SEEN_NOWHERE, Conditionals, raised_weight
from worldgen.worlds.dependencies import Pair

PAIRS = (Pair(0, 1), Pair(1, 2))


def least_weight(mode: int, rest: int, percent: int) -> int:
    weight = mode
    while Fraction(weight, weight + rest) < Fraction(percent, 100):
        weight += 1
    return weight


@given(st.integers(1, 50), st.integers(0, 200), st.integers(0, 99))
def test_the_mode_gets_the_least_weight_that_suffices(mode: int, rest: int, percent: int) -> None:
    found = raised_weight(np.array([mode]), np.array([rest]), percent)
    assert found.tolist() == [least_weight(mode, rest, percent)]


def rows_by_hand(graph: KnowledgeGraph, pairs: tuple[Pair, ...]) -> dict[tuple[int, int], Counter]:
    """(number of the pair, upstream object) -> counts of downstream objects. SEEN_NOWHERE stands for the marginal."""
    rows: dict[tuple[int, int], Counter] = {}
    for number, pair in enumerate(pairs):
        up, down = graph.objects_of(pair.upstream).tolist(), graph.objects_of(pair.downstream).tolist()
        for u, d in zip(up, down, strict=True):
            if u >= 0 and d >= 0:
                rows.setdefault((number, u), Counter())[d] += 1
                rows.setdefault((number, SEEN_NOWHERE), Counter())[d] += 1
    return rows


@pytest.mark.parametrize("percent", [0, 1, 50, 60, 77, 99])
def test_rows_are_the_graphs_counts_with_the_mode_raised(chained_graph: KnowledgeGraph, percent: int) -> None:
    table = Conditionals.from_graph(chained_graph, PAIRS, percent)
    by_hand = rows_by_hand(chained_graph, PAIRS)
    assert list(zip(table.dependency.tolist(), table.upstream_object.tolist(), strict=True)) == sorted(by_hand)
    for row, counts in enumerate(by_hand[key] for key in sorted(by_hand)):
        mode = min(counts, key=lambda o: (-counts[o], o))
        rest = counts.total() - counts[mode]
        weights = dict(counts) | {mode: least_weight(counts[mode], rest, percent)}
        entries = slice(table.start[row], table.start[row + 1])
        assert dict(zip(table.object[entries].tolist(), table.weight[entries].tolist(), strict=True)) == weights
        assert table.mode[row] == mode
        assert table.object[table.mode_entry[row]] == mode
        assert table.total[row] == sum(weights.values())
        assert Fraction(weights[mode], sum(weights.values())) >= Fraction(percent, 100)
        total = sum(weights.values())
        assert table.probabilities(row) == {o: w / total for o, w in weights.items()}


def test_an_upstream_object_never_seen_has_the_marginal(graph_of: Callable) -> None:
    graph = graph_of(
        [("s", "r", "a"), ("s", "q", "x"), ("t", "r", "b"), ("t", "q", "y"), ("u", "r", "c"), ("v", "q", "y")]
    )
    r, q = graph.relations.id_of("r"), graph.relations.id_of("q")
    table = Conditionals.from_graph(graph, [Pair(r, q)], 60)
    a, b, c = (graph.objects.id_of(label) for label in "abc")
    rows = table.rows_of(0, np.array([a, b, c, 10_000], dtype=np.int32))
    assert table.upstream_object[rows].tolist() == [a, b, SEEN_NOWHERE, SEEN_NOWHERE]
    # One x, one y, of the subjects with both relations; x comes first and is raised to 2 of 3 (1.5 is no whole number).
    x, y = graph.objects.id_of("x"), graph.objects.id_of("y")
    assert table.probabilities(int(rows[2])) == {x: 2 / 3, y: 1 / 3}


def test_only_used_rows_are_kept(chained_graph: KnowledgeGraph) -> None:
    table = Conditionals.from_graph(chained_graph, PAIRS, 60)
    asked = np.array([5, -1, 2, 5, len(table) - 1, -1], dtype=np.int32)
    smaller, rows = table.used_by(asked)
    assert len(smaller) == 3
    assert ((rows == -1) == (asked == -1)).all()
    for old, new in zip(asked[asked >= 0].tolist(), rows[rows >= 0].tolist(), strict=True):
        assert smaller.probabilities(new) == table.probabilities(old)
        assert smaller.mode[new] == table.mode[old]
    nothing, none = table.used_by(np.array([-1, -1], dtype=np.int32))
    assert (len(nothing), none.tolist()) == (0, [-1, -1])


@pytest.mark.parametrize("rows", [[], [0, 3], "all"])
def test_columns_hold_everything(chained_graph: KnowledgeGraph, rows: list[int] | str) -> None:
    table = Conditionals.from_graph(chained_graph, PAIRS, 60)
    if rows != "all":
        table, _ = table.used_by(np.array(rows, dtype=np.int32))
    again = Conditionals.from_columns(table.columns())
    for name in ("dependency", "upstream_object", "mode", "start", "object", "weight", "deterministic"):
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))
        assert getattr(again, name).dtype == getattr(table, name).dtype


def test_renumbered_objects(chained_graph: KnowledgeGraph) -> None:
    table = Conditionals.from_graph(chained_graph, PAIRS, 60)
    new_id = np.append(np.arange(len(chained_graph.objects)) * 2, -1).astype(np.int32)
    moved = table.renumbered(new_id)
    for row in range(len(table)):
        assert moved.probabilities(row) == {2 * o: p for o, p in table.probabilities(row).items()}
    assert ((moved.upstream_object == SEEN_NOWHERE) == (table.upstream_object == SEEN_NOWHERE)).all()


def test_a_rule_keeps_the_mode_alone(chained_graph: KnowledgeGraph) -> None:
    table = Conditionals.from_graph(chained_graph, PAIRS, 60)
    chosen = np.arange(len(table)) % 3 == 1
    ruled = table.with_rules(chosen)
    assert ruled.deterministic.tolist() == chosen.tolist()
    assert not table.deterministic.any()
    for row in range(len(table)):
        expected = {int(table.mode[row]): 1.0} if chosen[row] else table.probabilities(row)
        assert ruled.probabilities(row) == expected
        assert ruled.object[ruled.mode_entry[row]] == ruled.mode[row] == table.mode[row]
    again = Conditionals.from_columns(ruled.columns())
    for name in Conditionals.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(ruled, name))
    smaller, rows = ruled.used_by(np.array([4, 2, 1], dtype=np.int32))
    assert smaller.deterministic[rows].tolist() == chosen[[4, 2, 1]].tolist()
    # A table without rules has no column of them.
    assert "deterministic" not in table.columns()
