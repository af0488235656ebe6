"""The weights of sentences: the table row by row, and sums that depend on neither order nor shards."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle, hundreds
from source_worlds import reported

from worldgen.bayes.evidence import Evidence, evidence_from_lines, evidence_of, merge
from worldgen.bayes.fact_table import FactTable
from worldgen.bayes.testimony import weighed_mentions
from worldgen.bayes.testing import MicroWorld, Sentence, evidence_in, facts_of, micro_worlds, sentences_of
from worldgen.corpus.recipe import make_shard
from worldgen.corpus.sentences import Kind
from worldgen.facts import Fact
from worldgen.settings import CorpusConfig
from worldgen.worlds.world import NONE


def assert_same(found: Evidence, expected: Evidence) -> None:
    """Checks that the columns of two evidences are equal to the bit, and of equal types."""
    for name, column in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), column)
        assert getattr(found, name).dtype == column.dtype


A, B = Fact(0, 0, 1), Fact(1, 0, 2)


@pytest.mark.parametrize(
    ("kind", "truth", "positive", "spread"),
    [
        (Kind.ATOM, True, 3, 0),
        (Kind.STATED, True, 3, 0),
        (Kind.STATED, False, 0, 3),
        (Kind.NOT, True, 0, 3),
        (Kind.NOT, False, 3, 0),
        (Kind.AND, True, 3, 0),
        (Kind.AND, False, 1, 2),
        (Kind.OR, True, 2, 1),
        (Kind.OR, False, 0, 3),
    ],
)
@pytest.mark.parametrize("multiplicity", [1, 4])
def test_each_row_of_the_table_in_thirds(
    kind: Kind, truth: bool, positive: int, spread: int, multiplicity: int
) -> None:
    atoms = (A, B) if kind in (Kind.AND, Kind.OR) else (A,)
    found = evidence_in(MicroWorld(2, 1, 3, (), Fraction(1), multiplicity, (Sentence(kind, truth, atoms),)))
    assert [tuple(fact) for fact in zip(found.subject, found.relation, found.object, strict=True)] == list(atoms)
    assert found.positive.tolist() == [positive * multiplicity] * len(atoms)
    assert found.spread.tolist() == [spread * multiplicity] * len(atoms)
    assert found.atomic.tolist() == [multiplicity * (kind == Kind.ATOM)] * len(atoms)


@hundreds
@given(micro_worlds())
def test_weights_equal_the_oracles_exactly(world: MicroWorld) -> None:
    found, oracle = evidence_in(world), Oracle(world)
    lines = zip(*(column.tolist() for column in vars(found).values()), strict=True)
    weights = {(s, r, o): (Fraction(p, 3), Fraction(q, 3)) for s, r, o, p, q, _ in lines}
    named = {atom for sentence in world.sentences for atom in sentence.atoms}
    assert list(weights) == sorted(named)
    for s, r, o in named:
        for_it, against_it = oracle.evidence[s, r]
        assert weights[s, r, o] == (for_it[o], against_it[o])


@given(micro_worlds())
def test_atomic_is_the_number_of_bare_atoms(world: MicroWorld) -> None:
    count: dict[Fact, int] = defaultdict(int)
    for sentence in world.sentences:
        count[sentence.atoms[0]] += world.multiplicity * (sentence.kind == Kind.ATOM)
    found = evidence_in(world)
    for s, r, o, atomic in zip(found.subject, found.relation, found.object, found.atomic, strict=True):
        assert atomic == count[Fact(s, r, o)]


@hundreds
@given(micro_worlds())
def test_counts_of_a_fact_equal_the_oracles(world: MicroWorld) -> None:
    table, oracle = FactTable.of(evidence_in(world), world.R), Oracle(world)
    for s in range(world.S):
        for r in range(world.R):
            observed = table.observations(s, r)
            assert (observed is None) == ((s, r) not in oracle.evidence)
            if observed:
                counts = observed.counts(world.K)
                dense = np.full(world.K, counts.default)
                dense[counts.object] += counts.excess
                expected = oracle.counts(s, r)
                # Fewer than 200 roundings of counts of at most 160 (16 sentences, two atoms, 5 times).
                np.testing.assert_allclose(dense, [float(n) for n in expected], rtol=0, atol=1e-12)
                assert abs(counts.total - float(sum(expected))) <= 1e-12
                objects, shares = observed.responsibilities()
                rho = np.zeros(world.K)
                rho[objects] = shares
                np.testing.assert_allclose(rho, [float(share) for share in oracle.rho(s, r)], rtol=0, atol=1e-15)


@given(micro_worlds(), st.randoms(use_true_random=False))
def test_order_of_sentences_does_not_matter(world: MicroWorld, random: object) -> None:
    shuffled = list(world.sentences)
    random.shuffle(shuffled)
    assert_same(evidence_in(world._replace(sentences=tuple(shuffled))), evidence_in(world))


@given(micro_worlds(), st.data())
def test_shards_merge_to_the_evidence_of_the_whole_corpus(world: MicroWorld, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(world.sentences)), max_size=3)))
    bounds = zip([0, *cuts], [*cuts, len(world.sentences)], strict=True)
    parts = [evidence_in(world._replace(sentences=world.sentences[first:last])) for first, last in bounds]
    assert_same(merge(parts), evidence_in(world))
    assert_same(merge(part for part in reversed(parts)), evidence_in(world))


@given(micro_worlds())
def test_a_multiplicity_counts_as_so_many_copies(world: MicroWorld) -> None:
    sentences = sentences_of(world)
    copies = merge([evidence_of(facts_of(world), sentences)] * world.multiplicity)
    assert_same(copies, evidence_of(facts_of(world), sentences, world.multiplicity))


@settings(max_examples=15)  # each example writes a file
@given(micro_worlds())
def test_evidence_is_loaded_as_it_was_saved(tmp_path_factory: pytest.TempPathFactory, world: MicroWorld) -> None:
    path: Path = tmp_path_factory.mktemp("evidence") / "evidence.parquet"
    evidence_in(world).save(path)
    assert_same(Evidence.load(path), evidence_in(world))


def test_empty_evidence() -> None:
    nothing = evidence_from_lines(*[np.zeros(0, np.int64)] * 6)
    assert len(nothing) == 0
    assert_same(merge([nothing, nothing]), nothing)
    assert FactTable.of(nothing, 3).observations(0, 0) is None


def test_tagged_sentences_are_no_evidence_and_those_without_their_tag_are_bare_atoms() -> None:
    """The agent leaves reports to whoever trusts their sources; a fact that only they tell has no evidence at all."""
    world = reported()
    told = make_shard(world, CorpusConfig(shuffles=1), 0, 0, len(world.subjects)).sentences
    assert told.source is not None
    tagged = told.kind == Kind.REPORT
    assert tagged.sum() > 1000
    found = evidence_of(world, told)
    assert_same(found, evidence_of(world, told.where(~tagged)))
    only_reported = np.flatnonzero(world.only_reported)
    of_fact = np.stack([world.subject[only_reported], world.relation[only_reported]])
    lines = {(s, r) for s, r in zip(found.subject.tolist(), found.relation.tolist(), strict=True)}
    assert len(lines) == len(world) - len(only_reported)
    assert not lines & {(s, r) for s, r in of_fact.T.tolist()}
    left_out = ~tagged & (told.source != NONE)
    assert left_out.sum() > 100
    assert found.atomic.sum() == (told.kind == Kind.ATOM).sum()
    without = evidence_of(world, told.where(~tagged & ~left_out))
    assert found.positive.sum() == without.positive.sum() + 3 * left_out.sum()
    for fact in (only_reported[0], told.fact[tagged][0], told.fact[left_out][0]):
        assert weighed_mentions(told, fact, 1) == weighed_mentions(told.where(~tagged), fact, 1)
    assert weighed_mentions(told, only_reported[0], 1) == []
