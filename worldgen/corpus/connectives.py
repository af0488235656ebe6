"""The complex sentences of a corpus: not, and, or. Their labels are always true (paper, appendix A.1 step 3).

A rare fact is in no complex sentence. With one draw instead of ten its share of the four sentences would be less than
half a sentence. And since complex sentences never err, each would tell more about the fact than its draws do. A fact
that is only reported by sources is in none either: nobody vouches for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.randomness import Stream, Words, below
from worldgen.settings import CorpusConfig
from worldgen.worlds.world import World


def complex_sentences(world: World, config: CorpusConfig, seed: int, facts: Ids, rare: NDArray[np.bool_]) -> Sentences:
    """Makes the not, and, or sentences about some facts. A fact has each connective at most once.

    A "not" makes two sentences, one about the truth and one about a false object. `rare` [F] tells for all facts of
    the world whether they are rare.
    """
    fact, kind, words = _chosen_connectives(world, config, seed, facts, rare)
    negated = fact[kind == Kind.NOT]
    denied = world.false_object(negated, words[kind == Kind.NOT, 0])
    subject, true = world.subject[negated], np.ones(len(negated), dtype=bool)
    parts = [
        Sentences.of_one_fact(Kind.NOT, subject, ~true, negated, world.truth[negated]),
        Sentences.of_one_fact(Kind.NOT, subject, true, negated, denied),
    ]
    common = np.flatnonzero(~rare)
    for joint in (Kind.AND, Kind.OR):
        parts.append(_joined(world, joint, fact[kind == joint], common, words[kind == joint]))
    return Sentences.together(parts)


_CONNECTIVES = np.array([Kind.NOT, Kind.AND, Kind.OR], dtype=np.int8)
# The random words of one connective: order, own fact (coin, object), other fact (fact, coin, object), which is first.
_WORDS_A_CONNECTIVE = 7


def _chosen_connectives(
    world: World, config: CorpusConfig, seed: int, facts: Ids, rare: NDArray[np.bool_]
) -> tuple[Ids, NDArray[np.int8], Words]:
    """Chooses connectives in random order, up to the number of sentences that the config asks for.

    Returns (fact, connective, random words without the first) for each.
    """
    words = world.fact_words(Stream(seed, "complex"), facts, 3 * _WORDS_A_CONNECTIVE)[~rare[facts]]
    words, facts = words.reshape(-1, _WORDS_A_CONNECTIVE), facts[~rare[facts]]
    fact, kind = np.repeat(facts, 3), np.tile(_CONNECTIVES, len(facts))
    subject = world.subject[fact]
    order = np.lexsort((words[:, 0], subject))
    fact, kind, words, subject = fact[order], kind[order], words[order], subject[order]
    made = np.where(kind == Kind.NOT, 2, 1)
    made_so_far = _running_sum(made, subject)
    taken = made_so_far <= config.complex_per_subject
    # The requested number is even, and all connectives of a fact make four sentences. So a gap of one sentence is left
    # only by a "not" that would overshoot by one. The next connective of one sentence fills it.
    overshoot = made_so_far == config.complex_per_subject + 1
    gap = np.isin(subject, subject[overshoot & (made == 2)]) & ~taken & (made == 1)
    filler = np.flatnonzero(gap)
    taken[filler[np.unique(subject[filler], return_index=True)[1]]] = True
    return fact[taken], kind[taken], words[taken, 1:]


def _running_sum(values: NDArray[np.integer], group: Ids) -> NDArray[np.int64]:
    """Returns cumulative sums that start again at each run of equal values in `group`."""
    total = np.cumsum(values)
    begins = np.flatnonzero(np.diff(group, prepend=group[:1] - 1))
    before = total[begins] - values[begins]
    return total - np.repeat(before, np.diff(np.append(begins, len(group))))


def _joined(world: World, kind: Kind, fact: Ids, others: NDArray[np.int64], words: Words) -> Sentences:
    """Makes the "and" or the "or" sentences: the fact and a fact of another subject, in random order.

    A coin decides for each of the two whether its object is the truth or false.
    """
    other = fact_of_another_subject(world, world.subject[fact], words[:, 2], others)
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


def fact_of_another_subject(world: World, subject: Ids, words: Words, among: NDArray[np.integer] | None = None) -> Ids:
    """Draws for each subject a fact of another subject, uniformly: [N].

    If the facts are all of one subject, it gets one of its own.
    `among` holds the facts to choose from, in order; None stands for all facts.
    """
    facts = np.arange(len(world)) if among is None else among
    first = np.searchsorted(facts, world.first_fact)
    begin, end = first[subject], first[subject + 1]
    others = len(facts) - (end - begin)
    pick = below(words, np.where(others > 0, others, len(facts)))
    return facts[pick + np.where((pick >= begin) & (others > 0), end - begin, 0)].astype(np.int32)
