"""The names that sentences use: their law, the held-out combinations, and that nothing else depends on them.

The statistical tests have fixed seeds; each p value is below ALARM for one seed in a million.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import worlds
from alias_worlds import corpus_of, talkative_world
from corpora import ALARM
from numpy.typing import NDArray
from scipy import stats

from worldgen.bayes.evidence import evidence_of
from worldgen.corpus.mentions import draw_names
from worldgen.corpus.recipe import make_shard, shard_bounds
from worldgen.corpus.sentences import NAME_COLUMNS, Sentences, read_shards
from worldgen.randomness import Stream, below
from worldgen.settings import CorpusConfig
from worldgen.worlds.world import NONE, World


@pytest.fixture(scope="module")
def world() -> World:
    return talkative_world()


@pytest.fixture(scope="module")
def corpora(world: World) -> list[Sentences]:
    """The sentences of 60 corpora of one world."""
    return [corpus_of(world, seed).sentences for seed in range(60)]


def mentions(s: Sentences) -> tuple[NDArray, NDArray, NDArray]:
    """The (fact, object, three names) of every mention, first operands before second ones."""
    assert s.names is not None
    joined = np.flatnonzero(s.second_fact != NONE)
    return (
        np.concatenate([s.fact, s.second_fact[joined]]),
        np.concatenate([s.object, s.second_object[joined]]),
        np.concatenate([s.names[:3], s.names[3:, joined]], axis=1),
    )


def allowed(world: World, fact: int) -> list[tuple[int, int]]:
    """The combinations of names that are not held out, by the definition."""
    names = world.subjects.names(int(world.subject[fact])), world.relations.names(int(world.relation[fact]))
    never = set(world.held_out.of(fact))
    return [(i, j) for i in range(len(names[0])) for j in range(len(names[1])) if (i, j) not in never]


def test_held_out_combinations_are_never_said_and_all_others_are(world: World, corpora: list[Sentences]) -> None:
    said = defaultdict(set)
    objects = defaultdict(set)
    for s in corpora[:20]:
        fact, object_, (i, j, k) = mentions(s)
        for f, o, *names in zip(fact.tolist(), object_.tolist(), i.tolist(), j.tolist(), k.tolist(), strict=True):
            said[f].add((names[0], names[1]))
            objects[o].add(names[2])
    assert len(world.held_out) > 20
    assert {f: sorted(pairs) for f, pairs in said.items()} == {f: allowed(world, f) for f in range(len(world))}
    assert objects == {o: set(range(len(world.objects.names(o)))) for o in range(len(world.objects))}


def test_pairs_and_objects_names_are_uniform_and_independent(world: World, corpora: list[Sentences]) -> None:
    """Among mentions with the same numbers of pairs and of object names, (rank of the pair, name) is uniform."""
    ranks = [{pair: rank for rank, pair in enumerate(allowed(world, f))} for f in range(len(world))]
    drawn = defaultdict(list)
    for s in corpora:
        fact, object_, (i, j, k) = mentions(s)
        for f, o, *names in zip(fact.tolist(), object_.tolist(), i.tolist(), j.tolist(), k.tolist(), strict=True):
            sizes = len(ranks[f]), len(world.objects.names(o))
            drawn[sizes].append(ranks[f][names[0], names[1]] * sizes[1] + names[2])
    sizes_seen = [sizes for sizes in drawn if sizes != (1, 1)]
    p_values = [
        stats.chisquare(np.bincount(drawn[sizes], minlength=sizes[0] * sizes[1])).pvalue for sizes in sizes_seen
    ]
    assert len(p_values) >= 10
    assert min(p_values) > ALARM / len(p_values)


def test_the_two_operands_and_neighbouring_sentences_are_named_independently(
    world: World, corpora: list[Sentences]
) -> None:
    """Neither between operands nor between neighbouring sentences do the uses of the label correlate."""
    s = Sentences.together(corpora)
    assert s.names is not None
    both = (s.second_fact != NONE) & (world.subject[s.fact] % 4 > 0) & (world.subject[s.second_fact] % 4 > 0)
    tables = [(s.names[0, both] == 0, s.names[3, both] == 0)]
    several = world.subject[s.fact] % 4 == 3
    tables.append((s.names[0, several][:-1] == 0, s.names[0, several][1:] == 0))
    for one, other in tables:
        table = np.array([[(one & other).sum(), (one & ~other).sum()], [(~one & other).sum(), (~one & ~other).sum()]])
        assert table.min() > 100
        assert stats.chi2_contingency(table).pvalue > ALARM


def test_every_name_is_the_one_that_its_random_word_picks(world: World) -> None:
    """A sentence has four words: one for the pair and one for the object name of each operand."""
    s = corpus_of(world, 3).sentences
    assert s.names is not None
    for subject in range(len(world.subjects)):
        rows = np.flatnonzero(s.subject == subject)
        words = Stream(3, "names").words(world.subject_keys[[subject]], np.array([4 * len(rows)])).reshape(-1, 4)
        for row, word in zip(rows.tolist(), words, strict=True):
            for side, (fact, object_) in enumerate(((s.fact, s.object), (s.second_fact, s.second_object))):
                said = tuple(s.names[3 * side : 3 * side + 3, row].tolist())
                if fact[row] == NONE:
                    assert said == (0, 0, 0)
                    continue
                pairs, names = allowed(world, int(fact[row])), world.objects.names(int(object_[row]))
                picked = [int(below(word[[2 * side + n]], len(x))[0]) for n, x in enumerate((pairs, names))]
                assert said == (*pairs[picked[0]], picked[1])


def test_facts_objects_and_truths_do_not_depend_on_the_names() -> None:
    """The corpus of the same world without aliases differs in its names only, and the evidence is the same."""
    plain, speaking = worlds.corpus(), make_shard(worlds.speaking(), CorpusConfig(), 0, 0, len(worlds.world().subjects))
    columns = speaking.sentences.columns()
    assert plain.sentences.columns().keys() == columns.keys() - {*NAME_COLUMNS}
    for name, column in plain.sentences.columns().items():
        np.testing.assert_array_equal(columns[name], column)
    for name, column in vars(plain.documents).items():
        np.testing.assert_array_equal(getattr(speaking.documents, name), column)
    evidence = [evidence_of(w, c.sentences) for w, c in ((worlds.world(), plain), (worlds.speaking(), speaking))]
    for name, column in vars(evidence[0]).items():
        np.testing.assert_array_equal(getattr(evidence[1], name), column)
    # A world without aliases is not given names at all.
    assert plain.sentences.names is None
    assert draw_names(worlds.world(), 0, plain.sentences) is plain.sentences


@pytest.mark.parametrize("size", [7, 1000])
def test_shards_of_any_size_use_the_same_names(size: int, tmp_path: Path) -> None:
    world, config = worlds.speaking(), CorpusConfig(shard_subjects=size, shuffles=1)
    whole = make_shard(world, config, 5, 0, len(world.subjects)).sentences
    for number, (first, last) in enumerate(shard_bounds(world, config)):
        make_shard(world, config, 5, first, last).save(tmp_path, number)
    together = Sentences.together([shard.sentences for shard in read_shards(tmp_path)])
    assert together.columns().keys() >= {*NAME_COLUMNS}
    for name, column in whole.columns().items():
        np.testing.assert_array_equal(together.columns()[name], column)
        assert together.columns()[name].dtype == column.dtype
