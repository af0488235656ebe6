"""Rare facts: how many there are, how they are drawn, where they are named; and that no other fact changes.

The statistical tests have fixed seeds; each p value is below ALARM for one seed in a million.
"""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from corpora import ALARM, goodness, truth_chance, truths_law
from numpy.typing import NDArray
from scipy import stats

from worldgen.corpus.draws import rare_facts
from worldgen.corpus.recipe import make_shard, sentences_per_subject, shard_bounds
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.settings import CorpusConfig
from worldgen.worlds.world import NONE, World

RARE = CorpusConfig(rare_percent=40, rare_draws=3, shuffles=1)


COMMON = CorpusConfig(shuffles=1)


LEAST = 2  # ceil(6 * 3 / 10)


@pytest.fixture(scope="module")
def corpora(world: World) -> list[tuple[NDArray[np.bool_], Sentences]]:
    """For each of 100 corpora of one world: which facts are rare, and the sentences."""
    S = len(world.subjects)
    return [(rare_facts(world, RARE, seed), make_shard(world, RARE, seed, 0, S).sentences) for seed in range(100)]


def test_each_fact_is_rare_with_the_same_chance(world: World, corpora: list) -> None:
    """Over corpora, and independently of the fact before it."""
    rare = np.stack([rare for rare, _ in corpora])
    assert stats.binomtest(int(rare.sum()), rare.size, 0.4).pvalue > ALARM
    assert stats.chisquare(rare.sum(axis=0), np.full(len(world), rare.sum() / len(world))).pvalue > ALARM
    together = int((rare[:, 1:] & rare[:, :-1]).sum())
    # Pairs that overlap are uncorrelated but for sharing a fact: Var = n p^2 (1 - p^2) + 2 n p^3 (1 - p).
    n, p = rare[:, 1:].size, 0.4
    deviation = (together - n * p * p) / sqrt(n * (p**2 - p**4 + 2 * p**3 * (1 - p)))
    assert 2 * stats.norm.sf(abs(deviation)) > ALARM


@pytest.mark.parametrize("percent", [0, 100])
def test_no_fact_is_rare_or_every_fact_is(world: World, percent: int) -> None:
    config = COMMON.model_copy(update={"rare_percent": percent, "rare_draws": 4})
    s = make_shard(world, config, 1, 0, len(world.subjects)).sentences
    per_fact = np.bincount(s.fact[s.kind == Kind.ATOM], minlength=len(world)).tolist()
    assert per_fact == [4 if percent else 10] * len(world)
    assert (s.kind >= Kind.NOT).any() == (percent == 0)


def test_a_rare_fact_has_its_few_draws_and_no_complex_sentence(world: World, corpora: list) -> None:
    for rare, s in corpora[:20]:
        for kind in (Kind.ATOM, Kind.STATED):
            said = np.bincount(s.fact[s.kind == kind], minlength=len(world))
            assert said.tolist() == np.where(rare, 3, 10).tolist()
        joined = s.where(s.kind >= Kind.NOT)
        assert not rare[joined.fact].any()
        assert not rare[joined.second_fact[joined.second_fact != NONE]].any()


def test_second_operands_are_uniform_over_the_facts_that_are_not_rare(world: World, corpora: list) -> None:
    """They are drawn from the facts of other subjects."""
    observed, expected = np.zeros(len(world)), np.zeros(len(world))
    for rare, s in corpora:
        joined = s.where(s.second_fact != NONE)
        other = np.where(world.subject[joined.fact] == joined.subject, joined.second_fact, joined.fact)
        observed += np.bincount(other, minlength=len(world))
        common = np.bincount(world.subject[~rare], minlength=len(world.subjects))
        chance = 1 / (common.sum() - common[joined.subject])
        of_subject = np.bincount(joined.subject, chance, len(world.subjects))
        expected += np.where(rare, 0, (of_subject.sum() - of_subject)[world.subject])
    assert goodness(observed, expected) > ALARM


