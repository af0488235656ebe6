"""The fast way to text against the slow one: the grammar's own `render`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from worldgen.corpus.recipe import make_shard
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.corpus.wording import Wording, syntax_tree
from worldgen.grammar import Lexicon, render, unspeakable
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.settings import CorpusConfig, WorldConfig
from worldgen.worlds.making import make_world
from worldgen.worlds.world import NONE, World

REAL_SUBJECTS = (
    '"Weird Al" Yankovic', "St. Louis", "Trinidad and Tobago", "Washington, D.C.", "True or False", "3",
    "\u05d9\u05e8\u05d5\u05e9\u05dc\u05d9\u05dd", "Zu\u0308rich",
)  # fmt: skip
REAL_OBJECTS = ("rock and roll", "U.S.", '"the" poet', "true", "not known", "country music", "Bosnia and")


@pytest.fixture(scope="module", params=["plain", "real"])
def world(request: pytest.FixtureRequest, chained_graph: KnowledgeGraph, graph_of: Callable) -> World:
    graph = chained_graph
    if request.param == "real":
        graph = graph_of(
            (s, r, REAL_OBJECTS[(3 * i + j) % len(REAL_OBJECTS)])
            for i, s in enumerate(REAL_SUBJECTS)
            for j, r in enumerate(("sports team", "sport", "place of birth", "time zone"))
        )
    bad = unspeakable(graph.subjects.labels, graph.relations.labels, graph.objects.labels)
    assert (bad.subjects, bad.relations, bad.objects) == ({}, {}, {})
    return make_world(graph, WorldConfig(facts=min(100, len(graph))), seed=1)


@pytest.fixture(scope="module")
def sentences(world: World) -> Sentences:
    return make_shard(world, CorpusConfig(), 1, 0, len(world.subjects)).sentences


def test_texts_are_what_the_grammar_renders_and_read_back(world: World, sentences: Sentences) -> None:
    lexicon = Lexicon(*(frozenset(names.labels) for names in (world.subjects, world.relations, world.objects)))
    texts = Wording(world).texts(sentences)
    assert len(texts) == len(sentences)
    assert set(sentences.kind.tolist()) == set(Kind)
    for i, text in enumerate(texts):
        told = syntax_tree(world, sentences, i)
        assert text == render(told)
        assert lexicon.parse(text) == told


def test_fragments_join_to_the_texts(world: World, sentences: Sentences) -> None:
    wording = Wording(world)
    fragment, start = wording.fragments_of(sentences)
    assert (start[0], start[-1], len(start)) == (0, len(fragment), len(sentences) + 1)
    assert fragment.min() > NONE
    assert fragment.max() < len(wording.fragments)
    widths = {Kind.ATOM: 3, Kind.STATED: 5, Kind.NOT: 6, Kind.AND: 9, Kind.OR: 9}
    assert np.diff(start).tolist() == [widths[Kind(k)] for k in sentences.kind]
    joined = [" ".join(wording.fragments[f] for f in fragment[a:b]) for a, b in pairwise(start)]
    assert joined == wording.texts(sentences)


def test_no_sentences_no_text(world: World, sentences: Sentences) -> None:
    assert Wording(world).texts(sentences.where(np.zeros(len(sentences), dtype=bool))) == []
