"""The corpus: noisy sentences about each subject, gathered into documents; a pure function of (world, shard).

Paper, appendix A.1 step 3. For every fact: D draws of its object, at least `min_truths` of them the truth; a
true/false sentence for each draw; for every subject a mixture of not, and, or sentences that are labelled
truly (`worldgen.corpus.connectives`). A rare fact, where the config wants some, has fewer draws and none of the latter.
Shapes: S subjects of the shard, F their facts, N sentences.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, ragged_arange, row_starts
from worldgen.corpus.connectives import complex_sentences
from worldgen.corpus.mentions import named
from worldgen.corpus.sentences import Documents, Kind, Sentences, Shard
from worldgen.randomness import Stream, Words, below, to_unit
from worldgen.settings import CorpusConfig
from worldgen.worlds.world import NONE, World


def shard_bounds(world: World, config: CorpusConfig) -> list[tuple[int, int]]:
    """The (first, last) subjects of every shard."""
    S = len(world.subjects)
    return [(first, min(first + config.shard_subjects, S)) for first in range(0, S, config.shard_subjects)]


def make_shard(world: World, config: CorpusConfig, seed: int, first: int, last: int) -> Shard:
    """The sentences and documents of the subjects first .. last-1."""
    facts = np.arange(world.first_fact[first], world.first_fact[last], dtype=np.int32)
    rare = rare_facts(world, config, seed)
    drawn = _draw_objects(world, config, seed, facts, rare[facts])
    parts = [_atoms(world, facts, drawn), _stated(world, seed, facts, drawn)]
    parts.append(complex_sentences(world, config, seed, facts, rare))
    blocks = Sentences.together(parts)
    sentences = named(world, seed, blocks.where(np.argsort(blocks.subject, kind="stable")))
    first_sentence = int(sentences_per_subject(world, config, rare)[:first].sum())
    return Shard(sentences, _documents(world, config, seed, sentences, first, last, first_sentence), first_sentence)


def rare_facts(world: World, config: CorpusConfig, seed: int) -> NDArray[np.bool_]:
    """Which of all the world's facts are rare: each with the chance `rare_percent`, by a word of its own."""
    if not config.rare_percent:
        return np.zeros(len(world), dtype=bool)
    words = world.fact_words(Stream(seed, "rare"), np.arange(len(world)), 1)[:, 0]
    return below(words, 100) < config.rare_percent


def sentences_per_subject(world: World, config: CorpusConfig, rare: NDArray[np.bool_]) -> NDArray[np.int64]:
    """[S]: 2 D sentences a fact, and 4 complex ones a fact that is not rare up to the number asked for."""
    facts_of, S = np.diff(world.first_fact), len(world.subjects)
    rare_of = np.bincount(world.subject[rare], minlength=S)
    draws = config.draws * (facts_of - rare_of) + config.rare_draws * rare_of
    return 2 * draws + np.minimum(4 * (facts_of - rare_of), config.complex_per_subject)


