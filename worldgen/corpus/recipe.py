"""The recipe of a corpus: everything that decides it. Each shard is a pure function of (recipe, shard number).

So shards are made anywhere and in any order. Paper, appendix A.1 step 3: the draws of every fact, a true/false
sentence for each draw, and not / and / or sentences, shuffled and cut into documents. A world's sources add their
reports, its variables their definitions and questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import row_starts
from worldgen.corpus.connectives import complex_sentences
from worldgen.corpus.definition_sentences import sentences_about_variables, with_variables
from worldgen.corpus.draws import draw_sentences, draws_of, rare_facts
from worldgen.corpus.mentions import draw_names
from worldgen.corpus.report_sentences import sentences_of_reports, with_reports
from worldgen.corpus.sentences import Documents, Kind, Sentences, Shard
from worldgen.randomness import Stream, Words
from worldgen.settings import CorpusConfig
from worldgen.storage.engines import Engine
from worldgen.storage.shards import ShardFiles, write_shards
from worldgen.storage.stores import Store
from worldgen.worlds.world import World


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a corpus."""

    world: World
    config: CorpusConfig
    seed: int

    def shards(self) -> int:
        """Returns the number of shards."""
        return len(shard_bounds(self.world, self.config))

    def shard(self, number: int) -> Shard:
        """Makes one shard."""
        return make_shard(self.world, self.config, self.seed, *shard_bounds(self.world, self.config)[number])


def shard_bounds(world: World, config: CorpusConfig) -> list[tuple[int, int]]:
    """Returns (first, last) for every shard: the shard is about the subjects first .. last-1."""
    S = len(world.subjects)
    return [(first, min(first + config.shard_subjects, S)) for first in range(0, S, config.shard_subjects)]


def make_shard(world: World, config: CorpusConfig, seed: int, first: int, last: int) -> Shard:
    """Makes the sentences and documents about the subjects first .. last-1."""
    facts = np.arange(world.first_fact[first], world.first_fact[last], dtype=np.int32)
    rare = rare_facts(world, config, seed)
    drawn = draw_sentences(world, config, seed, facts, rare[facts])
    unjoined = rare | world.only_reported
    untagged = Sentences.together([*drawn, complex_sentences(world, config, seed, facts, unjoined)])
    together = with_reports(world, untagged, facts)
    by_subject = together.where(np.argsort(together.subject, kind="stable"))
    sentences = draw_names(world, seed, by_subject)
    first_sentence = int(sentences_per_subject(world, config, rare)[:first].sum())
    keys = world.subject_keys[first:last]
    shard = Shard(sentences, _documents(config, seed, keys, sentences, first, first_sentence), first_sentence)
    return with_variables(world, shard, first, last)


def sentences_per_subject(world: World, config: CorpusConfig, rare: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Returns the number of sentences about each subject, [S].

    A fact has 2 D sentences, D its number of draws, and those of its reports. A subject has 4 complex sentences for
    each of its facts that is neither rare nor only reported, but at most `complex_per_subject`, and those about its
    variable. `rare` [F] tells for all facts of the world whether they are rare.
    """
    S = len(world.subjects)
    joined = np.bincount(world.subject[~(rare | world.only_reported)], minlength=S)
    drawn = 2 * draws_of(world, config, rare, np.arange(len(world), dtype=np.int32)) + sentences_of_reports(world)
    of_facts = np.bincount(world.subject, weights=drawn, minlength=S).astype(np.int64)
    of_facts += sentences_about_variables(world)
    return of_facts + np.minimum(4 * joined, config.complex_per_subject)


def _documents(
    config: CorpusConfig, seed: int, keys: Words, sentences: Sentences, first: int, first_sentence: int
) -> Documents:
    """Shuffles each subject's sentences and cuts them into documents, `config.shuffles` times.

    `keys` are the keys of the shard's subjects first, first + 1, ... The sentences are numbered from `first_sentence`.
    """
    subject, subjects = sentences.subject, np.arange(first, first + len(keys), dtype=np.int32)
    count = np.bincount(subject - first, minlength=len(keys))
    per_shuffle = -(-count // config.document_sentences)
    length = np.full(int(per_shuffle.sum()), config.document_sentences, dtype=np.int64)
    final = np.cumsum(per_shuffle) - 1
    length[final] = count - (per_shuffle - 1) * config.document_sentences
    order = [np.lexsort((Stream(seed, f"documents {k}").words(keys, count), subject)) for k in range(config.shuffles)]
    return Documents(
        np.tile(np.repeat(subjects, per_shuffle), config.shuffles),
        np.repeat(np.arange(config.shuffles, dtype=np.int32), len(length)),
        row_starts(np.tile(length, config.shuffles)),
        np.concatenate(order).astype(np.int64) + first_sentence,
    )


def write_corpus(recipe: Recipe, store: Store, engine: Engine) -> dict[str, int]:
    """Writes every shard. Returns the numbers of shards, of documents and of sentences of each kind."""
    return rows_of_corpus(write_shards(engine, corpus_files, recipe, range(recipe.shards()), store))


def corpus_files(recipe: Recipe, number: int) -> ShardFiles:
    """Makes the files of one shard."""
    shard = recipe.shard(number)
    return ShardFiles(shard.files(number), rows_of_shard(shard))


def rows_of_shard(shard: Shard) -> dict[str, int]:
    """Returns a shard's numbers of documents, of sentences and of sentences of each kind that there can be."""
    kinds = np.bincount(shard.sentences.kind, minlength=len(Kind))
    by_kind = {kind.name.lower(): int(kinds[kind]) for kind in shard.sentences.possible_kinds()}
    return {"documents": len(shard.documents), "sentences": len(shard.sentences), **by_kind}


def rows_of_corpus(of_shards: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Returns the number of shards and the sums of what `rows_of_shard` returned for each shard."""
    shards = list(of_shards)
    return {"shards": len(shards), **{name: sum(rows[name] for rows in shards) for name in shards[0]}}
