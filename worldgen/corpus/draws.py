"""The draws of every fact's object, and the sentences that state them.

Paper, appendix A.1 step 3. For every fact the corpus draws its object D times; at least `min_truths` of the draws are
the truth. Each draw makes a bare sentence and a true/false sentence. A rare fact, if the config wants any, has fewer
draws, and a fact that is only reported by sources has none.
Shapes: F facts, D draws of a fact (NONE in the unused places of a fact with fewer draws).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, ragged_arange
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.randomness import Stream, Words, below, to_unit
from worldgen.settings import CorpusConfig
from worldgen.worlds.world import NONE, World


def rare_facts(world: World, config: CorpusConfig, seed: int) -> NDArray[np.bool_]:
    """Returns for each fact of the world whether it is rare. Each is, with the chance `rare_percent`: [F]."""
    if not config.rare_percent:
        return np.zeros(len(world), dtype=bool)
    words = world.fact_words(Stream(seed, "rare"), np.arange(len(world)), 1)[:, 0]
    return below(words, 100) < config.rare_percent


def draws_of(world: World, config: CorpusConfig, rare: NDArray[np.bool_], facts: Ids) -> NDArray[np.int64]:
    """Returns the number of draws of each fact, [F]; `rare` [F] tells for each of them whether it is rare."""
    draws = np.where(rare, config.rare_draws, config.draws)
    draws[world.only_reported[facts]] = 0
    return draws


def draw_sentences(
    world: World, config: CorpusConfig, seed: int, facts: Ids, rare: NDArray[np.bool_]
) -> tuple[Sentences, Sentences]:
    """Draws the objects of some subjects' facts. Returns the bare sentences and the true/false sentences.

    `rare` [F] tells for each of `facts` [F] whether it is rare.
    """
    drawn = _draw_objects(world, config, seed, facts, rare)
    return _atoms(world, facts, drawn), _stated(world, seed, facts, drawn)


def _draw_objects(world: World, config: CorpusConfig, seed: int, facts: Ids, rare: NDArray[np.bool_]) -> Ids:
    """Returns each fact's draws, the truths first: [F, D].

    The law is D independent draws, given that at least m = `min_truths` of them are the truth (the paper draws again
    until they are). So the number of truths is binomial(D, p) given that it is at least m, and the rest are draws among
    the other objects. A rare fact has d = `rare_draws` draws, of which at least ceil(m d / D) are the truth, and NONE
    in the other places; a fact that is only reported has NONE everywhere.
    """
    D, d, m = config.draws, config.rare_draws, config.min_truths
    words = world.fact_words(Stream(seed, "draws"), facts, D + 1)
    chance, truth = _truth_chance(world, facts), world.truth[facts]
    truths = np.empty(len(facts), dtype=np.int64)
    for kind, draws, least in ((~rare, D, m), (rare, d, -(-m * d // D))):
        truths[kind] = _truncated_binomial(to_unit(words[kind, 0]), draws, chance[kind], least)
    others = _other_draws(world, facts, words[:, 1:])
    place, wanted = np.arange(D), draws_of(world, config, rare, facts)
    others[place >= wanted[:, None]] = NONE
    truths[wanted == 0] = 0
    return np.where(place < truths[:, None], truth[:, None], others).astype(np.int32)


def _truth_chance(world: World, facts: Ids) -> NDArray[np.float64]:
    """Returns p(truth | s, r) of each fact: [F]."""
    row, table = world.row[facts], world.conditionals
    chance = world.percent[facts] / 100
    down = row != NONE
    chance[down] = table.weight[table.mode_entry[row[down]]] / table.total[row[down]]
    return chance


def _truncated_binomial(u: NDArray[np.float64], D: int, p: NDArray[np.float64], least: int) -> NDArray[np.int64]:
    """Returns the quantile u of binomial(D, p), given that it is at least `least`, by inversion: [F]."""
    # Powers are worked out as products, which every machine rounds alike; library powers may differ.
    powers = [np.cumprod(np.concatenate([np.ones((len(p), 1)), np.repeat(q[:, None], D, 1)], 1), 1) for q in (p, 1 - p)]
    successes = np.arange(least, D + 1)
    ways = np.array([math.comb(D, k) for k in successes], dtype=np.float64)
    mass = ways * powers[0][:, successes] * powers[1][:, D - successes]
    below_each = np.cumsum(mass, axis=1)
    return least + (u[:, None] * below_each[:, -1:] >= below_each[:, :-1]).sum(axis=1)


def _other_draws(world: World, facts: Ids, words: Words) -> Ids:
    """Draws objects that are not the truth: the distractor, or entries of the row without its mode. [F, D]."""
    table, row = world.conditionals, world.row[facts]
    others = np.repeat(world.distractor[facts][:, None], words.shape[1], axis=1)
    down = np.flatnonzero(row != NONE)
    if not len(down):
        return others
    c = row[down][:, None]
    mode, begin = table.mode_entry[c], table.cumulative[table.start[c]]
    rest = table.total[c] - table.weight[mode]
    target = begin + below(words[down], np.maximum(rest, 1))
    # The target counts the weights without the mode's; from the mode on, its weight is added.
    target += np.where(target >= table.cumulative[mode], table.weight[mode], 0)
    entry = np.searchsorted(table.cumulative, target, side="right") - 1
    # Of a row with a single entry no draw is used: its truth has chance 1.
    others[down] = np.where(rest > 0, table.object[np.minimum(entry, len(table.object) - 1)], table.object[mode])
    return others


def _atoms(world: World, facts: Ids, drawn: Ids) -> Sentences:
    """Returns a bare sentence for each draw."""
    said = drawn != NONE
    fact = np.repeat(facts, said.sum(axis=1))
    return Sentences.of_one_fact(Kind.ATOM, world.subject[fact], np.ones(len(fact), dtype=bool), fact, drawn[said])


def _stated(world: World, seed: int, facts: Ids, drawn: Ids) -> Sentences:
    """Returns a true/false sentence for each draw.

    If an object is drawn c times in D draws, x = c * c/D of its c sentences say "true": floor(x) of them, and one more
    with probability x - floor(x).
    """
    words = world.fact_words(Stream(seed, "stated"), facts, drawn.shape[1])
    draws = (drawn != NONE).sum(axis=1)
    divisor = np.maximum(draws, 1)  # a fact without draws has no sentence below
    alike = np.sort(drawn, axis=1)
    begins = np.ones(alike.shape, dtype=bool)
    begins[:, 1:] = alike[:, 1:] != alike[:, :-1]
    run_start = np.flatnonzero(begins)
    count = np.diff(np.append(run_start, alike.size))
    expected = count * count / divisor[run_start // drawn.shape[1]]
    said_true = np.floor(expected) + (to_unit(words.ravel()[run_start]) < expected % 1)
    truth = ragged_arange(count) < np.repeat(said_true, count)
    said = alike != NONE
    fact = np.repeat(facts, draws)
    return Sentences.of_one_fact(Kind.STATED, world.subject[fact], truth[said.ravel()], fact, alike[said])
