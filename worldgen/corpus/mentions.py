"""Draws the names that the sentences use, one for every mention.

The pair (subject name, relation name) of an atom is uniform over the combinations that are not held out; the object's
name is uniform over its names. The names have a random stream of their own, so the facts, objects and truths of a
corpus do not depend on whether its world has aliases.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, ragged_arange, row_starts
from worldgen.corpus.sentences import Sentences
from worldgen.randomness import Stream, Words, below
from worldgen.worlds.world import NONE, World

# More than the code of any pair of names: there are at most 101 x 101.
_CODES = 1 << 14


def draw_names(world: World, seed: int, sentences: Sentences) -> Sentences:
    """Returns the sentences with a name drawn for every mention; in a world without aliases, unchanged.

    The sentences must be grouped by subject.
    """
    if not world.has_aliases:
        return sentences
    subjects, count = np.unique(sentences.subject, return_counts=True)
    words = Stream(seed, "names").words(world.subject_keys[subjects], 4 * count).reshape(-1, 4)
    first = _names(world, sentences.fact, sentences.object, words[:, :2])
    second = np.zeros_like(first)
    joined = np.flatnonzero(sentences.second_fact != NONE)
    second[:, joined] = _names(world, sentences.second_fact[joined], sentences.second_object[joined], words[joined, 2:])
    return replace(sentences, names=np.concatenate([first, second]))


def _names(world: World, fact: Ids, object_: Ids, words: Words) -> NDArray[np.int8]:
    """Returns the names of the atoms' subjects, relations and objects, from two words for each atom: [3, N]."""
    subject_name, relation_name = _pairs_of_names(world, fact, words[:, 0])
    object_name = below(words[:, 1], world.objects.name_counts[object_])
    return np.stack([subject_name, relation_name, object_name]).astype(np.int8)


def _pairs_of_names(world: World, fact: Ids, words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns (subject name, relation name) for each fact, uniform over the pairs that are not held out: [N] each.

    The code of a pair (i, j) is i b + j, where b is the relation's number of names. If c_0 < c_1 < ... are the fact's
    held-out codes, the k-th code that is not held out is k + (the number of h with c_h - h <= k).
    """
    held = world.held_out
    a, b = world.subjects.name_counts[world.subject], world.relations.name_counts[world.relation]
    held_of = np.bincount(held.fact, minlength=len(world))
    before = row_starts(held_of)[:-1]
    code = held.subject_name * b[held.fact] + held.relation_name
    gaps = held.fact.astype(np.int64) * _CODES + code - ragged_arange(held_of)
    k = below(words, (a * b - held_of)[fact])
    code = k + np.searchsorted(gaps, fact.astype(np.int64) * _CODES + k, side="right") - before[fact]
    return code // b[fact], code % b[fact]
