"""The corpus against its definition, and its draws against their exact law.

The statistical tests have fixed seeds; each p value is below ALARM for one seed in a million.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import comb, sqrt
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from worldgen.corpus.recipe import make_shard, sentences_per_subject, shard_bounds
from worldgen.corpus.sentences import Kind, Sentences, Shard, read_shards
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.settings import CorpusConfig, WorldConfig
from worldgen.worlds.making import make_world
from worldgen.worlds.world import NONE, World

ALARM = 1e-6
CONFIG = CorpusConfig()
CHAIN = ("r0 -> r1", "r1 -> r2")
MANY_SEEDS = 150


@pytest.fixture(scope="module")
def world(chained_graph: KnowledgeGraph) -> World:
    return make_world(chained_graph, WorldConfig(facts=250, pairs=CHAIN), seed=5)


@pytest.fixture(scope="module")
def shard(world: World) -> Shard:
    return make_shard(world, CONFIG, 5, 0, len(world.subjects))


@pytest.fixture(scope="module")
def many(world: World) -> list[Sentences]:
    """The sentences of many corpora of the one world."""
    return [make_shard(world, CONFIG, seed, 0, len(world.subjects)).sentences for seed in range(MANY_SEEDS)]


@pytest.fixture(scope="module")
def wide_world(graph_of: Callable) -> World:
    """Subjects with 1 to 8 facts."""
    rng = np.random.default_rng(1)
    triples = [(f"s{s}", f"r{r}", f"o{rng.integers(9)}") for s in range(80) for r in range(1 + s % 8)]
    triples += [("all", f"r{r}", f"o{r}") for r in range(8)]
    return make_world(graph_of(triples), WorldConfig(facts=len(triples)), seed=2)


def goodness(observed: NDArray, expected: NDArray) -> float:
    """The p value of a chi-square test; cells expected fewer than ten times are taken together."""
    order = np.argsort(-expected)
    observed, expected = observed[order], expected[order]
    large = max(1, int((expected >= 10).sum()))
    observed = np.append(observed[:large], observed[large:].sum())
    expected = np.append(expected[:large], expected[large:].sum())
    sure = expected > 0
    assert observed[~sure].sum() == 0
    if sure.sum() < 2:
        return 1.0
    expected = expected * observed.sum() / expected.sum()  # the rounding of the sums
    return float(stats.chisquare(observed[sure], expected[sure]).pvalue)


# --- atoms --------------------------------------------------------------------------------------------------


def draws_of(world: World, sentences: Sentences) -> NDArray:
    """[F, D]: each fact's objects."""
    atoms = sentences.where(sentences.kind == Kind.ATOM)
    order = np.argsort(atoms.fact, kind="stable")
    return atoms.object[order].reshape(len(world), -1)


@pytest.mark.parametrize(("draws", "least"), [(10, 6), (10, 0), (10, 10), (1, 1), (7, 3)])
def test_every_fact_has_its_draws_most_of_them_true(world: World, draws: int, least: int) -> None:
    config = replace_corpus(draws=draws, min_truths=least)
    sentences = make_shard(world, config, 1, 0, len(world.subjects)).sentences
    assert np.bincount(sentences.fact[sentences.kind == Kind.ATOM]).tolist() == [draws] * len(world)
    drawn = draws_of(world, sentences)
    assert ((drawn == world.truth[:, None]).sum(axis=1) >= least).all()
    for f, objects in enumerate(drawn.tolist()):
        possible = {o for o, p in world.probabilities(f).items() if p > 0}
        assert set(objects) <= possible


def replace_corpus(**changes: int) -> CorpusConfig:
    return CorpusConfig(**(CONFIG.model_dump() | changes))


def truths_law(p: Fraction, D: int, least: int) -> list[float]:
    """P(k truths of D | k >= least), k = 0 .. D, exactly until the last step."""
    mass = [comb(D, k) * p**k * (1 - p) ** (D - k) if k >= least else Fraction(0) for k in range(D + 1)]
    return [float(m / sum(mass)) for m in mass]


def truth_chance(world: World, f: int) -> Fraction:
    if world.row[f] == NONE:
        return Fraction(int(world.percent[f]), 100)
    table, row = world.conditionals, world.row[f]
    return Fraction(int(table.weight[table.mode_entry[row]]), int(table.total[row]))


