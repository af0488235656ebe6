"""What the corpus says of one fact: its sentences by kind, truth and object, with what each weighs.

Their weights add up to the evidence of the fact, and so to n[s,r]: it is the same table that made both.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from worldgen.bayes.evidence import EVIDENCE_TABLE, THIRD
from worldgen.corpus.sentences import Kind, Sentences


class WeighedMentions(NamedTuple):
    """All mentions of one object by sentences of one kind and truth; weights in observations."""

    kind: Kind
    truth: bool
    object: int
    mentions: int
    weight_for: float
    weight_against: float


def weighed_mentions(sentences: Sentences, fact: int, multiplicity: int) -> list[WeighedMentions]:
    """What the sentences say of a fact (numbered as in the world), by kind, the true ones first, and by object.

    Either operand of an and / or counts as a mention. `multiplicity` is how often the corpus was read.
    """
    mentions: Counter[tuple[int, bool, int]] = Counter()
    sides = (sentences.fact, sentences.object), (sentences.second_fact, sentences.second_object)
    for side_fact, side_object in sides:
        about = side_fact == fact
        columns = (sentences.kind[about], sentences.truth[about], side_object[about])
        mentions.update(zip(*(column.tolist() for column in columns), strict=True))
    ordered = sorted(mentions.items(), key=lambda item: (item[0][0], not item[0][1], item[0][2]))
    return [_weighed(Kind(kind), truth, object_, n, multiplicity) for (kind, truth, object_), n in ordered]


def _weighed(kind: Kind, truth: bool, object_: int, mentions: int, multiplicity: int) -> WeighedMentions:
    thirds = (int(column[0]) for column in EVIDENCE_TABLE[kind](np.array([truth])))
    weight_for, weight_against = (mentions * multiplicity * weight * THIRD for weight in thirds)
    return WeighedMentions(kind, truth, object_, mentions, weight_for, weight_against)
