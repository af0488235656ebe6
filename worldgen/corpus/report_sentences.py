"""The sentences that say the reports of a world's sources. The reports themselves belong to the world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.worlds.world import NONE, World


def with_reports(world: World, untagged: Sentences, facts: Ids) -> Sentences:
    """Returns the untagged sentences and, after them, those of all reports of some neighbouring facts.

    A report's sentences with the tag left out are ATOMs that keep their source. In a world without sources nothing is
    added.
    """
    if not len(world.sources):
        return untagged
    reports = world.sources.reports
    mine = reports.where(np.arange(*np.searchsorted(reports.fact, (facts[0], facts[-1] + 1))))
    parts = [replace(untagged, source=np.full(len(untagged), NONE, dtype=np.int32))]
    for kind, count in ((Kind.REPORT, mine.tagged), (Kind.ATOM, mine.untagged)):
        fact, source, object_ = (np.repeat(column, count) for column in (mine.fact, mine.source, mine.object))
        claims = np.ones(len(fact), dtype=bool)
        said = Sentences.of_one_fact(kind, world.subject[fact], claims, fact, object_)
        parts.append(replace(said, source=source))
    return Sentences.together(parts)


def sentences_of_reports(world: World) -> NDArray[np.int64]:
    """Returns the number of sentences that say reports of each fact, [F]."""
    reports = world.sources.reports
    count = np.bincount(reports.fact, weights=reports.tagged + reports.untagged, minlength=len(world))
    return count.astype(np.int64)