def test_the_number_of_truths_is_binomial_given_enough(world: World, corpora: list) -> None:
    """binomial(3, p) given at least ceil(6 * 3 / 10) = 2; facts with one chance of their truth are taken together."""
    chances = np.array([truth_chance(world, f) for f in range(len(world))], dtype=object)
    truths = []
    for rare, s in corpora:
        atoms = s.where((s.kind == Kind.ATOM) & rare[s.fact])
        true = np.bincount(atoms.fact, atoms.object == world.truth[atoms.fact], len(world)).astype(int)
        truths.append(np.where(rare, true, NONE))
    table = np.stack(truths)
    p_values = []
    for chance in sorted(set(chances.tolist())):
        drawn = table[:, chances == chance]
        observed = np.bincount(drawn[drawn != NONE], minlength=4)
        assert observed[:LEAST].sum() == 0
        p_values.append(goodness(observed, np.array(truths_law(chance, 3, LEAST)) * observed.sum()))
    assert len(p_values) > 40
    assert min(p_values) > ALARM / len(p_values)
    assert stats.kstest([p for p in p_values if p < 1], "uniform").pvalue > ALARM


def test_each_draw_has_a_true_false_sentence_and_the_share_of_true_is_right(world: World, corpora: list) -> None:
    """Of an object drawn c times of 3, floor(c * c/3) or one more of its c sentences say true, c * c/3 on average."""
    surplus, variance = Fraction(0), Fraction(0)
    for rare, s in corpora[:30]:
        for f in np.flatnonzero(rare).tolist():
            rows = s.fact == f
            drawn, stated = s.where(rows & (s.kind == Kind.ATOM)), s.where(rows & (s.kind == Kind.STATED))
            assert sorted(stated.object) == sorted(drawn.object)
            for o in set(drawn.object.tolist()):
                c, true = int((drawn.object == o).sum()), int(stated.truth[stated.object == o].sum())
                expected = Fraction(c * c, 3)
                assert true in (expected.__floor__(), expected.__ceil__())
                surplus, variance = surplus + true - expected, variance + (expected % 1) * (1 - expected % 1)
    assert variance > 100
    assert 2 * stats.norm.sf(abs(float(surplus)) / sqrt(variance)) > ALARM


def test_facts_that_are_not_rare_are_drawn_as_if_no_fact_were_rare(world: World) -> None:
    """Their atoms and true/false sentences are the same."""
    plain, some = (make_shard(world, config, 7, 0, len(world.subjects)).sentences for config in (COMMON, RARE))
    rare = rare_facts(world, RARE, 7)
    assert 0 < rare.sum() < len(rare)
    for kind in (Kind.ATOM, Kind.STATED):
        one, other = (s.where((s.kind == kind) & ~rare[s.fact]) for s in (plain, some))
        for name, column in one.columns().items():
            np.testing.assert_array_equal(other.columns()[name], column)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_shards_of_any_size_hold_the_same_corpus(world: World, size: int) -> None:
    config = RARE.model_copy(update={"shard_subjects": size})
    whole = make_shard(world, config, 5, 0, len(world.subjects))
    shards = [make_shard(world, config, 5, first, last) for first, last in shard_bounds(world, config)]
    numbers = np.cumsum([0, *(len(shard.sentences) for shard in shards)]).tolist()
    assert [shard.first_sentence for shard in shards] == numbers[:-1]
    together = Sentences.together([shard.sentences for shard in shards])
    for name, column in together.columns().items():
        np.testing.assert_array_equal(column, whole.sentences.columns()[name])
    documents = np.sort(np.concatenate([shard.documents.sentence for shard in shards]))
    assert documents.tolist() == list(range(len(whole.sentences)))
    count = np.bincount(whole.sentences.subject, minlength=len(world.subjects))
    assert count.tolist() == sentences_per_subject(world, config, rare_facts(world, config, 5)).tolist()


@pytest.mark.parametrize(("draws", "least", "rare"), [(10, 6, 1), (10, 6, 10), (10, 0, 2), (7, 7, 3), (5, 1, 4)])
def test_the_least_number_of_truths_is_in_proportion_and_rounded_up(
    world: World, draws: int, least: int, rare: int
) -> None:
    config = CorpusConfig(draws=draws, min_truths=least, rare_percent=100, rare_draws=rare, shuffles=1)
    s = make_shard(world, config, 2, 0, len(world.subjects)).sentences
    atoms = s.where(s.kind == Kind.ATOM)
    true = np.bincount(atoms.fact, atoms.object == world.truth[atoms.fact], len(world))
    enough = (Fraction(least * rare, draws)).__ceil__()
    assert true.min() >= enough
    assert true.min() == enough or enough == 0
    assert np.bincount(atoms.fact).tolist() == [rare] * len(world)
