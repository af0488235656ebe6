"""How a world is made: truths, chances and distractors against their definitions, one fact at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from worlds import CHAIN, assert_equal_worlds

from worldgen.corpus.recipe import make_shard
from worldgen.corpus.sentences import Kind
from worldgen.errors import UserError
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.randomness import Stream, to_unit
from worldgen.settings import CorpusConfig, WorldConfig
from worldgen.worlds.conditionals import SEEN_NOWHERE
from worldgen.worlds.making import make_world
from worldgen.worlds.world import NONE, World


def test_subjects_are_taken_whole_until_the_facts_are_reached(world: World, chained_graph: KnowledgeGraph) -> None:
    assert 200 <= len(world) < 200 + len(world.relations)
    # Without the last subject there were too few.
    assert world.first_fact[-2] < 200
    per_subject = dict(zip(*np.unique(chained_graph.subject, return_counts=True), strict=True))
    for s, label in enumerate(world.subjects.labels):
        assert world.first_fact[s + 1] - world.first_fact[s] == per_subject[chained_graph.subjects.id_of(label)]


def test_the_facts_are_the_graphs(world: World, chained_triples: list[tuple[str, str, str]]) -> None:
    told = [
        (world.subjects[s], world.relations[r], world.objects[o])
        for s, r, o in zip(world.subject.tolist(), world.relation.tolist(), world.graph_object.tolist(), strict=True)
    ]
    assert len(set(told)) == len(told)
    assert set(told) <= set(chained_triples)
    keys = list(zip(world.subject.tolist(), world.relation.tolist(), strict=True))
    assert keys == sorted(keys)


def test_truths_are_the_modes_given_the_upstream_truths(
    world: World, chained_graph: KnowledgeGraph, chained_triples: list[tuple[str, str, str]]
) -> None:
    """The truths are settled again, with labels and dictionaries."""
    graph = {(s, r): o for s, r, o in chained_triples}
    upstream_of = {world.relations[p.downstream]: world.relations[p.upstream] for p in world.pairs()}

    def counts(down: str, up_object: str | None) -> dict[str, int]:
        """Counts downstream objects over the subjects with both relations (and with this upstream object, if given)."""
        up, found = upstream_of[down], {}
        for (s, r), o in graph.items():
            if r == down and (s, up) in graph and up_object in (None, graph[s, up]):
                found[o] = found.get(o, 0) + 1
        return found

    def truth(s: str, r: str) -> str:
        if (s, upstream_of.get(r, "")) not in graph:
            return graph[s, r]
        row = counts(r, truth(s, upstream_of[r])) or counts(r, None)
        return min(row, key=lambda o: (-row[o], chained_graph.objects.id_of(o)))

    for f in range(len(world)):
        s, r = world.subjects[world.subject[f]], world.relations[world.relation[f]]
        assert world.objects[world.truth[f]] == truth(s, r)
        up = (s, upstream_of.get(r, ""))
        if up not in graph:
            assert world.upstream[f] == world.row[f] == NONE
        else:
            above = int(world.upstream[f])
            assert (world.subjects[world.subject[above]], world.relations[world.relation[above]]) == up
            assert world.conditionals.mode[world.row[f]] == world.truth[f]
            assert world.conditionals.upstream_object[world.row[f]] in (world.truth[above], SEEN_NOWHERE)


def test_a_downstream_truth_may_differ_from_the_graph(world: World) -> None:
    assert (world.truth != world.graph_object)[world.row != NONE].any()
    assert (world.truth == world.graph_object)[world.row == NONE].all()


def test_roots_have_a_percent_and_a_distractor_of_the_range(world: World) -> None:
    roots, downstream = world.row == NONE, world.row != NONE
    assert ((world.percent[roots] >= 60) & (world.percent[roots] <= 100)).all()
    assert (world.distractor[roots] != world.truth[roots]).all()
    assert (world.percent[downstream] == 0).all()
    assert (world.distractor[downstream] == NONE).all()
    for f in np.flatnonzero(roots):
        range_ = set(world.truth[world.relation == world.relation[f]].tolist())
        assert world.distractor[f] in range_
        assert set(world.ranges[world.relation[f]].tolist()) == range_


def test_the_world_has_only_objects_that_occur(world: World) -> None:
    table = world.conditionals
    used = [world.truth, world.graph_object, world.distractor, table.object, table.upstream_object]
    assert set(np.concatenate(used).tolist()) - {NONE} == set(range(len(world.objects)))
    assert set(world.row.tolist()) - {NONE} == set(range(len(table)))


def test_the_seed_decides(chained_graph: KnowledgeGraph) -> None:
    config = WorldConfig(facts=100)
    assert_equal_worlds(make_world(chained_graph, config, 1), make_world(chained_graph, config, 1))
    assert make_world(chained_graph, config, 1).subjects != make_world(chained_graph, config, 2).subjects


def test_a_subject_keeps_its_percents_in_another_graph(chained_triples: list, graph_of: Callable) -> None:
    """The two graphs have the same relations in the same order and share some subjects."""
    last = {"s100", "s101", "s102"}
    few = [t for t in chained_triples if t[0] in last or t[0] in {"s0", "s1", "s2", "s3", "s4", "s5"}]
    links = {r: ("z", r, f"z{r}") for r in ("r0", "r1", "r2", "r3")}

    def percents(triples: list) -> dict[tuple[str, str], int]:
        graph = graph_of([*links.values(), *triples])
        world = make_world(graph, WorldConfig(facts=len(graph), pairs=CHAIN), seed=3)
        told = zip(world.subject.tolist(), world.relation.tolist(), world.percent.tolist(), strict=True)
        return {(world.subjects[s], world.relations[r]): percent for s, r, percent in told}

    many, less = percents(chained_triples), percents(few)
    assert {key: many[key] for key in less} == less
    # Nor does it depend on where the subject stands.
    assert percents(few[::-1]) == less


def test_percents_and_distractors_are_uniform(graph_of: Callable) -> None:
    """Each p value is below 1e-6 for one seed in a million; the seed is fixed."""
    graph = graph_of([(f"s{i}", r, f"{r} object {i % 11}") for i in range(3000) for r in ("r", "q", "p", "o")])
    world = make_world(graph, WorldConfig(facts=len(graph)), seed=0)
    percents = world.percent[world.row == NONE]
    assert stats.chisquare(np.bincount(percents - 60, minlength=41)).pvalue > 1e-6
    for r in range(4):
        rows = np.flatnonzero((world.relation == r) & (world.row == NONE))
        if len(rows):
            place = np.searchsorted(world.ranges[r], world.distractor[rows])
            own = np.searchsorted(world.ranges[r], world.truth[rows])
            assert stats.chisquare(np.bincount((place - own) % 11, minlength=11)[1:]).pvalue > 1e-6


def test_chosen_subjects_are_those_with_the_least_words(chained_graph: KnowledgeGraph) -> None:
    """A larger world has the smaller world's subjects, in the same order."""
    small, large = (make_world(chained_graph, WorldConfig(facts=n), seed=9).subjects.labels for n in (50, 150))
    assert large[: len(small)] == small


