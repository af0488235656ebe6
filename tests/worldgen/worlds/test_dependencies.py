"""Dependencies: the exact matching, the direction that predicts better, and the pairs that a config fixes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.worlds.dependencies import Pair, conditional_entropy, find_dependencies, match_relations, upstream_first


def perfect_matchings(relations: list[int]) -> Iterator[list[tuple[int, int]]]:
    if not relations:
        yield []
        return
    first, *rest = relations
    for other in rest:
        for matching in perfect_matchings([r for r in rest if r != other]):
            yield [(first, other), *matching]


def weight(together: NDArray[np.int64], matching: list[tuple[int, int]]) -> float:
    """Sum over pairs of c_ij / sum_k c_ik + c_ij / sum_k c_jk, k over the other relations."""
    rows = together.sum(axis=1) - np.diag(together)
    return sum(together[i, j] / max(rows[i], 1) + together[i, j] / max(rows[j], 1) for i, j in matching)


@st.composite
def counts(draw: st.DrawFn) -> NDArray[np.int64]:
    R = draw(st.sampled_from([2, 4, 6]))
    upper = draw(st.lists(st.one_of(st.just(0), st.integers(0, 5000)), min_size=R * R, max_size=R * R))
    square = np.triu(np.array(upper).reshape(R, R))
    return square + np.triu(square, 1).T


@given(counts())
def test_the_matching_is_the_best_of_all(together: NDArray[np.int64]) -> None:
    found = match_relations(together)
    assert sorted(r for pair in found for r in pair) == list(range(len(together)))
    best = max(weight(together, matching) for matching in perfect_matchings(list(range(len(together)))))
    # Both sums are of at most six shares: their rounding is far below 1e-12.
    assert weight(together, found) == pytest.approx(best, rel=1e-12)


def test_relations_in_odd_number_are_refused() -> None:
    with pytest.raises(ValueError, match="3 relations cannot be paired"):
        match_relations(np.ones((3, 3), dtype=np.int64))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_conditional_entropy_is_its_definition(drawn: list[tuple[int, int]]) -> None:
    """H(Y | X) = - sum_xy p(x, y) log2 p(y | x)."""
    joint, given_ = Counter(drawn), Counter(x for x, _ in drawn)
    expected = -sum(n / len(drawn) * math.log2(n / given_[x]) for (x, _), n in joint.items())
    x, y = (np.array(column) for column in zip(*drawn, strict=True))
    # Differences of entropies of up to 5 bits in float64.
    assert conditional_entropy(x, y) == pytest.approx(expected, abs=1e-12)


def test_the_end_that_predicts_the_other_is_upstream(graph_of: Callable) -> None:
    """Six towns lie in two countries: a town determines the country, a country does not determine the town."""
    triples = [(f"s{i}", "country", f"land {i % 2}") for i in range(12)]
    triples += [(f"s{i}", "town", f"town {i % 6}") for i in range(12)]
    graph = graph_of(triples)
    (dependency,) = find_dependencies(graph, ())
    assert dependency.pair == Pair(graph.relations.id_of("town"), graph.relations.id_of("country"))
    assert dependency.cooccurrence == 12
    assert dependency.downstream_entropy == pytest.approx(1, abs=1e-12)
    assert dependency.conditional_entropy == pytest.approx(0, abs=1e-12)


def test_matched_pairs_cover_all_relations(chained_graph: KnowledgeGraph) -> None:
    found = find_dependencies(chained_graph, ())
    assert sorted(end for d in found for end in d.pair) == [0, 1, 2, 3]
    for d in found:
        up, down = chained_graph.objects_of(d.pair.upstream), chained_graph.objects_of(d.pair.downstream)
        both = (up >= 0) & (down >= 0)
        assert d.cooccurrence == both.sum()
        assert d.conditional_entropy <= conditional_entropy(down[both], up[both])


def test_fixed_pairs_are_given_by_label_or_source_id_and_sorted_down_the_chain(chained_graph: KnowledgeGraph) -> None:
    found = find_dependencies(chained_graph, ["r2->id of r3", "r1 -> r2", "  r0  ->  r1 "])
    assert [d.pair for d in found] == [(0, 1), (1, 2), (2, 3)]


@given(st.permutations([Pair(3, 0), Pair(0, 2), Pair(2, 1), Pair(5, 4)]))
def test_a_chain_comes_upper_ends_first(pairs: list[Pair]) -> None:
    ordered = upstream_first(pairs)
    assert sorted(ordered) == sorted(pairs)
    chain = [pair for pair in ordered if pair != Pair(5, 4)]
    assert chain == [Pair(3, 0), Pair(0, 2), Pair(2, 1)]


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        (["r0 -> r9"], "unknown relation 'r9'"),
        (["r0"], "write 'r0' as 'upstream -> downstream'"),
        (["r0 -> r1 -> r2"], "as 'upstream -> downstream'"),
        (["r0 -> r1", "r2 -> r1"], "'r1' is the downstream end of two pairs"),
        (["r0 -> r1", "r0 -> r2"], "'r0' is the upstream end of two pairs"),
        (["r0 -> r1", "r0 -> r1"], "end of two pairs"),
        (["r0 -> r1", "r1 -> r0"], "a relation depends on itself"),
        (["r0 -> r1", "r1 -> r2", "r2 -> r0"], "a relation depends on itself"),
        (["r0 -> r0"], "a relation depends on itself"),
    ],
)
def test_impossible_fixed_pairs_are_refused(chained_graph: KnowledgeGraph, fixed: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        find_dependencies(chained_graph, fixed)
    assert "\n" not in str(raised.value)


def test_a_pair_of_relations_that_no_subject_has_is_refused(graph_of: Callable) -> None:
    graph = graph_of([("s", "r", "a"), ("s", "q", "b"), ("t", "p", "a"), ("t", "o", "b")])
    with pytest.raises(UserError, match=r"no subject has both 'r' and 'p': .* fix others with world.pairs"):
        find_dependencies(graph, ["r -> p"])
