"""Sentences and shards: their files, and parts of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from corpora import CONFIG, replace_corpus

from worldgen.corpus.recipe import make_shard, shard_bounds
from worldgen.corpus.sentences import Kind, Shard, read_shards
from worldgen.worlds.world import World


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


def test_where_takes_a_mask_or_places(shard: Shard) -> None:
    s = shard.sentences
    mask = s.kind == Kind.AND
    assert (s.where(mask).fact == s.where(np.flatnonzero(mask)).fact).all()
    assert len(s.where(mask)) == mask.sum()
