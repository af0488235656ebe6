"""Documents and shards: how sentences are shuffled and cut, and that the shards are one corpus whatever their size.

The statistical tests have fixed seeds; each p value is below ALARM for one seed in a million.
"""

from __future__ import annotations

import numpy as np
import pytest
from corpora import ALARM, CONFIG, replace_corpus
from scipy import stats

from worldgen.corpus.recipe import make_shard, shard_bounds
from worldgen.corpus.sentences import Sentences, Shard
from worldgen.worlds.world import World


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
def test_shards_of_any_size_hold_the_same_corpus(world: World, size: int, per_document: int) -> None:
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


def test_the_seed_decides(world: World, shard: Shard) -> None:
    again, other = (make_shard(world, CONFIG, seed, 0, len(world.subjects)) for seed in (5, 6))
    assert (again.sentences.object == shard.sentences.object).all()
    assert (again.documents.sentence == shard.documents.sentence).all()
    assert (other.sentences.object != shard.sentences.object).any()
    assert (other.documents.sentence != shard.documents.sentence).any()