def test_a_graph_that_is_too_small_says_what_it_has(chained_graph: KnowledgeGraph) -> None:
    facts, subjects = len(chained_graph), len(chained_graph.subjects)
    offer = rf"offers {facts} facts of {subjects} subjects, {facts + 1} are asked for: lower"
    with pytest.raises(UserError, match=offer):
        make_world(chained_graph, WorldConfig(facts=facts + 1), seed=0)
    assert len(make_world(chained_graph, WorldConfig(facts=facts), seed=0)) == facts


def test_no_more_subjects_than_needed_are_taken(graph_of: Callable) -> None:
    graph = graph_of([(f"s{i}", r, f"o{i % 3}") for i in range(30) for r in ("r", "q")])
    assert [len(make_world(graph, WorldConfig(facts=n), seed=0)) for n in (1, 2, 19, 20, 60)] == [2, 2, 20, 20, 60]


def test_a_graph_with_one_object(graph_of: Callable) -> None:
    graph = graph_of([("s", "r", "a"), ("s", "q", "a")])
    with pytest.raises(UserError, match="single object"):
        make_world(graph, WorldConfig(facts=2), seed=0)


def test_a_relation_with_one_object_takes_its_distractor_from_all_objects(graph_of: Callable) -> None:
    graph = graph_of(
        [("s", "r", "a"), ("s", "q", "x"), ("t", "r", "a"), ("t", "q", "y"), ("u", "r", "a"), ("u", "q", "y")]
    )
    world = make_world(graph, WorldConfig(facts=6, pairs=("r -> q",)), seed=0)
    roots = np.flatnonzero(world.row == NONE)
    assert {world.relations[r] for r in world.relation[roots]} == {"r"}
    assert {world.objects[o] for o in world.distractor[roots]} <= {"x", "y"}


