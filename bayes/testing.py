"""Property tests for any rational agent: micro-worlds, edits and statements that hypothesis draws.

A micro-world is small enough for a slow agent in exact fractions. Together the micro-worlds have every corner of the
mathematics: chains, negated and fractional evidence, facts and objects never seen, K = 2, no evidence at all, and the
three readings of downstream facts (`world.reading`; `edited_worlds(readings=st.just(PAPER))` draws the paper's alone).
To compare an agent of your own with ours, make it from the sentences of `world` and the edits, and give its
p(. | s, r) to `assert_agrees`:

    >>> from hypothesis import given
    >>> from worldgen.bayes import testing
    >>> @given(testing.edited_worlds())
    ... def test_my_agent(drawn):
    ...     world, edits = drawn
    ...     mine = testing.agent_of(world, *edits)  # put your agent here
    ...     testing.assert_agrees(lambda s, r: mine.belief(s, r).dense(), world, *edits)
    >>> test_my_agent()

No other module needs hypothesis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

try:
    from hypothesis import strategies as st
except ImportError as missing:
    raise ImportError(
        "worldgen.bayes.testing needs hypothesis, which is not installed: pip install hypothesis"
    ) from missing

from worldgen.arrays import Ids
from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.evidence import EVIDENCE_TABLE, Evidence, evidence_of
from worldgen.bayes.fitting import fit
from worldgen.bayes.reading import USUAL, Reading
from worldgen.bayes.statements import Statement
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.facts import Fact
from worldgen.worlds.world import NONE


class Sentence(NamedTuple):
    """A sentence about one atom (ATOM, STATED, NOT) or about two (AND, OR)."""

    kind: Kind
    truth: bool
    atoms: tuple[Fact, ...]


class MicroWorld(NamedTuple):
    """A world and a corpus, as an agent sees them."""

    S: int
    """The number of subjects."""
    R: int
    """The number of relations."""
    K: int
    """The number of objects."""
    pairs: tuple[tuple[int, int], ...]
    """The dependencies (upstream, downstream)."""
    a: Fraction
    """The prior count of every object."""
    multiplicity: int
    """The number of times that each sentence counts."""
    sentences: tuple[Sentence, ...]
    reading: Reading = USUAL
    """How the agent reads what it is told of a downstream fact."""


# -- strategies --------------------------------------------------------------------------------------------------

# Edit weights: whole, up to the 1000 that cases are labelled with, or eighths: sums of a few are exact in float64.
WEIGHTS = st.one_of(st.integers(1, 1000).map(float), st.integers(1, 40).map(lambda n: n / 8))

# (kind, truth) of a sentence that is evidence: an atom is true, every other formula may be called true or false.
FORMS = [(kind, truth) for kind in EVIDENCE_TABLE for truth in (True, False) if truth or kind != Kind.ATOM]


def facts(S: int, R: int, K: int) -> st.SearchStrategy[Fact]:
    """Returns a strategy for facts of any subject, relation and object. It draws one number, which is quick."""
    return st.integers(0, S * R * K - 1).map(lambda n: Fact(n // (R * K), n // K % R, n % K))


@st.composite
def sentences(draw: st.DrawFn, S: int, R: int, K: int) -> Sentence:
    """Draws a sentence of any kind."""
    kind, truth = draw(st.sampled_from(FORMS))
    atoms = [draw(facts(S, R, K)) for _ in range(2 if kind in (Kind.AND, Kind.OR) else 1)]
    return Sentence(kind, truth, tuple(atoms))


@st.composite
def pairs_of(draw: st.DrawFn, R: int) -> tuple[tuple[int, int], ...]:
    """Draws dependencies: the relations in a random order, with some neighbours linked, up to one chain of all R."""
    order = draw(st.permutations(range(R)))
    one_chain = draw(st.booleans())
    linked = [pair for pair in pairwise(order) if one_chain or draw(st.booleans())]
    return tuple(draw(st.permutations(linked)))


READINGS = st.one_of(
    st.sampled_from([Reading("edits"), Reading("marginal")]),
    st.sampled_from([1 / 8, 1.0, 2.5, 100.0]).map(lambda kappa: Reading("own", kappa)),
)


@st.composite
def micro_worlds(
    draw: st.DrawFn, max_sentences: int = 16, readings: st.SearchStrategy[Reading] = READINGS
) -> MicroWorld:
    """Draws a world with any evidence, or with none, and an agent's reading of it."""
    S, R, K = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(2, 5))
    pairs = draw(pairs_of(R))
    a = draw(st.sampled_from([Fraction(1, K), Fraction(1)]))
    fewest = draw(st.sampled_from([0, max_sentences // 2]))  # left alone, hypothesis draws short lists
    drawn = draw(st.lists(sentences(S, R, K), min_size=fewest, max_size=max_sentences))
    return MicroWorld(S, R, K, pairs, a, draw(st.integers(1, 5)), tuple(drawn), draw(readings))


@st.composite
def edits_of(draw: st.DrawFn, world: MicroWorld, weights: st.SearchStrategy[float] = WEIGHTS) -> Edit:
    """Draws an edit of any fact, or of a subject that the corpus never named (number S)."""
    return Edit(*draw(facts(world.S + 1, world.R, world.K)), draw(weights))


@st.composite
def edited_worlds(
    draw: st.DrawFn, max_edits: int = 3, readings: st.SearchStrategy[Reading] = READINGS
) -> tuple[MicroWorld, tuple[Edit, ...]]:
    """Draws a world and up to `max_edits` edits."""
    world = draw(micro_worlds(readings=readings))
    return world, tuple(draw(st.lists(edits_of(world), max_size=max_edits)))


@st.composite
def two_facts(draw: st.DrawFn, world: MicroWorld) -> tuple[Fact, Fact]:
    """Draws two facts, often of one subject: independent, dependent through a chain, or the same."""
    first, second = draw(facts(world.S + 1, world.R, world.K)), draw(facts(world.S + 1, world.R, world.K))
    return (first, second._replace(subject=first.subject)) if draw(st.booleans()) else (first, second)


@st.composite
def statements_of(draw: st.DrawFn, world: MicroWorld) -> Statement:
    """Draws an atom, a "not", or an "and" / "or" of `two_facts`."""
    first, second = draw(two_facts(world))
    alone = st.sampled_from([Statement("", first), Statement("not", first)])
    joined = st.sampled_from([Statement("and", first, second), Statement("or", first, second)])
    return draw(alone | joined)


# -- our agent of a micro-world ----------------------------------------------------------------------------------


def sentences_of(world: MicroWorld) -> Sentences:
    """Returns the sentences as columns; fact (s, r) has number s R + r."""

    def column(which: int, number: Callable[[Fact], int]) -> list[int]:
        return [number(told.atoms[which]) if which < len(told.atoms) else NONE for told in world.sentences]

    def fact(atom: Fact) -> int:
        return atom.subject * world.R + atom.relation

    return Sentences(
        np.array(column(0, lambda atom: atom.subject), dtype=np.int32),
        np.array([told.kind for told in world.sentences], dtype=np.int8),
        np.array([told.truth for told in world.sentences], dtype=bool),
        np.array(column(0, fact), dtype=np.int32),
        np.array(column(0, lambda atom: atom.object), dtype=np.int32),
        np.array(column(1, fact), dtype=np.int32),
        np.array(column(1, lambda atom: atom.object), dtype=np.int32),
    )


class FactColumns(NamedTuple):
    """The subject and the relation of every fact, in columns."""

    subject: Ids
    relation: Ids


def facts_of(world: MicroWorld) -> FactColumns:
    """Returns the facts of a world, which are all (subject, relation), numbered subject by subject."""
    subjects, relations = np.arange(world.S, dtype=np.int32), np.arange(world.R, dtype=np.int32)
    return FactColumns(np.repeat(subjects, world.R), np.tile(relations, world.S))


def evidence_in(world: MicroWorld) -> Evidence:
    """Returns the evidence of the world's sentences."""
    return evidence_of(facts_of(world), sentences_of(world), world.multiplicity)


def agent_of(world: MicroWorld, *edits: Edit) -> Agent:
    """Returns our agent of a world, after some edits."""
    agent = fit(evidence_in(world), world.K, world.R, world.pairs, float(world.a), world.reading)
    return agent.revise(*edits)


def assert_agrees(
    belief: Callable[[int, int], ArrayLike | Sequence[Fraction]],
    world: MicroWorld,
    *edits: Edit,
    tolerance: float = 1e-12,
) -> None:
    """Compares `belief(s, r)`, K numbers, with our p(. | s, r) for every relation and subject.

    The subjects include one that the corpus never named. Raises AssertionError, which shows the first fact that
    differs by more than `tolerance`.
    """
    agent = agent_of(world, *edits)
    for s, r in product(range(world.S + 1), range(world.R)):
        found, expected = np.asarray(belief(s, r), dtype=np.float64), agent.belief(s, r).dense()
        where = f"p(. | subject {s}, relation {r}) after {edits} in {world}"
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=where, strict=True)