def test_the_number_of_truths_is_binomial_given_enough(world: World, many: list[Sentences]) -> None:
    """Facts with one chance of their truth are taken together."""
    truths = np.stack([(draws_of(world, s) == world.truth[:, None]).sum(axis=1) for s in many], axis=1)
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


def test_downstream_draws_follow_their_row(world: World, many: list[Sentences]) -> None:
    """What is not the truth is drawn by the row's other weights."""
    drawn = np.concatenate([draws_of(world, s) for s in many], axis=1)
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


def test_facts_are_drawn_independently(world: World, many: list[Sentences]) -> None:
    """Of neighbouring facts, the correlation of their numbers of truths over corpora is noise."""
    truths = np.stack([(draws_of(world, s) == world.truth[:, None]).sum(axis=1) for s in many], axis=1)
    uncertain = truths[truths.std(axis=1) > 0]
    z = (uncertain - uncertain.mean(axis=1, keepdims=True)) / uncertain.std(axis=1, keepdims=True)
    correlation = (z[1:] * z[:-1]).mean(axis=1)
    total = correlation.sum() * sqrt(MANY_SEEDS / len(correlation))
    assert 2 * stats.norm.sf(abs(total)) > ALARM


# --- true / false -------------------------------------------------------------------------------------------


def test_one_stated_sentence_a_draw_true_in_proportion(world: World, many: list[Sentences]) -> None:
    """Of c sentences floor(c * c/D) or one more say true, and c * c/D on average."""
    surplus, variance = Fraction(0), Fraction(0)
    for sentences in many[:30]:
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


# --- not, and, or -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [0, 2, 4, 6, 10, 18, 20, 22, 40])
def test_as_many_complex_sentences_as_asked_or_as_there_can_be(wide_world: World, asked: int) -> None:
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
    """Which of the two facts of and / or sentences is the subject's own: that about the sentence's subject."""
    return np.where(world.subject[joined.fact] == joined.subject, joined.fact, joined.second_fact)


def test_each_connective_at_most_once_a_fact(wide_world: World) -> None:
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


def test_atoms_and_the_stated_name_one_fact(shard: Shard, world: World) -> None:
    s = shard.sentences
    single = s.kind <= Kind.NOT
    assert (s.second_fact[single] == NONE).all()
    assert (s.second_object[single] == NONE).all()
    assert (world.subject[s.fact[single]] == s.subject[single]).all()
    assert s.truth[s.kind == Kind.ATOM].all()
    joined = s.where(~single)
    about = np.stack([world.subject[joined.fact], world.subject[joined.second_fact]])
    assert ((about == joined.subject).sum(axis=0) == 1).all()


def test_operands_are_coins_and_second_facts_uniform(world: World, many: list[Sentences]) -> None:
    s = Sentences.together(many)
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


def test_a_lone_subject_is_joined_to_itself(graph_of: Callable) -> None:
    world = make_world(graph_of([("s", "r", "a"), ("s", "q", "b")]), WorldConfig(facts=2), seed=0)
    s = make_shard(world, CONFIG, 0, 0, 1).sentences
    assert (s.kind >= Kind.NOT).sum() == 8
    assert (s.fact >= 0).all()


# --- documents and shards -----------------------------------------------------------------------------------


def test_documents_are_the_subjects_sentences_shuffled(shard: Shard, world: World) -> None:
    documents, sentences = shard.documents, shard.sentences
    length = np.diff(documents.start)
    assert (length <= 10).all()
    for s in range(len(world.subjects)):
        own = np.flatnonzero(sentences.subject == s)
        orders = []
        for k in range(CONFIG.shuffles):
            rows = np.flatnonzero((documents.subject == s) & (documents.shuffle == k))
            assert (length[rows[:-1]] == 10).all()
            order = [i for d in rows for i in documents.sentence[documents.start[d] : documents.start[d + 1]].tolist()]
            assert sorted(order) == own.tolist()
            orders.append(tuple(order))
        assert len(set(orders)) == CONFIG.shuffles
    assert len(documents.sentence) == CONFIG.shuffles * len(sentences)


