"""A world with a chain of dependencies and its corpora, and a world whose subjects have 1 to 8 facts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from corpora import CONFIG
from worlds import CHAIN

from worldgen.corpus.recipe import make_shard
from worldgen.corpus.sentences import Sentences, Shard
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.settings import WorldConfig
from worldgen.worlds.making import make_world
from worldgen.worlds.world import World

MANY_SEEDS = 150


@pytest.fixture(scope="session")
def world(chained_graph: KnowledgeGraph) -> World:
    return make_world(chained_graph, WorldConfig(facts=250, pairs=CHAIN), seed=5)


@pytest.fixture(scope="session")
def shard(world: World) -> Shard:
    return make_shard(world, CONFIG, 5, 0, len(world.subjects))


@pytest.fixture(scope="session")
def corpora(world: World) -> list[Sentences]:
    """The sentences of 150 corpora of one world."""
    return [make_shard(world, CONFIG, seed, 0, len(world.subjects)).sentences for seed in range(MANY_SEEDS)]


@pytest.fixture(scope="session")
def wide_world(graph_of: Callable) -> World:
    """Subjects with 1 to 8 facts."""
    rng = np.random.default_rng(1)
    triples = [(f"s{s}", f"r{r}", f"o{rng.integers(9)}") for s in range(80) for r in range(1 + s % 8)]
    triples += [("all", f"r{r}", f"o{r}") for r in range(8)]
    return make_world(graph_of(triples), WorldConfig(facts=len(triples)), seed=2)
