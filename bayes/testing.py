"""Micro-worlds, edits and statements for hypothesis to draw: property tests for any rational agent.

Small enough for a slow agent in exact fractions, with every corner of the mathematics: chains, negated and
fractional evidence, facts and objects never seen, K = 2, no evidence at all. To hold an agent of your own against
ours, make it from the sentences of `world` and the edits, and say how it answers p(. | s, r):

    >>> from hypothesis import given
    >>> from worldgen.bayes import testing
    >>> @given(testing.edited_worlds())
    ... def test_my_agent(drawn):
    ...     world, edits = drawn
    ...     mine = testing.agent_of(world, *edits)  # put your agent here
    ...     testing.assert_agrees(lambda s, r: mine.belief(s, r).dense(), world, *edits)
    >>> test_my_agent()

This module alone needs hypothesis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, product
from types import SimpleNamespace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike

try:
    from hypothesis import strategies as st
except ImportError as missing:
    raise ImportError(
        "worldgen.bayes.testing needs hypothesis, which is not installed: pip install hypothesis"
    ) from missing

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.evidence import Evidence, evidence_of
from worldgen.bayes.fitting import fit
from worldgen.bayes.statements import Statement
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.facts import Fact
from worldgen.worlds.world import NONE, World


class Sentence(NamedTuple):
    """What is said of one atom (ATOM, STATED, NOT) or of two (AND, OR)."""

    kind: Kind
    truth: bool
    atoms: tuple[Fact, ...]


class MicroWorld(NamedTuple):
    """All that an agent depends on: S subjects, R relations, K objects, (upstream, downstream) pairs, the prior count
    `a` of every object, and the sentences, each of which counts `multiplicity` times."""

    S: int
    R: int
    K: int
    pairs: tuple[tuple[int, int], ...]
    a: Fraction
    multiplicity: int
    sentences: tuple[Sentence, ...]


# -- strategies --------------------------------------------------------------------------------------------------

# Edit weights: whole, up to the 1000 that cases are labelled with, or eighths: sums of a few are exact in float64.
WEIGHTS = st.one_of(st.integers(1, 1000).map(float), st.integers(1, 40).map(lambda n: n / 8))

# What a sentence can say: an atom is always true, all else may be called true or false.
FORMS = [(Kind.ATOM, True)] + [(kind, truth) for kind in Kind if kind != Kind.ATOM for truth in (True, False)]


def facts(S: int, R: int, K: int) -> st.SearchStrategy[Fact]:
    """Any subject, relation and object; one number each, which is quick to draw."""
    return st.integers(0, S * R * K - 1).map(lambda n: Fact(n // (R * K), n // K % R, n % K))


@st.composite
def sentences(draw: st.DrawFn, S: int, R: int, K: int) -> Sentence:
    """One sentence of any kind."""
    kind, truth = draw(st.sampled_from(FORMS))
    atoms = [draw(facts(S, R, K)) for _ in range(2 if kind in (Kind.AND, Kind.OR) else 1)]
    return Sentence(kind, truth, tuple(atoms))


@st.composite
def pairs_of(draw: st.DrawFn, R: int) -> tuple[tuple[int, int], ...]:
    """The relations in a row, some neighbours linked: no pair, one, two, chains of up to R, in any order."""
    row = draw(st.permutations(range(R)))
    one_chain = draw(st.booleans())
    linked = [pair for pair in pairwise(row) if one_chain or draw(st.booleans())]
    return tuple(draw(st.permutations(linked)))


@st.composite
def micro_worlds(draw: st.DrawFn, max_sentences: int = 16) -> MicroWorld:
    """A world with any evidence, none included."""
    S, R, K = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(2, 5))
    pairs = draw(pairs_of(R))
    a = draw(st.sampled_from([Fraction(1, K), Fraction(1)]))
    fewest = draw(st.sampled_from([0, max_sentences // 2]))  # left alone, hypothesis draws short lists
    said = draw(st.lists(sentences(S, R, K), min_size=fewest, max_size=max_sentences))
    return MicroWorld(S, R, K, pairs, a, draw(st.integers(1, 5)), tuple(said))


@st.composite
def edits_of(draw: st.DrawFn, world: MicroWorld, weights: st.SearchStrategy[float] = WEIGHTS) -> Edit:
    """An edit of a fact, or of a subject that the corpus never named (number S)."""
    return Edit(*draw(facts(world.S + 1, world.R, world.K)), draw(weights))


@st.composite
def edited_worlds(draw: st.DrawFn, most: int = 3) -> tuple[MicroWorld, tuple[Edit, ...]]:
    """A world and up to `most` edits."""
    world = draw(micro_worlds())
    return world, tuple(draw(st.lists(edits_of(world), max_size=most)))


@st.composite
def two_facts(draw: st.DrawFn, world: MicroWorld) -> tuple[Fact, Fact]:
    """Two facts, often of one subject: then independent, dependent through a chain, or the same."""
    first, second = draw(facts(world.S + 1, world.R, world.K)), draw(facts(world.S + 1, world.R, world.K))
    return (first, second._replace(subject=first.subject)) if draw(st.booleans()) else (first, second)


@st.composite
def statements_of(draw: st.DrawFn, world: MicroWorld) -> Statement:
    """An atom, a not, or an and / or of `two_facts`."""
    first, second = draw(two_facts(world))
    alone = st.sampled_from([Statement("", first), Statement("not", first)])
    joined = st.sampled_from([Statement("and", first, second), Statement("or", first, second)])
    return draw(alone | joined)


# -- our agent, given such a world -------------------------------------------------------------------------------


def sentences_of(world: MicroWorld) -> Sentences:
    """The sentences as columns; fact (s, r) has number s R + r."""

    def column(which: int, number: Callable[[Fact], int]) -> list[int]:
        return [number(said.atoms[which]) if which < len(said.atoms) else NONE for said in world.sentences]

    def fact(atom: Fact) -> int:
        return atom.subject * world.R + atom.relation

    return Sentences(
        np.array(column(0, lambda atom: atom.subject), dtype=np.int32),
        np.array([said.kind for said in world.sentences], dtype=np.int8),
        np.array([said.truth for said in world.sentences], dtype=bool),
        np.array(column(0, fact), dtype=np.int32),
        np.array(column(0, lambda atom: atom.object), dtype=np.int32),
        np.array(column(1, fact), dtype=np.int32),
        np.array(column(1, lambda atom: atom.object), dtype=np.int32),
    )


def facts_of(world: MicroWorld) -> World:
    """What `evidence_of` reads of a World: here every (subject, relation) is a fact, numbered subject by subject."""
    subject = np.repeat(np.arange(world.S, dtype=np.int32), world.R)
    return cast(World, SimpleNamespace(subject=subject, relation=np.tile(np.arange(world.R, dtype=np.int32), world.S)))


def evidence_in(world: MicroWorld) -> Evidence:
    """What `bayes` makes of the world's sentences."""
    return evidence_of(facts_of(world), sentences_of(world), world.multiplicity)


def agent_of(world: MicroWorld, *edits: Edit) -> Agent:
    """Our agent of a world, after some edits."""
    return fit(evidence_in(world), world.K, world.R, world.pairs, float(world.a)).revise(*edits)


def assert_agrees(
    belief: Callable[[int, int], ArrayLike | Sequence[Fraction]],
    world: MicroWorld,
    *edits: Edit,
    tolerance: float = 1e-12,
) -> None:
    """`belief(s, r)` gives our p(. | s, r), K numbers, for every relation and subject, one never named included.

    Raises AssertionError, which shows the first fact that differs.
    """
    agent = agent_of(world, *edits)
    for s, r in product(range(world.S + 1), range(world.R)):
        found, expected = np.asarray(belief(s, r), dtype=np.float64), agent.belief(s, r).dense()
        where = f"p(. | subject {s}, relation {r}) after {edits} in {world}"
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=where, strict=True)
