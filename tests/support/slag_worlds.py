"""Worlds with all that points are made of: aliases, deterministic rules, a chain of dependencies; and their points."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import worlds

from worldgen.bayes.agent import Agent
from worldgen.bayes.evidence import evidence_of
from worldgen.bayes.fitting import fit
from worldgen.corpus.recipe import make_shard
from worldgen.evaluate.slag.making.tally import Report
from worldgen.evaluate.slag.making.world_points import world_points
from worldgen.evaluate.slag.points import Point, Task
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.graphs.builtin.builtin_graph import BuiltinGraph
from worldgen.graphs.selection import select
from worldgen.graphs.sources import Source
from worldgen.settings import CorpusConfig, WorldConfig
from worldgen.worlds.aliases import with_aliases
from worldgen.worlds.making import make_world
from worldgen.worlds.world import World

CONFIG = SlagConfig(points=1000, alternatives=3, neutral=3)
SEED = 5


class Believed(NamedTuple):
    """A world, and the agent that has read its corpus."""

    world: World
    agent: Agent


def believed(*pairs: str) -> Believed:
    """Returns a built-in world with aliases and held-out combinations; 40% of its upstream objects have a rule."""
    return believed_of(BuiltinGraph(600, seed=0), *pairs)


def believed_of(source: Source, *pairs: str) -> Believed:
    """Returns the same of another source, and the agent that has read its corpus."""
    graph, _ = select(source, worlds.config().graph, worlds.SPELLING)
    config = WorldConfig(facts=600, pairs=pairs, deterministic_percent=40, aliases=3, held_out_percent=50)
    world = with_aliases(make_world(graph, config, 0), config, worlds.SPELLING, 4, 0)[0]
    sentences = make_shard(world, CorpusConfig(rare_percent=20), 0, 0, len(world.subjects)).sentences
    K = len(world.objects)
    return Believed(world, fit(evidence_of(world, sentences, 5), K, len(world.relations), world.pairs(), 1 / K))


@cache
def paired() -> Believed:
    """The world of two pairs of relations."""
    return believed()


@cache
def chained() -> Believed:
    """The world in which three relations make a chain and a fourth stands alone."""
    return believed("educated at -> occupation", "occupation -> citizenship")


@cache
def points_of(which: str) -> tuple[list[Point], Report]:
    """The points of the world "paired" or "chained"."""
    world, agent = {"paired": paired, "chained": chained}[which]()
    return world_points(world, agent, CONFIG, SEED)


def of_task(which: str, task: Task) -> list[Point]:
    """The points of one task."""
    return [point for point in points_of(which)[0] if point.task is task]
