"""Which names the sentences use: drawn for every mention, on a stream of their own.

The pair (subject name, relation name) of an atom is uniform over the combinations that are not held out, the
object's name uniform over its names. Since nothing else is drawn from this stream, the facts, objects and truths
of a corpus do not depend on whether its world has aliases.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, ragged_arange, row_starts
from worldgen.corpus.sentences import Sentences
from worldgen.facts import Vocabulary
from worldgen.randomness import Stream, Words, below
from worldgen.worlds.world import NONE, World

# More than any code of a pair: there are at most 101 names.
_CODES = 1 << 14


def named(world: World, seed: int, sentences: Sentences) -> Sentences:
    """The sentences (grouped by subject) with a name drawn for every mention; unchanged in a world without aliases."""
    if not world.has_aliases:
        return sentences
    subjects, count = np.unique(sentences.subject, return_counts=True)
    words = Stream(seed, "names").words(world.subject_keys[subjects], 4 * count).reshape(-1, 4)
    first = _names(world, sentences.fact, sentences.object, words[:, :2])
    second = np.zeros_like(first)
    joined = np.flatnonzero(sentences.second_fact != NONE)
    second[:, joined] = _names(world, sentences.second_fact[joined], sentences.second_object[joined], words[joined, 2:])
    return replace(sentences, names=np.concatenate([first, second]))


def names_of(vocabulary: Vocabulary) -> NDArray[np.int64]:
    """[ids]: how many names each has."""
    return np.diff(vocabulary.first_name)


def _names(world: World, fact: Ids, object_: Ids, words: Words) -> NDArray[np.int8]:
    """[3, N]: the names of subject, relation and object of the atoms, from two words each."""
    subject_name, relation_name = _pairs(world, fact, words[:, 0])
    object_name = below(words[:, 1], names_of(world.objects)[object_])
    return np.stack([subject_name, relation_name, object_name]).astype(np.int8)


def _pairs(world: World, fact: Ids, words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(subject name, relation name) [N] of facts, uniform over what is not held out.

    The code of a pair (i, j) is i b + j, b the relation's number of names. Of a fact's codes held out,
    c_0 < c_1 < ..., the k-th code that may be said is k + the number of h with c_h - h <= k.
    """
    held = world.held_out
    a, b = names_of(world.subjects)[world.subject], names_of(world.relations)[world.relation]
    held_of = np.bincount(held.fact, minlength=len(world))
    before = row_starts(held_of)[:-1]
    code = held.subject_name * b[held.fact] + held.relation_name
    gaps = held.fact.astype(np.int64) * _CODES + code - ragged_arange(held_of)
    k = below(words, (a * b - held_of)[fact])
    code = k + np.searchsorted(gaps, fact.astype(np.int64) * _CODES + k, side="right") - before[fact]
    return code // b[fact], code % b[fact]
