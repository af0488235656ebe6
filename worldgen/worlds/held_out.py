"""Held-out combinations: a fact's pairs of a subject alias and a relation synonym that the corpus never says.

Name 0 is the label. A fact whose subject has a aliases and whose relation has b synonyms has a b combinations (i, j),
i = 1 .. a, j = 1 .. b. With x = a b percent / 100, floor(x) of them are held out, and one more with probability
x - floor(x): the combinations whose random words are the least. A pair with a label is never held out.

Shapes: F facts, H combinations held out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, ragged_arange, row_of_entry, row_starts
from worldgen.randomness import Stream, Words, below

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class HeldOut:
    """The held-out combinations (subject_name[h], relation_name[h]) of fact[h], sorted by all three."""

    fact: Ids  # [H]
    subject_name: NDArray[np.int8]  # [H]
    relation_name: NDArray[np.int8]  # [H]

    def __len__(self) -> int:
        return len(self.fact)

    def of(self, fact: int) -> list[tuple[int, int]]:
        """Returns the held-out (subject name, relation name) combinations of one fact."""
        first, last = np.searchsorted(self.fact, [fact, fact + 1])
        return list(zip(self.subject_name[first:last].tolist(), self.relation_name[first:last].tolist(), strict=True))


NOTHING_HELD_OUT = HeldOut(np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(0, np.int8))


def hold_out(seed: int, fact_keys: Words, aliases: Numbers, synonyms: Numbers, percent: int) -> HeldOut:
    """Draws the held-out combinations of every fact: a pure function of (seed, fact's key, a, b, percent).

    A fact's key stands for its (subject, relation), see `worldgen.randomness.keys_of`. `aliases` is a, `synonyms` is b.
    Shapes: fact_keys, aliases and synonyms [F].
    """
    pairs = aliases * synonyms
    # A fact's first word decides how many combinations are held out, the words after it decide which.
    words = Stream(seed, "held out").words(fact_keys, pairs + 1)
    first = row_starts(pairs + 1)[:-1]
    hundredths = pairs * percent
    held = hundredths // 100 + (below(words[first], 100) < hundredths % 100)
    of_pair = np.ones(len(words), dtype=bool)
    of_pair[first] = False
    fact, number = row_of_entry(row_starts(pairs)), ragged_arange(pairs)
    order = np.lexsort((words[of_pair], fact))
    chosen = np.sort(order[number < held[fact]])
    fact, number = fact[chosen], number[chosen]
    return HeldOut(
        fact.astype(np.int32),
        (1 + number // synonyms[fact]).astype(np.int8),
        (1 + number % synonyms[fact]).astype(np.int8),
    )
