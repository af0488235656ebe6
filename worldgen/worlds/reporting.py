"""Draws the sources of a world: their tags, the facts that they report, and what they say.

Nothing else of the world changes, because each step has a random stream of its own. The design is balanced: in each
part of the facts every source has the same number of reports, of sentences, and of sentences whose tag is left out.

Shapes: F facts, K sources, k of them with reports of their own (not copiers), N reports.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, ragged_arange
from worldgen.errors import UserError
from worldgen.facts import Vocabulary
from worldgen.randomness import Stream, Words, generator, keys_of, to_unit
from worldgen.settings import SourcesConfig
from worldgen.unspeakable import words_of
from worldgen.worlds.random_words import random_words
from worldgen.worlds.tagged_sources import Part, Reports, TaggedSources
from worldgen.worlds.world import World, another_object


def with_sources(world: World, config: SourcesConfig, seed: int) -> World:
    """Returns the world with the sources that the config asks for; nothing else of it changes.

    Raises UserError if there are fewer tags than sources, and if a part has fewer facts than it has sources.
    """
    own, original = len(config.reliabilities), np.array(config.originals, dtype=np.int32)
    part = np.full(len(world), Part.UNREPORTED, dtype=np.int8)
    order = np.argsort(world.fact_words(Stream(seed, "reported facts"), np.arange(len(world)), 1)[:, 0], kind="stable")
    asked = {
        Part.CALIBRATION: (config.calibration_percent, own - config.newcomers),
        Part.REPORT: (config.report_percent, own),
    }
    said = []
    for which, (percent, sources) in asked.items():
        facts, order = _take(order, percent, sources, len(world))
        part[facts] = which
        said.append(_reporters(facts, sources, config.reporters, Stream(seed, f"reporters {which.name}")))
    own_fact, own_source = np.concatenate(said, axis=1)
    fact, source = _with_copiers(own_fact, own_source, original)
    reliability = np.array(config.reliabilities)[original]
    liar = np.isin(np.arange(len(original)), config.liars)
    object_ = _objects(world, seed, fact, original[source], reliability, liar)
    left_out = _left_out(config, seed, part[fact] == Part.CALIBRATION, source)
    reports = Reports(
        fact, source, object_, object_ != world.truth[fact], (config.sentences - left_out).astype(np.int32), left_out
    )
    names = words_of(world.lexicon.subjects | world.lexicon.relations | world.lexicon.objects)
    draw, K = generator(seed, "tags"), len(original)
    words = random_words(draw, K, config.tag_letters, names, "sources need a tag each", "sources.tag_letters")
    tags = Vocabulary("source", words)
    return replace(world, sources=TaggedSources(tags, reliability, liar, original, config.place, part, reports))


def _take(order: NDArray[np.int64], percent: int, sources: int, F: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the first facts of an order and the rest: `percent` of F, down to a multiple of the number of sources."""
    count = F * percent // 100
    if percent and count < sources:
        raise UserError(
            f"{percent}% of {F} facts are {count}, too few for a report by each of {sources} sources: "
            f"raise world.facts or the percents of sources"
        )
    count -= count % sources if sources else 0
    return order[:count], order[count:]


def _reporters(facts: NDArray[np.int64], sources: int, each: int, stream: Stream) -> NDArray[np.int64]:
    """Returns (fact, source) [2, N] of the reports: `each` different sources for a fact, equally many for a source.

    So many facts as there are sources make a block. The sources are put in a random order, a new one for each block;
    fact i of the block is reported by the places i, i + 1, ... of it, in a circle.
    """
    blocks = len(facts) // sources if sources else 0
    words = stream.words(np.arange(blocks, dtype=np.uint64), np.full(blocks, sources)).reshape(blocks, sources)
    order = np.argsort(words, axis=1, kind="stable")
    place = (np.arange(sources)[:, None] + np.arange(each)) % max(sources, 1)
    return np.stack([np.repeat(facts, each), order[:, place].reshape(-1)])


def _with_copiers(fact: NDArray[np.int64], source: NDArray[np.int64], original: Ids) -> tuple[Ids, Ids]:
    """Returns (fact, source) of all reports, those of the copiers among them, sorted by both."""
    says = [np.flatnonzero(original == k) for k in range(len(original))]  # who says the reports of source k
    count = np.array([len(copiers) for copiers in says])[source]
    first = np.cumsum([0, *(len(copiers) for copiers in says)])[source]
    speaker = np.concatenate(says)[np.repeat(first, count) + ragged_arange(count)]
    fact = np.repeat(fact, count)
    rows = np.lexsort((speaker, fact))
    return fact[rows].astype(np.int32), speaker[rows].astype(np.int32)


def _objects(
    world: World, seed: int, fact: Ids, source: Ids, reliability: NDArray[np.float64], liar: NDArray[np.bool_]
) -> Ids:
    """Returns the object that each report names, [N]; the reports' sources must be no copiers.

    It is the truth with the source's reliability, else another object of the relation's range: uniform and new for
    each fact, or, for a liar, uniform and the same for each fact of the relation with this truth.
    """
    objects = np.empty(len(fact), dtype=np.int32)
    for k in np.unique(source).tolist():
        rows = np.flatnonzero(source == k)
        facts = fact[rows]
        words = world.fact_words(Stream(seed, f"reports {k}"), np.arange(len(world)), 2)[facts]
        wrong = words[:, 1] if not liar[k] else _table_of_lies(world, Stream(seed, f"lies {k}"), facts)
        lie = another_object(world.ranges, world.relation[facts], world.truth[facts], wrong)
        objects[rows] = np.where(to_unit(words[:, 0]) < reliability[k], world.truth[facts], lie)
    return objects


def _table_of_lies(world: World, stream: Stream, facts: Ids) -> Words:
    """Returns for each fact the random word of its relation and truth, [N]."""
    truths, place = np.unique(world.truth[facts], return_inverse=True)
    R = len(world.relations)
    words = stream.words(keys_of(world.objects[o] for o in truths.tolist()), np.full(len(truths), R)).reshape(-1, R)
    return words[place, world.relation[facts]]


def _left_out(config: SourcesConfig, seed: int, calibrates: NDArray[np.bool_], source: Ids) -> Ids:
    """Returns how many sentences of each report leave their tag out, [N].

    Of a source's n sentences about calibration facts, cooldown_percent n / 100 do, rounded to the nearest (a half up):
    those with the least random numbers. A source has a random number for each sentence.
    """
    left_out = np.zeros(len(source), dtype=np.int32)
    for k in np.unique(source).tolist():
        rows = np.flatnonzero(calibrates & (source == k))
        report = np.repeat(rows, config.sentences)
        chosen = np.argsort(generator(seed, f"cooldown {k}").random(len(report)), kind="stable")
        count = (config.cooldown_percent * len(report) + 50) // 100
        left_out += np.bincount(report[chosen[:count]], minlength=len(source)).astype(np.int32)
    return left_out
