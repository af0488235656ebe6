"""Not, and, or sentences: how many, about which facts, and that their labels are true.

The statistical tests have fixed seeds; each p value is below ALARM for one seed in a million.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from corpora import ALARM, CONFIG, goodness, replace_corpus
from numpy.typing import NDArray
from scipy import stats

from worldgen.corpus.connectives import fact_of_another_subject
from worldgen.corpus.recipe import make_shard, sentences_per_subject
from worldgen.corpus.sentences import Kind, Sentences, Shard
from worldgen.settings import WorldConfig
from worldgen.worlds.making import make_world
from worldgen.worlds.world import NONE, World


@pytest.mark.parametrize("asked", [0, 2, 4, 6, 10, 18, 20, 22, 40])
def test_a_subject_has_the_requested_number_of_complex_sentences_or_all_possible_ones(
    wide_world: World, asked: int
) -> None:
    config, S = replace_corpus(complex_per_subject=asked), len(wide_world.subjects)
    for seed in range(3):
        sentences = make_shard(wide_world, config, seed, 0, S).sentences
        made = np.bincount(sentences.subject[sentences.kind >= Kind.NOT], minlength=S)
        facts = np.diff(wide_world.first_fact)
        assert made.tolist() == np.minimum(4 * facts, asked).tolist()
        count = np.bincount(sentences.subject, minlength=S)
        nothing_rare = np.zeros(len(wide_world), dtype=bool)
        assert count.tolist() == sentences_per_subject(wide_world, config, nothing_rare).tolist()


def own_facts(world: World, joined: Sentences) -> NDArray:
    """The fact of each and / or sentence that is about the sentence's own subject."""
    return np.where(world.subject[joined.fact] == joined.subject, joined.fact, joined.second_fact)


def test_a_fact_has_each_connective_at_most_once(wide_world: World) -> None:
    sentences = make_shard(wide_world, CONFIG, 3, 0, len(wide_world.subjects)).sentences
    for kind in (Kind.AND, Kind.OR):
        own = own_facts(wide_world, sentences.where(sentences.kind == kind))
        assert len(set(own.tolist())) == len(own) > 0
    denials = sentences.where(sentences.kind == Kind.NOT)
    said = list(zip(denials.fact.tolist(), denials.truth.tolist(), strict=True))
    assert len(set(said)) == len(said) == 2 * len(set(denials.fact.tolist()))


def test_complex_sentences_are_labelled_truly(world: World, wide_world: World) -> None:
    for w in (world, wide_world):
        s = make_shard(w, CONFIG, 3, 0, len(w.subjects)).sentences
        first, second = s.object == w.truth[s.fact], s.second_object == w.truth[s.second_fact]
        logic = {Kind.NOT: ~first, Kind.AND: first & second, Kind.OR: first | second}
        for kind, meant in logic.items():
            rows = s.kind == kind
            assert rows.any()
            assert (s.truth[rows] == meant[rows]).all()
        # Roots are denied by their distractor.
        false_roots = (s.kind >= Kind.NOT) & ~first & (w.row[s.fact] == NONE)
        assert (s.object[false_roots] == w.distractor[s.fact][false_roots]).all()


def test_only_and_and_or_name_two_facts(shard: Shard, world: World) -> None:
    s = shard.sentences
    single = s.kind <= Kind.NOT
    assert (s.second_fact[single] == NONE).all()
    assert (s.second_object[single] == NONE).all()
    assert (world.subject[s.fact[single]] == s.subject[single]).all()
    assert s.truth[s.kind == Kind.ATOM].all()
    joined = s.where(~single)
    about = np.stack([world.subject[joined.fact], world.subject[joined.second_fact]])
    assert ((about == joined.subject).sum(axis=0) == 1).all()


def test_operands_are_coins_and_second_facts_uniform(world: World, corpora: list[Sentences]) -> None:
    s = Sentences.together(corpora)
    p_values = []
    for kind in (Kind.AND, Kind.OR):
        joined = s.where(s.kind == kind)
        own_first = world.subject[joined.fact] == joined.subject
        first = joined.object == world.truth[joined.fact]
        second = joined.second_object == world.truth[joined.second_fact]
        for heads in (own_first, first, second, first ^ second, own_first ^ first):
            p_values.append(stats.binomtest(int(heads.sum()), len(heads)).pvalue)
        other = np.where(own_first, joined.second_fact, joined.fact)
        # Fact f of subject t is second to each of the n sentences about others with chance 1 / (F - F_s).
        facts_of = np.diff(world.first_fact)
        share = np.bincount(joined.subject, 1 / (len(world) - facts_of[joined.subject]), len(world.subjects))
        expected = (share.sum() - share)[world.subject]
        p_values.append(goodness(np.bincount(other, minlength=len(world)), expected))
    assert min(p_values) > ALARM


def test_the_only_subject_of_a_world_is_joined_with_its_own_facts(graph_of: Callable) -> None:
    world = make_world(graph_of([("s", "r", "a"), ("s", "q", "b")]), WorldConfig(facts=2), seed=0)
    s = make_shard(world, CONFIG, 0, 0, 1).sentences
    assert (s.kind >= Kind.NOT).sum() == 8
    assert (s.fact >= 0).all()


def test_a_fact_of_another_subject_is_the_one_that_its_word_picks(world: World) -> None:
    """Against a loop over the candidates: word u picks number floor(u n) of the n."""
    among = np.arange(0, len(world), 3)
    subject = np.repeat(np.arange(len(world.subjects), dtype=np.int32), 20)
    units = np.tile(np.linspace(0, 0.999, 20), len(world.subjects))
    found = fact_of_another_subject(world, subject, (units * 2.0**53).astype(np.uint64) << np.uint64(11), among)
    for s, u, fact in zip(subject.tolist(), units.tolist(), found.tolist(), strict=True):
        others = [f for f in among.tolist() if world.subject[f] != s]
        assert fact == others[int(u * len(others))]
    own = np.flatnonzero(world.subject == 4)
    assert set(fact_of_another_subject(world, np.full(9, 4), np.zeros(9, np.uint64), own).tolist()) <= {*own.tolist()}
