"""The sentences of a corpus about one fact, by kind, truth and object, with the weight of each group.

The weights come from `EVIDENCE_TABLE`, as the evidence does: so they add up to the evidence of the fact, and to n[s,r].
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from worldgen.bayes.evidence import EVIDENCE_TABLE, THIRD
from worldgen.corpus.sentences import Kind, Sentences


class WeighedMentions(NamedTuple):
    """All mentions of one object by sentences of one kind and truth, and their weight in observations."""

    kind: Kind
    truth: bool
    object: int
    mentions: int
    weight_for: float
    weight_against: float


def weighed_mentions(sentences: Sentences, fact: int, multiplicity: int) -> list[WeighedMentions]:
    """Returns the mentions of a fact (numbered as in the world), sorted by kind, then true before false, then object.

    Either atom of an "and" / "or" is a mention. Each sentence weighs `multiplicity` times its row of the table. A
    sentence of a kind that is not in the table is left out.
    """
    sentences = sentences.where(np.isin(sentences.kind, list(EVIDENCE_TABLE)))
    mentions: Counter[tuple[int, bool, int]] = Counter()
    atoms = (sentences.fact, sentences.object), (sentences.second_fact, sentences.second_object)
    for atom_fact, atom_object in atoms:
        about = atom_fact == fact
        columns = (sentences.kind[about], sentences.truth[about], atom_object[about])
        mentions.update(zip(*(column.tolist() for column in columns), strict=True))
    ordered = sorted(mentions.items(), key=lambda item: (item[0][0], not item[0][1], item[0][2]))
    return [_weighed(Kind(kind), truth, object_, n, multiplicity) for (kind, truth, object_), n in ordered]


def _weighed(kind: Kind, truth: bool, object_: int, mentions: int, multiplicity: int) -> WeighedMentions:
    thirds = (int(column[0]) for column in EVIDENCE_TABLE[kind](np.array([truth])))
    weight_for, weight_against = (mentions * multiplicity * weight * THIRD for weight in thirds)
    return WeighedMentions(kind, truth, object_, mentions, weight_for, weight_against)