def _draw_objects(world: World, config: CorpusConfig, seed: int, facts: Ids, rare: NDArray[np.bool_]) -> Ids:
    """[F, D]: each fact's draws, truths first: D independent draws, given that enough of them are the truth.

    "Drawn again until at least m are the truth" is the law of m or more truths: their number is binomial(D, p)
    cut below m, the rest are draws among the other objects. A rare fact has d = `rare_draws`, at least ceil(m d / D)
    of them the truth, and NONE in the places after them.
    """
    D, d, m = config.draws, config.rare_draws, config.min_truths
    words = world.fact_words(Stream(seed, "draws"), facts, D + 1)
    chance, truth = _truth_chance(world, facts), world.truth[facts]
    truths = np.empty(len(facts), dtype=np.int64)
    for kind, draws, least in ((~rare, D, m), (rare, d, -(-m * d // D))):
        truths[kind] = _truncated_binomial(to_unit(words[kind, 0]), draws, chance[kind], least)
    others = _other_draws(world, facts, words[:, 1:])
    place = np.arange(D)
    others[place >= np.where(rare, d, D)[:, None]] = NONE
    return np.where(place < truths[:, None], truth[:, None], others).astype(np.int32)


def _truth_chance(world: World, facts: Ids) -> NDArray[np.float64]:
    row, table = world.row[facts], world.conditionals
    chance = world.percent[facts] / 100
    down = row != NONE
    chance[down] = table.weight[table.mode_entry[row[down]]] / table.total[row[down]]
    return chance


def _truncated_binomial(u: NDArray[np.float64], D: int, p: NDArray[np.float64], least: int) -> NDArray[np.int64]:
    """[F]: the quantile u of binomial(D, p) given that it is at least `least`, by inversion."""
    # Powers by products, which every machine rounds alike; a library's power need not.
    powers = [np.cumprod(np.concatenate([np.ones((len(p), 1)), np.repeat(q[:, None], D, 1)], 1), 1) for q in (p, 1 - p)]
    successes = np.arange(least, D + 1)
    ways = np.array([math.comb(D, k) for k in successes], dtype=np.float64)
    mass = ways * powers[0][:, successes] * powers[1][:, D - successes]
    below_each = np.cumsum(mass, axis=1)
    return least + (u[:, None] * below_each[:, -1:] >= below_each[:, :-1]).sum(axis=1)


def _other_draws(world: World, facts: Ids, words: Words) -> Ids:
    """[F, D]: objects that are not the truth: the distractor, or entries of the row with its mode left out."""
    table, row = world.conditionals, world.row[facts]
    others = np.repeat(world.distractor[facts][:, None], words.shape[1], axis=1)
    down = np.flatnonzero(row != NONE)
    if not len(down):
        return others
    c = row[down][:, None]
    mode, begin = table.mode_entry[c], table.cumulative[table.start[c]]
    rest = table.total[c] - table.weight[mode]
    target = begin + below(words[down], np.maximum(rest, 1))
    # Targets at or after the mode's stretch of the cumulative weights jump over it.
    target += np.where(target >= table.cumulative[mode], table.weight[mode], 0)
    entry = np.searchsorted(table.cumulative, target, side="right") - 1
    # A row with no other entry is never asked: its truth has chance 1.
    others[down] = np.where(rest > 0, table.object[np.minimum(entry, len(table.object) - 1)], table.object[mode])
    return others


def _atoms(world: World, facts: Ids, drawn: Ids) -> Sentences:
    said = drawn != NONE
    fact = np.repeat(facts, said.sum(axis=1))
    return Sentences.of_one_fact(Kind.ATOM, world.subject[fact], np.ones(len(fact), dtype=bool), fact, drawn[said])


def _stated(world: World, seed: int, facts: Ids, drawn: Ids) -> Sentences:
    """One true/false sentence a draw: of an object drawn c times in D, c * c/D of its c sentences say true.

    The whole part of c * c/D always does, one more with the probability of the fraction.
    """
    words = world.fact_words(Stream(seed, "stated"), facts, drawn.shape[1])
    draws = (drawn != NONE).sum(axis=1)
    alike = np.sort(drawn, axis=1)
    begins = np.ones(alike.shape, dtype=bool)
    begins[:, 1:] = alike[:, 1:] != alike[:, :-1]
    run_start = np.flatnonzero(begins)
    count = np.diff(np.append(run_start, alike.size))
    expected = count * count / draws[run_start // drawn.shape[1]]
    said_true = np.floor(expected) + (to_unit(words.ravel()[run_start]) < expected % 1)
    truth = ragged_arange(count) < np.repeat(said_true, count)
    said = alike != NONE
    fact = np.repeat(facts, draws)
    return Sentences.of_one_fact(Kind.STATED, world.subject[fact], truth[said.ravel()], fact, alike[said])


def _documents(
    world: World, config: CorpusConfig, seed: int, sentences: Sentences, first: int, last: int, first_sentence: int
) -> Documents:
    """Each subject's sentences shuffled and cut into documents, `shuffles` times over."""
    subjects = np.arange(first, last, dtype=np.int32)
    count = np.bincount(sentences.subject - first, minlength=last - first)
    keys = world.subject_keys[first:last]
    per_shuffle = -(-count // config.document_sentences)
    length = np.full(int(per_shuffle.sum()), config.document_sentences, dtype=np.int64)
    final = np.cumsum(per_shuffle) - 1
    length[final] = count - (per_shuffle - 1) * config.document_sentences
    order = [
        np.lexsort((Stream(seed, f"documents {k}").words(keys, count), sentences.subject))
        for k in range(config.shuffles)
    ]
    return Documents(
        np.tile(np.repeat(subjects, per_shuffle), config.shuffles),
        np.repeat(np.arange(config.shuffles, dtype=np.int32), len(length)),
        row_starts(np.tile(length, config.shuffles)),
        np.concatenate(order).astype(np.int64) + first_sentence,
    )
