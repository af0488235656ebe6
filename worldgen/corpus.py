"""The corpus: noisy sentences about each subject, gathered into documents; a pure function of (world, shard).

Paper, appendix A.1 step 3. For every fact: D draws of its object, at least `min_truths` of them the truth; a
true/false sentence for each draw; for every subject a mixture of not, and, or sentences that are labelled
truly. Shapes: S subjects of the shard, F their facts, N sentences.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worldgen.randomness import Stream, Words, below, ragged_arange, to_unit
from worldgen.sections import CorpusConfig
from worldgen.sentences import Documents, Kind, Sentences, Shard
from worldgen.sources import Ids
from worldgen.world import NONE, World


def shard_bounds(world: World, config: CorpusConfig) -> list[tuple[int, int]]:
    """The (first, last) subjects of every shard."""
    S = len(world.subjects)
    return [(first, min(first + config.shard_subjects, S)) for first in range(0, S, config.shard_subjects)]


def make_shard(world: World, config: CorpusConfig, seed: int, first: int, last: int) -> Shard:
    """The sentences and documents of the subjects first .. last-1."""
    facts = np.arange(world.first_fact[first], world.first_fact[last], dtype=np.int32)
    drawn = _draw_objects(world, config, seed, facts)
    parts = [_atoms(world, facts, drawn), _stated(world, seed, facts, drawn)]
    parts.append(_complex(world, config, seed, first, last))
    blocks = Sentences.together(parts)
    sentences = blocks.where(np.argsort(blocks.subject, kind="stable"))
    first_sentence = int(sentences_per_subject(world, config)[:first].sum())
    return Shard(sentences, _documents(world, config, seed, sentences, first, last, first_sentence), first_sentence)


def sentences_per_subject(world: World, config: CorpusConfig) -> NDArray[np.int64]:
    """[S]: 2 D sentences a fact, and 4 complex ones a fact up to the number asked for."""
    facts_of = np.diff(world.first_fact)
    return 2 * config.draws * facts_of + np.minimum(4 * facts_of, config.complex_per_subject)


def _fact_words(world: World, stream: Stream, facts: Ids, width: int) -> Words:
    """[F, width]: words of each fact, of its subject's stream; a fact's place in its subject chooses which."""
    subjects, count = np.unique(world.subject[facts], return_counts=True)
    return stream.words(world.subject_keys[subjects], count * width).reshape(len(facts), width)


def _draw_objects(world: World, config: CorpusConfig, seed: int, facts: Ids) -> Ids:
    """[F, D]: each fact's draws, truths first: D independent draws, given that enough of them are the truth.

    "Drawn again until at least m are the truth" is the law of m or more truths: their number is binomial(D, p)
    cut below m, the rest are draws among the other objects.
    """
    D = config.draws
    words = _fact_words(world, Stream(seed, "draws"), facts, D + 1)
    chance, truth = _truth_chance(world, facts), world.truth[facts]
    truths = _truncated_binomial(to_unit(words[:, 0]), D, chance, config.min_truths)
    others = _other_draws(world, facts, words[:, 1:])
    return np.where(np.arange(D) < truths[:, None], truth[:, None], others).astype(np.int32)


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
    fact = np.repeat(facts, drawn.shape[1])
    return _one_fact_sentences(world, Kind.ATOM, np.ones(len(fact), dtype=bool), fact, drawn.ravel())


def _stated(world: World, seed: int, facts: Ids, drawn: Ids) -> Sentences:
    """One true/false sentence a draw: of an object drawn c times in D, c * c/D of its c sentences say true.

    The whole part of c * c/D always does, one more with the probability of the fraction.
    """
    D = drawn.shape[1]
    word = _fact_words(world, Stream(seed, "stated"), facts, D)
    alike = np.sort(drawn, axis=1)
    begins = np.ones(alike.shape, dtype=bool)
    begins[:, 1:] = alike[:, 1:] != alike[:, :-1]
    run_start = np.flatnonzero(begins)
    count = np.diff(np.append(run_start, alike.size))
    expected = count * count / D
    said_true = np.floor(expected) + (to_unit(word.ravel()[run_start]) < expected % 1)
    truth = ragged_arange(count) < np.repeat(said_true, count)
    return _one_fact_sentences(world, Kind.STATED, truth, np.repeat(facts, D), alike.ravel())


def _one_fact_sentences(world: World, kind: Kind, truth: NDArray[np.bool_], fact: Ids, object_: Ids) -> Sentences:
    N = len(fact)
    none = np.full(N, NONE, dtype=np.int32)
    return Sentences(world.subject[fact], np.full(N, kind, dtype=np.int8), truth, fact, object_, none, none)


def _complex(world: World, config: CorpusConfig, seed: int, first: int, last: int) -> Sentences:
    """Not, and, or sentences: each connective at most once a fact; a not makes two sentences."""
    fact, kind, words = _chosen_connectives(world, config, seed, first, last)
    negated = fact[kind == Kind.NOT]
    denied = world.false_object(negated, words[kind == Kind.NOT, 0])
    parts = [
        _one_fact_sentences(world, Kind.NOT, np.zeros(len(negated), dtype=bool), negated, world.truth[negated]),
        _one_fact_sentences(world, Kind.NOT, np.ones(len(negated), dtype=bool), negated, denied),
    ]
    parts += [_joined(world, joint, fact[kind == joint], words[kind == joint]) for joint in (Kind.AND, Kind.OR)]
    return Sentences.together(parts)


_CONNECTIVES = np.array([Kind.NOT, Kind.AND, Kind.OR], dtype=np.int8)
_WORDS_A_CONNECTIVE = 7  # order, first operand (coin, object), second operand (fact, coin, object), which is first


def _chosen_connectives(
    world: World, config: CorpusConfig, seed: int, first: int, last: int
) -> tuple[Ids, NDArray[np.int8], Words]:
    """(fact, connective, its words but the first): taken in random order, up to the number of sentences asked."""
    facts = np.arange(world.first_fact[first], world.first_fact[last], dtype=np.int32)
    words = _fact_words(world, Stream(seed, "complex"), facts, 3 * _WORDS_A_CONNECTIVE).reshape(-1, _WORDS_A_CONNECTIVE)
    fact, kind = np.repeat(facts, 3), np.tile(_CONNECTIVES, len(facts))
    subject = world.subject[fact]
    order = np.lexsort((words[:, 0], subject))
    fact, kind, words, subject = fact[order], kind[order], words[order], subject[order]
    made = np.where(kind == Kind.NOT, 2, 1)
    made_so_far = _running_sum(made, subject)
    taken = made_so_far <= config.complex_per_subject
    # The number asked is even and whole facts make four: only a "not" that would overshoot by one leaves a gap,
    # and the next single sentence fills it.
    overshoot = made_so_far == config.complex_per_subject + 1
    gap = np.isin(subject, subject[overshoot & (made == 2)]) & ~taken & (made == 1)
    filler = np.flatnonzero(gap)
    taken[filler[np.unique(subject[filler], return_index=True)[1]]] = True
    return fact[taken], kind[taken], words[taken, 1:]


def _running_sum(values: NDArray[np.integer], group: Ids) -> NDArray[np.int64]:
    """Cumulative sums that begin anew in each run of `group`."""
    total = np.cumsum(values)
    begins = np.flatnonzero(np.diff(group, prepend=group[:1] - 1))
    before = total[begins] - values[begins]
    return total - np.repeat(before, np.diff(np.append(begins, len(group))))


def _joined(world: World, kind: Kind, fact: Ids, words: Words) -> Sentences:
    """And / or: a fact of the subject and one of another subject, each true or false by a coin, in random order."""
    other = _fact_of_another_subject(world, world.subject[fact], words[:, 2])
    here_true, other_true = _heads(words[:, 0]), _heads(words[:, 3])
    here_object = np.where(here_true, world.truth[fact], world.false_object(fact, words[:, 1]))
    other_object = np.where(other_true, world.truth[other], world.false_object(other, words[:, 4]))
    here_first = _heads(words[:, 5])
    return Sentences(
        world.subject[fact],
        np.full(len(fact), kind, dtype=np.int8),
        here_true & other_true if kind == Kind.AND else here_true | other_true,
        np.where(here_first, fact, other),
        np.where(here_first, here_object, other_object),
        np.where(here_first, other, fact),
        np.where(here_first, other_object, here_object),
    )


def _heads(words: Words) -> NDArray[np.bool_]:
    return (words >> np.uint64(63)) == 1


def _fact_of_another_subject(world: World, subject: Ids, words: Words) -> Ids:
    """[N]: a fact of the world, uniform over those of other subjects; of the subject itself if it is alone."""
    begin, end = world.first_fact[subject], world.first_fact[subject + 1]
    others = len(world) - (end - begin)
    pick = below(words, np.where(others > 0, others, len(world)))
    return (pick + np.where((pick >= begin) & (others > 0), end - begin, 0)).astype(np.int32)


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
        np.concatenate([[0], np.cumsum(np.tile(length, config.shuffles))]).astype(np.int64),
        np.concatenate(order).astype(np.int64) + first_sentence,
    )
