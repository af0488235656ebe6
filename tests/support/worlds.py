"""A small built-in world, its corpus and its agent, made once for all tests that need one."""

from functools import cache

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.evidence import evidence_of
from worldgen.bayes.fitting import fit
from worldgen.bayes.reading import USUAL, Reading
from worldgen.corpus.recipe import make_shard
from worldgen.corpus.sentences import Shard
from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.runs.presets import tiny
from worldgen.graphs.builtin.builtin_graph import BuiltinGraph
from worldgen.graphs.selection import select
from worldgen.graphs.spelling import Spelling
from worldgen.lm.tokenizer import cut_labels, pieces, spelt
from worldgen.settings import CorpusConfig, WorldConfig
from worldgen.worlds.aliases import with_aliases
from worldgen.worlds.conditionals import Conditionals
from worldgen.worlds.held_out import HeldOut
from worldgen.worlds.making import make_world
from worldgen.worlds.world import World

CHAIN = ("r0 -> r1", "r1 -> r2")  # the dependencies of the graph `chained_graph` as a chain

SPELLING = Spelling(
    lambda labels, most: cut_labels("words", labels, most),
    lambda labels: pieces("words", labels),
    lambda labels: spelt("words", labels),
)


@cache
def config() -> RunConfig:
    return tiny()


@cache
def world() -> World:
    graph, _ = select(BuiltinGraph(600, seed=0), config().graph, SPELLING)
    return make_world(graph, config().world, seed=0)


@cache
def corpus() -> Shard:
    return make_shard(world(), CorpusConfig(), 0, 0, len(world().subjects))


READINGS = (Reading("marginal"), Reading("edits"), Reading("own"), Reading("own", 30.0))


@cache
def agent(reading: Reading = USUAL) -> Agent:
    evidence = evidence_of(world(), corpus().sentences, multiplicity=5)
    K = len(world().objects)
    return fit(evidence, K, len(world().relations), world().pairs(), 1 / K, reading)


@cache
def speaking() -> World:
    """The world with aliases and synonyms; half of the combinations of the two are held out."""
    return with_aliases(world(), WorldConfig(aliases=3, held_out_percent=50), SPELLING, 4, seed=0)[0]


def assert_equal_worlds(one: World, other: World) -> None:
    """Compares every column and vocabulary of two worlds, and the types of the columns."""
    for name in World.__dataclass_fields__:
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b)
        elif isinstance(a, Conditionals | HeldOut):
            for column in a.__dataclass_fields__:
                np.testing.assert_array_equal(getattr(a, column), getattr(b, column))
                assert getattr(a, column).dtype == getattr(b, column).dtype, column
        else:
            assert a == b, name
