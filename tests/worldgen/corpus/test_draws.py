"""The draws of the facts' objects against their exact law.

The statistical tests have fixed seeds; each p value is below ALARM for one seed in a million.
"""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from corpora import ALARM, CONFIG, draws_of, goodness, replace_corpus, truth_chance, truths_law
from scipy import stats
from worlds import CHAIN

from worldgen.corpus.recipe import make_shard
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.settings import WorldConfig
from worldgen.worlds.making import make_world
from worldgen.worlds.world import World


@pytest.mark.parametrize(("draws", "least"), [(10, 6), (10, 0), (10, 10), (1, 1), (7, 3)])
def test_every_fact_has_its_draws_and_enough_of_them_are_true(world: World, draws: int, least: int) -> None:
    config = replace_corpus(draws=draws, min_truths=least)
    sentences = make_shard(world, config, 1, 0, len(world.subjects)).sentences
    assert np.bincount(sentences.fact[sentences.kind == Kind.ATOM]).tolist() == [draws] * len(world)
    drawn = draws_of(world, sentences)
    assert ((drawn == world.truth[:, None]).sum(axis=1) >= least).all()
    for f, objects in enumerate(drawn.tolist()):
        possible = {o for o, p in world.probabilities(f).items() if p > 0}
        assert set(objects) <= possible


def test_the_number_of_truths_is_binomial_given_enough(world: World, corpora: list[Sentences]) -> None:
    """Facts with one chance of their truth are taken together."""
    truths = np.stack([(draws_of(world, s) == world.truth[:, None]).sum(axis=1) for s in corpora], axis=1)
    chances = [truth_chance(world, f) for f in range(len(world))]
    assert len(set(chances)) > 40
    p_values = []
    for chance in sorted(set(chances)):
        facts = [f for f, p in enumerate(chances) if p == chance]
        observed = np.bincount(truths[facts].ravel(), minlength=11)
        p_values.append(goodness(observed, np.array(truths_law(chance, 10, 6)) * observed.sum()))
    assert min(p_values) > ALARM / len(p_values)
    # Not only none is small: together they are uniform.
    assert stats.kstest([p for p in p_values if p < 1], "uniform").pvalue > ALARM


def test_downstream_draws_follow_their_row(world: World, corpora: list[Sentences]) -> None:
    """Draws that are not the truth follow the row's other weights."""
    drawn = np.concatenate([draws_of(world, s) for s in corpora], axis=1)
    table, p_values = world.conditionals, []
    for row in range(len(table)):
        objects = drawn[world.row == row].ravel()
        entries = slice(table.start[row], table.start[row + 1])
        weight = np.where(table.object[entries] == table.mode[row], 0, table.weight[entries])
        observed = np.array([(objects == o).sum() for o in table.object[entries]])
        assert observed.sum() == len(objects)
        observed[weight == 0] = 0
        if weight.sum():
            p_values.append(goodness(observed, weight / weight.sum() * observed.sum()))
    assert len(p_values) > 5
    assert min(p_values) > ALARM / len(p_values)


def test_facts_are_drawn_independently(world: World, corpora: list[Sentences]) -> None:
    """Over corpora, the numbers of truths of neighbouring facts do not correlate."""
    truths = np.stack([(draws_of(world, s) == world.truth[:, None]).sum(axis=1) for s in corpora], axis=1)
    uncertain = truths[truths.std(axis=1) > 0]
    z = (uncertain - uncertain.mean(axis=1, keepdims=True)) / uncertain.std(axis=1, keepdims=True)
    correlation = (z[1:] * z[:-1]).mean(axis=1)
    total = correlation.sum() * sqrt(len(corpora) / len(correlation))
    assert 2 * stats.norm.sf(abs(total)) > ALARM


def test_each_draw_has_a_true_false_sentence_and_the_share_of_true_is_right(
    world: World, corpora: list[Sentences]
) -> None:
    """Of the c sentences about an object drawn c times, floor(c * c/D) or one more say true, and c * c/D on average."""
    surplus, variance = Fraction(0), Fraction(0)
    for sentences in corpora[:30]:
        stated = sentences.where(sentences.kind == Kind.STATED)
        order = np.argsort(stated.fact, kind="stable")
        said, truth = stated.object[order].reshape(-1, 10), stated.truth[order].reshape(-1, 10)
        drawn = draws_of(world, sentences)
        assert (np.sort(said, axis=1) == np.sort(drawn, axis=1)).all()
        for f in range(len(world)):
            for o in set(drawn[f].tolist()):
                c, true = int((drawn[f] == o).sum()), int(truth[f][said[f] == o].sum())
                expected = Fraction(c * c, 10)
                assert true in (expected.__floor__(), expected.__ceil__())
                surplus += true - expected
                variance += (expected % 1) * (1 - expected % 1)
    assert variance > 1000
    assert 2 * stats.norm.sf(abs(float(surplus)) / sqrt(variance)) > ALARM


def test_a_subjects_draws_do_not_depend_on_the_others(chained_graph: KnowledgeGraph) -> None:
    """A smaller world of the same graph and seed has the first of the larger one's subjects."""
    truths = []
    for facts in (60, 250):
        world = make_world(chained_graph, WorldConfig(facts=facts, pairs=CHAIN), seed=5)
        shard = make_shard(world, CONFIG, 5, 0, len(world.subjects))
        truths.append((draws_of(world, shard.sentences) == world.truth[:, None]).sum(axis=1).tolist())
    assert truths[1][: len(truths[0])] == truths[0]