def test_shuffles_are_uniform(world: World) -> None:
    """The place of a subject's first sentence is uniform over its places."""
    places: dict[int, list[int]] = {}
    for seed in range(40):
        shard = make_shard(world, replace_corpus(draws=1, min_truths=1, shuffles=20), seed, 0, 10)
        first = np.flatnonzero(np.diff(shard.sentences.subject, prepend=-1))
        count = np.bincount(shard.sentences.subject)
        for k in range(20):
            begin, end = k * len(shard.sentences), (k + 1) * len(shard.sentences)
            order = np.argsort(shard.documents.sentence[begin:end])
            for s, n in enumerate(count.tolist()):
                places.setdefault(n, []).append(int(order[first[s]] - first[s]))
    for n, seen in places.items():
        assert stats.chisquare(np.bincount(seen, minlength=n)).pvalue > ALARM


@pytest.mark.parametrize(("size", "per_document"), [(1, 10), (7, 10), (64, 3), (1000, 1)])
def test_shards_of_any_size_hold_the_same(world: World, size: int, per_document: int) -> None:
    config = replace_corpus(shard_subjects=size, document_sentences=per_document)
    whole = make_shard(world, config, 5, 0, len(world.subjects))
    bounds = shard_bounds(world, config)
    assert [first for first, _ in bounds[1:]] == [last for _, last in bounds[:-1]]
    assert (bounds[0][0], bounds[-1][1]) == (0, len(world.subjects))
    shards = [make_shard(world, config, 5, first, last) for first, last in bounds]
    assert [s.first_sentence for s in shards] == np.cumsum([0, *(len(s.sentences) for s in shards[:-1])]).tolist()
    together = Sentences.together([s.sentences for s in shards])
    for name, column in together.columns().items():
        np.testing.assert_array_equal(column, whole.sentences.columns()[name])
    assert documents_of(shards) == documents_of([whole])


def documents_of(shards: list[Shard]) -> set[tuple[int, int, tuple[int, ...]]]:
    return {
        (s, k, tuple(shard.documents.sentence[begin:end].tolist()))
        for shard in shards
        for s, k, begin, end in zip(
            shard.documents.subject.tolist(), shard.documents.shuffle.tolist(),
            shard.documents.start[:-1].tolist(), shard.documents.start[1:].tolist(), strict=True,
        )
    }  # fmt: skip


def test_a_subjects_draws_do_not_depend_on_the_others(chained_graph: KnowledgeGraph) -> None:
    """A smaller world of the same graph and seed has the first of the larger one's subjects."""
    truths = []
    for facts in (60, 250):
        world = make_world(chained_graph, WorldConfig(facts=facts, pairs=CHAIN), seed=5)
        shard = make_shard(world, CONFIG, 5, 0, len(world.subjects))
        truths.append((draws_of(world, shard.sentences) == world.truth[:, None]).sum(axis=1).tolist())
    assert truths[1][: len(truths[0])] == truths[0]


def test_the_seed_decides(world: World, shard: Shard) -> None:
    again, other = (make_shard(world, CONFIG, seed, 0, len(world.subjects)) for seed in (5, 6))
    assert (again.sentences.object == shard.sentences.object).all()
    assert (again.documents.sentence == shard.documents.sentence).all()
    assert (other.sentences.object != shard.sentences.object).any()
    assert (other.documents.sentence != shard.documents.sentence).any()


def test_shards_are_saved_and_loaded(world: World, tmp_path: Path) -> None:
    config = replace_corpus(shard_subjects=30)
    shards = [make_shard(world, config, 5, first, last) for first, last in shard_bounds(world, config)]
    for number, shard in enumerate(shards):
        shard.save(tmp_path, number)
    for shard, loaded in zip(shards, read_shards(tmp_path), strict=True):
        assert loaded.first_sentence == shard.first_sentence
        for mine, its in (
            (shard.sentences.columns(), loaded.sentences.columns()),
            (vars(shard.documents), vars(loaded.documents)),
        ):
            assert mine.keys() == its.keys()
            for name, column in mine.items():
                np.testing.assert_array_equal(its[name], column)
                assert its[name].dtype == column.dtype, name


def test_saved_bytes_are_the_same_every_time(world: World, tmp_path: Path) -> None:
    for folder in ("one", "other"):
        make_shard(world, CONFIG, 5, 0, 20).save(tmp_path / folder, 0)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_where_takes_masks_and_numbers(shard: Shard) -> None:
    s = shard.sentences
    mask = s.kind == Kind.AND
    assert (s.where(mask).fact == s.where(np.flatnonzero(mask)).fact).all()
    assert len(s.where(mask)) == mask.sum()
