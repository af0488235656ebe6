"""Micro-worlds and edits for hypothesis to draw: small enough for the oracle, with every corner of the mathematics."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import strategies as st
from oracle import Change, MicroWorld, Sentence, as_sentences, stand_in

from bayes.agent import Agent, Edit, fit
from bayes.evidence import Evidence, evidence_of
from worldgen.facts import Fact
from worldgen.sentences import Kind

# Edit weights: eighths, so that sums of a few are exact in float64, up to the 1000 that cases are labelled with.
WEIGHTS = st.one_of(st.integers(1, 1000).map(Fraction), st.integers(1, 40).map(lambda n: Fraction(n, 8)))


# What a sentence can say: an atom is always true, all else may be called true or false.
FORMS = [(Kind.ATOM, True)] + [(kind, truth) for kind in Kind if kind != Kind.ATOM for truth in (True, False)]


@st.composite
def sentences(draw: st.DrawFn, S: int, R: int, K: int) -> Sentence:
    """One sentence of any kind."""
    kind, truth = draw(st.sampled_from(FORMS))
    atoms = [draw(facts(S, R, K)) for _ in range(2 if kind in (Kind.AND, Kind.OR) else 1)]
    return Sentence(kind, truth, tuple(atoms))


def facts(S: int, R: int, K: int) -> st.SearchStrategy[Fact]:
    """Any subject, relation and object; one number each, which is quick to draw."""
    return st.integers(0, S * R * K - 1).map(lambda n: Fact(n // (R * K), n // K % R, n % K))


@st.composite
def pairs_of(draw: st.DrawFn, R: int) -> tuple[tuple[int, int], ...]:
    """The relations in a row, some neighbours linked: no pair, one, two, chains of up to four, in any order."""
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
def edits_of(draw: st.DrawFn, world: MicroWorld, weights: st.SearchStrategy[Fraction] = WEIGHTS) -> Change:
    """An edit of a fact, or of a subject that the corpus never named."""
    subject, relation = draw(st.integers(0, world.S)), draw(st.integers(0, world.R - 1))
    return Change(subject, relation, draw(st.integers(0, world.K - 1)), draw(weights))


@st.composite
def edited_worlds(draw: st.DrawFn, most: int = 3) -> tuple[MicroWorld, tuple[Change, ...]]:
    """A world and up to `most` edits."""
    world = draw(micro_worlds())
    return world, tuple(draw(st.lists(edits_of(world), max_size=most)))


# -- the code under test, given such a world ---------------------------------------------------------------------


def evidence_in(world: MicroWorld) -> Evidence:
    """What `bayes` makes of the world's sentences."""
    return evidence_of(stand_in(world), as_sentences(world), world.multiplicity)


def agent_of(world: MicroWorld, *edits: Change) -> Agent:
    """The agent under test, after some edits."""
    agent = fit(evidence_in(world), world.K, world.R, world.pairs, float(world.a))
    return agent.revise(*(as_edit(edit) for edit in edits))


def as_edit(edit: Change) -> Edit:
    """The same edit, with a float weight."""
    return Edit(edit.subject, edit.relation, edit.object, float(edit.weight))
