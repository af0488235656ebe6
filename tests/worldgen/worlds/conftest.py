"""Worlds of one graph with several kinds of dependencies."""

from __future__ import annotations

import pytest
from worlds import CHAIN

from worldgen.graphs.graph import KnowledgeGraph
from worldgen.settings import WorldConfig
from worldgen.worlds.making import make_world
from worldgen.worlds.world import World


@pytest.fixture(scope="session", params=[(), CHAIN, ("r3 -> r0",)], ids=["matched", "chain", "one pair"])
def world(request: pytest.FixtureRequest, chained_graph: KnowledgeGraph) -> World:
    return make_world(chained_graph, WorldConfig(facts=200, pairs=request.param), seed=5)
