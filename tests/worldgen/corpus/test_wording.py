"""The fast way from sentences of ids to text, against the slow one: the grammar's own `render` and `parse`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import worlds
from alias_worlds import corpus_of, hostile_worlds, speak, talkative_world
from hypothesis import assume, given
from hypothesis import strategies as st

from worldgen.corpus.mentions import draw_names
from worldgen.corpus.recipe import make_shard
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.corpus.wording import Wording, syntax_tree
from worldgen.grammar import Atom, Both, Formula, Lexicon, Not, Place, render
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.settings import CorpusConfig, SourcesConfig, WorldConfig
from worldgen.unspeakable import unspeakable
from worldgen.worlds.making import make_world
from worldgen.worlds.reporting import with_sources
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
    assert set(sentences.kind.tolist()) == set(sentences.possible_kinds())
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


def test_no_sentence_gives_no_text(world: World, sentences: Sentences) -> None:
    assert Wording(world).texts(sentences.where(np.zeros(len(sentences), dtype=bool))) == []


def ids_of(world: World, formula: Formula) -> list[tuple[int, int, int]]:
    atoms = (formula,) if isinstance(formula, Atom) else (formula.atom,) if isinstance(formula, Not) else ()
    atoms = (formula.left, formula.right) if isinstance(formula, Both) else atoms
    return [
        (world.subjects.id_of(a.subject), world.relations.id_of(a.relation), world.objects.id_of(a.object))
        for a in atoms
    ]


def assert_read_back(world: World, s: Sentences) -> None:
    """Every text is the one that the grammar renders, and it is parsed to the same names and the same ids."""
    for i, text in enumerate(Wording(world).texts(s)):
        tree = syntax_tree(world, s, i)
        assert text == render(tree)
        assert world.lexicon.parse(text) == tree
        facts = [(s.fact[i], s.object[i]), (s.second_fact[i], s.second_object[i])]
        ids = [(world.subject[f], world.relation[f], o) for f, o in facts if f != NONE]
        assert ids_of(world, tree.formula) == ids


def test_texts_are_read_back_to_the_same_ids() -> None:
    sentences = corpus_of(talkative_world()).sentences
    assert set(sentences.kind.tolist()) == set(sentences.possible_kinds())
    assert_read_back(talkative_world(), sentences)
    assert_read_back(worlds.speaking(), corpus_of(worlds.speaking()).sentences.where(np.arange(0, 14000, 7)))


@given(hostile_worlds(), st.integers(0, 2**32), st.sampled_from(get_args(Place)))
def test_hostile_names_are_read_back_to_the_same_ids(world: World, seed: int, place: Place) -> None:
    """Sentences of every kind about facts: any facts and objects, with names drawn and tags of a single letter."""
    assume(len(world.objects) > 1)
    everything = SourcesConfig(
        reliabilities=(0.5,), copies=(0,), calibration_percent=0, report_percent=100, place=place, tag_letters=1
    )
    speaking = with_sources(speak(world, 3, pieces=600)[0], everything, seed)
    draw, N = np.random.default_rng(seed), 60
    kind = draw.integers(Kind.REPORT + 1, size=N).astype(np.int8)
    joined = (kind == Kind.AND) | (kind == Kind.OR)
    fact, second = (draw.integers(len(speaking), size=N).astype(np.int32) for _ in range(2))
    object_, second_object = (draw.integers(len(speaking.objects), size=N).astype(np.int32) for _ in range(2))
    order = np.argsort(speaking.subject[fact], kind="stable")
    drawn = Sentences(
        speaking.subject[fact], kind, (kind == Kind.ATOM) | (kind == Kind.REPORT) | (draw.random(N) < 0.5), fact,
        object_, np.where(joined, second, NONE), np.where(joined, second_object, NONE),
        source=np.where(kind == Kind.REPORT, draw.integers(2, size=N), NONE).astype(np.int32),
    ).where(order)  # fmt: skip
    assert_read_back(speaking, draw_names(speaking, seed, drawn))