def test_the_roots_stream_is_addressed_by_relation(world: World) -> None:
    """percent(s, r) = 60 + floor(41 u), u from word 2r + 1 of the subject's stream."""
    f = int(np.flatnonzero(world.row == NONE)[3])
    s, r = int(world.subject[f]), int(world.relation[f])
    words = Stream(5, "roots").words(world.subject_keys[s : s + 1], np.array([2 * len(world.relations)]))
    assert world.percent[f] == 60 + int(41 * to_unit(words)[2 * r + 1])


@pytest.mark.parametrize("percent", [1, 25, 50, 99, 100])
def test_the_asked_share_of_upstream_objects_have_rules(chained_graph: KnowledgeGraph, percent: int) -> None:
    """The share is of each dependency's upstream objects, rounded to the nearest. Truths and roots do not change."""
    plain, ruled = (
        make_world(chained_graph, WorldConfig(facts=200, pairs=CHAIN, deterministic_percent=p), 5) for p in (0, percent)
    )
    table = ruled.conditionals
    for dependency in range(len(ruled.dependencies)):
        rows = (table.dependency == dependency) & (table.upstream_object != SEEN_NOWHERE)
        assert table.deterministic[rows].sum() == int(percent * rows.sum() / 100 + 0.5)
    assert not table.deterministic[table.upstream_object == SEEN_NOWHERE].any()
    for row in range(len(table)):
        told = {ruled.objects[o]: p for o, p in table.probabilities(row).items()}
        before = {plain.objects[o]: p for o, p in plain.conditionals.probabilities(row).items()}
        assert told == ({ruled.objects[table.mode[row]]: 1.0} if table.deterministic[row] else before)
    assert [ruled.objects[o] for o in ruled.truth] == [plain.objects[o] for o in plain.truth]
    for column in ("percent", "upstream", "row", "subject", "relation"):
        np.testing.assert_array_equal(getattr(ruled, column), getattr(plain, column))
    for fact in range(len(ruled)):
        row = ruled.row[fact]
        assert ruled.deterministic[fact] == (row != NONE and table.deterministic[row])
        if ruled.deterministic[fact]:
            assert ruled.probabilities(fact) == {int(ruled.truth[fact]): 1.0}


def test_a_larger_share_of_rules_contains_the_smaller_and_the_seed_decides(chained_graph: KnowledgeGraph) -> None:
    """Worlds of different shares can so be compared."""

    def rules(percent: int, seed: int) -> set[tuple[int, str]]:
        world = make_world(chained_graph, WorldConfig(facts=300, deterministic_percent=percent), seed)
        table = world.conditionals
        rows = np.flatnonzero(table.deterministic)
        return {(int(table.dependency[row]), world.objects[table.upstream_object[row]]) for row in rows}

    assert rules(0, 5) < rules(30, 5) < rules(60, 5)
    assert rules(30, 5) != rules(30, 6)


def test_a_rules_downstream_fact_is_drawn_without_noise(chained_graph: KnowledgeGraph) -> None:
    world = make_world(chained_graph, WorldConfig(facts=200, pairs=CHAIN, deterministic_percent=60), seed=5)
    sentences = make_shard(world, CorpusConfig(), 1, 0, len(world.subjects)).sentences
    atoms = sentences.where(sentences.kind == Kind.ATOM)
    true = atoms.object == world.truth[atoms.fact]
    assert true[world.deterministic[atoms.fact]].all()
    assert not true[~world.deterministic[atoms.fact]].all()


def test_the_row_of_objects_never_seen_is_no_rule(graph_of: Callable) -> None:
    """The upstream truth of s's "p" is x (not the graph's y), with which nobody has a "p"."""
    triples = [(s, link, o) for s in ("t", "u", "v") for link, o in (("r", "a"), ("q", "x"))]
    triples += [
        ("s", "r", "a"),
        ("s", "q", "y"),
        ("s", "p", "one"),
        ("w", "r", "b"),
        ("w", "q", "y"),
        ("w", "p", "two"),
    ]
    graph = graph_of(triples)
    config = WorldConfig(facts=len(triples), pairs=("r -> q", "q -> p"), deterministic_percent=100)
    world = make_world(graph, config, seed=0)
    s, w = (world.fact_of(world.subjects.id_of(name), world.relations.id_of("p")) for name in "sw")
    assert world.conditionals.upstream_object[world.row[s]] == SEEN_NOWHERE
    assert not world.deterministic[s]
    assert len(world.probabilities(s)) == 2
    assert world.deterministic[w]
