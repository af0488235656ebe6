"""The world: the probabilities, objects and facts that it gives, and its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from worlds import CHAIN, assert_equal_worlds

from worldgen.graphs.graph import KnowledgeGraph
from worldgen.settings import WorldConfig
from worldgen.worlds.making import make_world
from worldgen.worlds.world import NONE, World


def test_probabilities_sum_to_one_and_the_truth_is_the_likeliest(world: World) -> None:
    for f in range(len(world)):
        chances = world.probabilities(f)
        # A sum of a few rounded shares.
        assert sum(chances.values()) == pytest.approx(1, abs=1e-12)
        assert max(chances, key=chances.__getitem__) == world.truth[f]
        assert chances[int(world.truth[f])] >= 0.6


def test_false_objects_are_false_and_of_the_range(world: World) -> None:
    facts = np.repeat(np.arange(len(world)), 20)
    words = np.random.default_rng(0).integers(0, 2**64, len(facts), dtype=np.uint64)
    for pick in (world.false_object, world.other_object):
        picked = pick(facts, words)
        assert (picked != world.truth[facts]).all()
        for r in range(len(world.relations)):
            rows = world.relation[facts] == r
            assert set(picked[rows].tolist()) <= set(world.ranges[r].tolist())
    roots = world.row[facts] == NONE
    assert (world.false_object(facts, words)[roots] == world.distractor[facts][roots]).all()
    # Every other object of the range can be picked.
    words = np.linspace(0, 2**64 - 2**12, 1000).astype(np.uint64)
    others = set(world.ranges[world.relation[0]].tolist()) - {int(world.truth[0])}
    assert set(world.other_object(np.zeros(1000, dtype=np.int64), words).tolist()) == others


def test_a_subjects_fact_of_a_relation_is_found(world: World) -> None:
    for r in range(len(world.relations)):
        for s, f in enumerate(world.fact_ids(r).tolist()):
            has = (world.subject == s) & (world.relation == r)
            assert np.flatnonzero(has).tolist() == ([] if f == NONE else [f])
            assert world.fact_of(s, r) == f


def test_a_world_is_saved_and_loaded(world: World, tmp_path: Path) -> None:
    world.save(tmp_path)
    assert_equal_worlds(World.load(tmp_path), world)
    # And saved again, gives the same bytes.
    World.load(tmp_path).save(tmp_path / "again")
    for path in tmp_path.glob("*.parquet"):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_world_without_downstream_facts(graph_of: Callable, tmp_path: Path) -> None:
    """The pair occurs in the graph, in no chosen subject."""
    triples = [("both", "r", "a"), ("both", "q", "x")]
    triples += [(f"s{i}", r, f"{r}{i % 2}") for i in range(20) for r in ("r", "p")]
    graph = graph_of(triples)
    worlds = (make_world(graph, WorldConfig(facts=4, pairs=("r -> q",)), seed) for seed in range(99))
    world = next(world for world in worlds if "both" not in world.subjects.labels)
    assert (world.row == NONE).all()
    assert len(world.conditionals) == 0
    world.save(tmp_path)
    assert_equal_worlds(World.load(tmp_path), world)


def test_a_world_with_rules_is_saved_and_loaded(chained_graph: KnowledgeGraph, tmp_path: Path) -> None:
    world = make_world(chained_graph, WorldConfig(facts=200, pairs=CHAIN, deterministic_percent=40), seed=5)
    assert world.conditionals.deterministic.any()
    world.save(tmp_path)
    assert_equal_worlds(World.load(tmp_path), world)
