"""The built-in graph: its sizes, its shape, its names."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.graphs.builtin.builtin_graph import BuiltinGraph
from worldgen.graphs.builtin.names import POOLS, RESERVED_WORDS, distinct_aliases
from worldgen.graphs.builtin.shape import DEPENDENCES, PAPER, RELATIONS, TINY, shape_of
from worldgen.graphs.sources import Names, TripleTable

EVERYTHING = 10**9
SEEDS = st.integers(0, 2**63 - 1)


@cache
def read(facts: int, seed: int = 0) -> tuple[TripleTable, Names]:
    graph = BuiltinGraph(facts, seed)
    table = graph.triples(EVERYTHING, strict=True)
    return table, graph.entity_names(table.entity_ids)


def labels(facts: int, seed: int = 0) -> list[str]:
    table, names = read(facts, seed)
    return [names[id_][0] for id_ in table.entity_ids]


def objects_by_relation(table: TripleTable) -> NDArray[np.int64]:
    """Returns each subject's object of each relation, [S, R]; -1 without one."""
    subjects, row = np.unique(table.rows.head, return_inverse=True)
    objects = np.full((len(subjects), len(table.relation_ids)), -1, np.int64)
    objects[row, table.rows.relation] = table.rows.tail
    return objects


def entropy(*columns: NDArray[np.int64]) -> float:
    """Returns the entropy, in bits, of the joint frequencies of the columns."""
    counts = np.unique(np.stack(columns), axis=1, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def pairs_in(table: TripleTable) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Returns for each pair of relations the upstream and downstream objects of the subjects that have both."""
    objects, column = objects_by_relation(table), {id_: i for i, id_ in enumerate(table.relation_ids)}
    pairs = []
    for dependence in DEPENDENCES:
        if dependence.upstream in column:
            up, down = objects[:, column[dependence.upstream]], objects[:, column[dependence.downstream]]
            both = (up >= 0) & (down >= 0)
            pairs.append((up[both], down[both]))
    return pairs


@pytest.mark.parametrize("facts", [40, 100, 600, 1_999, 2_000, 10_000, 160_000])
def test_the_number_of_facts_is_reached_and_passed_by_less_than_a_subject(facts: int) -> None:
    table, _ = read(facts)
    assert facts <= len(table.rows) <= facts + 4
    assert table.lines == len(table.rows)
    assert table.malformed == 0


def test_the_tiny_graph_has_about_150_subjects_and_135_objects() -> None:
    table, _ = read(600)
    assert set(table.relation_ids) == {"P69", "P106", "P19", "P27"}
    assert 145 <= len(np.unique(table.rows.head)) <= 160
    assert 125 <= len(np.unique(table.rows.tail)) <= 145


def test_the_paper_scale_graph_has_the_sizes_of_the_paper() -> None:
    table, _ = read(160_000)
    objects = objects_by_relation(table)
    shuffled = objects[np.random.default_rng(0).permutation(len(objects))]
    reached = np.cumsum((shuffled >= 0).sum(axis=1))
    sample = shuffled[: np.searchsorted(reached, 100_000) + 1]
    known_upstream = sum(len(up) for up, _ in pairs_in(table)) / len(table.rows)

    assert sample.shape[1] == 10
    assert len(sample) == pytest.approx(47_000, rel=0.05)
    assert len(np.unique(sample[sample >= 0])) == pytest.approx(20_000, rel=0.05)
    assert known_upstream == pytest.approx(0.20, rel=0.05)
    assert ((objects >= 0).sum(axis=1) >= 2).all()


@pytest.mark.parametrize(("facts", "least"), [(600, 100), (10_000, 100), (160_000, 1_000)])
def test_every_pair_occurs_together_often_enough(facts: int, least: int) -> None:
    assert all(len(up) >= least for up, _ in pairs_in(read(facts)[0]))


@pytest.mark.parametrize("facts", [600, 10_000, 160_000])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_other_pairing_of_the_relations_shares_as_many_subjects(facts: int, seed: int) -> None:
    table, _ = read(facts, seed)
    has = (objects_by_relation(table) >= 0).astype(np.int64)
    together = has.T @ has
    np.fill_diagonal(together, 0)
    shares = together / together.sum(axis=1, keepdims=True)
    weight = shares + shares.T

    def pairings(relations: tuple[int, ...]) -> list[list[tuple[int, int]]]:
        if not relations:
            return [[]]
        first, *rest = relations
        return [[(first, i), *others] for i in rest for others in pairings(tuple(j for j in rest if j != i))]

    by_weight = sorted(
        pairings(tuple(range(len(weight)))),
        key=lambda pairs: sum(weight[pair] for pair in pairs),
        reverse=True,
    )
    named = {frozenset(table.relation_ids[i] for i in pair) for pair in by_weight[0]}
    assert named <= {frozenset((d.upstream, d.downstream)) for d in DEPENDENCES}
    heaviest, second = (sum(weight[pair] for pair in pairs) for pairs in by_weight[:2])
    assert heaviest - second > 1e-6  # far above rounding: ties would leave the pairing to chance


@pytest.mark.parametrize("facts", [600, 10_000, 160_000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_upstream_objects_tell_something_but_not_all_of_the_downstream_ones(facts: int, seed: int) -> None:
    for up, down in pairs_in(read(facts, seed)[0]):
        given_upstream = entropy(up, down) - entropy(up)
        assert 0.1 < given_upstream < 0.6 * entropy(down)
        assert given_upstream < entropy(up, down) - entropy(down)  # so the upstream end is found by the data


def test_popularity_is_heavy_tailed() -> None:
    table, _ = read(160_000)
    objects = objects_by_relation(table)
    for relation in ("P69", "P19", "P54"):
        column = objects[:, table.relation_ids.index(relation)]
        counts = np.sort(np.unique(column[column >= 0], return_counts=True)[1])[::-1]
        assert (counts == 1).mean() > 0.4  # most have one fact,
        assert counts[0] > 100 * counts.mean()  # the first a hundred times the average,
        assert counts[: len(counts) // 100].sum() > 0.25 * counts.sum()  # a hundredth of them a quarter of all


def test_the_same_seed_gives_the_same_graph_and_another_seed_another_graph() -> None:
    first, again, other = (BuiltinGraph(2_000, seed) for seed in (7, 7, 8))
    tables = [graph.triples(EVERYTHING, strict=False) for graph in (first, again, other)]
    columns = [np.stack([t.rows.head, t.rows.relation, t.rows.tail]) for t in tables]
    names = [graph.entity_names(table.entity_ids) for graph, table in zip((first, again, other), tables, strict=True)]
    assert np.array_equal(columns[0], columns[1])
    assert names[0] == names[1]
    assert columns[0].shape != columns[2].shape or not np.array_equal(columns[0], columns[2])
    assert names[0] != names[2]


def test_a_limit_gives_the_first_triples_and_only_known_ids_have_names() -> None:
    graph = BuiltinGraph(600, 0)
    whole, part = graph.triples(EVERYTHING, strict=True), graph.triples(10, strict=True)
    assert part.lines == len(part.rows) == 10
    assert np.array_equal(part.rows.tail, whole.rows.tail[:10])
    assert len(graph.triples(0, strict=True).rows) == 0
    assert list(graph.entity_names({"E1", "Q42"})) == ["E1"]
    assert graph.relation_names({"P69", "P1"})["P69"][0] == "educated at"
    assert graph.relation_names({"P641"}) == {}


def test_the_facts_of_a_subject_are_together_and_the_kinds_of_subjects_mixed() -> None:
    head = read(2_000)[0].rows.head
    changes = 1 + np.count_nonzero(np.diff(head))
    assert changes == len(np.unique(head))
    assert not (np.diff(head) >= 0).all()


def test_a_graph_of_no_facts_is_refused() -> None:
    with pytest.raises(UserError, match="at least 1"):
        BuiltinGraph(0, 0)


def test_a_pool_with_too_few_names_refuses() -> None:
    with pytest.raises(UserError, match="ask for fewer facts"):
        POOLS["zone"].draw(39, np.random.default_rng(0))


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, facts=st.sampled_from([40, 600, 2_000, 5_000]))
def test_names_are_distinct_and_safe_in_the_language(seed: int, facts: int) -> None:
    table, names = read(facts, seed)
    every_name = [name for all_names in names.values() for name in all_names]
    assert len(names) == len(table.entity_ids)
    assert len(set(every_name)) == len(every_name)
    relation_names = {name for relation in RELATIONS for name in relation.names}
    inside = re.compile(r"\b(" + "|".join(map(re.escape, relation_names)) + r")\b", re.IGNORECASE)
    for name in every_name:
        assert not RESERVED_WORDS & set(name.lower().split())
        assert not set('".') & set(name)
        assert name == " ".join(name.split())
        assert not inside.search(name)


def test_labels_of_objects_are_short() -> None:
    table, names = read(160_000)
    lengths = Counter(len(names[table.entity_ids[code]][0].split()) for code in np.unique(table.rows.tail))
    assert max(lengths) <= 4
    assert lengths[1] + lengths[2] > 0.95 * lengths.total()


def test_names_at_paper_scale_are_distinct() -> None:
    everything = labels(160_000)
    assert len(set(everything)) == len(everything)


def test_a_million_people_have_names_of_their_own() -> None:
    people = POOLS["person"].draw(1_000_000, np.random.default_rng(0))
    assert len(set(people)) == 1_000_000


def test_an_alias_names_one_thing() -> None:
    labels_of_two = ["Ada Holm", "Ada Berg"]
    assert distinct_aliases(labels_of_two, [("A", "Holm Ada"), ("A", "Ada Holm", "Or")]) == [
        ("Holm Ada",),
        (),
    ]


def test_the_shapes_are_consistent() -> None:
    for shape in (TINY, PAPER):
        assert sum(profile.share for profile in shape.profiles) == 1_000
        roles = {relation.role for relation in shape.relations}
        assert {part.role for part in shape.census} == roles
        assert all(len(profile.relations) >= 2 for profile in shape.profiles)
    assert shape_of(1_999) is TINY
    assert shape_of(2_000) is PAPER
