"""Describes a world and its corpus at a glance: sizes beside the paper's, statistics, examples, what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from worldgen.corpus.definition_sentences import SubsetSummary, subset_summaries
from worldgen.corpus.sentences import Shard
from worldgen.corpus.wording import Wording
from worldgen.evaluate.inquiry.world_statistics import (
    PairEntropies,
    Popularity,
    RelationSummary,
    example_sentences,
    pairs_of,
    popularity_of,
    relations_of,
)
from worldgen.graphs.selection import SelectionReport
from worldgen.settings import CorpusConfig, WorldConfig
from worldgen.worlds.aliases import AliasReport
from worldgen.worlds.tagged_sources import SourceSummary
from worldgen.worlds.world import NONE, World

# By how much a size may differ from the paper's, as a share of the paper's.
TOLERANCE: Final = 0.05
# Tables 3 and 6 of the paper; the last size is from appendix A.1 step 3.
PAPER: Final[Mapping[str, float]] = {
    "true atomic facts": 100_000,
    "atomic sentences": 1_000_000,
    "true/false sentences": 1_000_000,
    "and/or/not sentences": 400_000,
    "sentences": 2_400_000,
    "documents": 1_260_000,
    "tokens": 204_000_000,
    "subjects": 47_000,
    "relations": 10,
    "objects": 20_000,
    "share of facts with a known upstream fact": 0.2,
}


@dataclass(frozen=True)
class BuiltWorld:
    """A world with its corpus; the stages up to the corpus made it.

    `corpus_counts` and `tokens` are what the stages counted, `tokens` is None before the corpus is encoded. `aliases`
    is None for a world without aliases.
    """

    world: World
    first_shard: Shard
    corpus_counts: Mapping[str, int]
    tokens: int | None
    selection: SelectionReport
    aliases: AliasReport | None


@dataclass(frozen=True)
class Size:
    """A number of this run beside the paper's.

    `here` is None where the stage is not done. `within` says whether the two differ by at most TOLERANCE of the
    paper's number; it is None for a run that is not of the paper's sizes.
    """

    name: str
    here: float | None
    paper: float
    ratio: float | None
    within: bool | None


@dataclass(frozen=True)
class Description:
    """A world and its corpus at a glance, as `worldgen describe` shows them."""

    paper_sized: bool
    sizes: list[Size]
    relations: list[RelationSummary]
    pairs: list[PairEntropies]
    relations_per_subject: dict[int, int]
    popularity_in_graph: Popularity
    popularity_of_truths: Popularity
    sentences: list[tuple[str, str]]
    document: str
    selection: SelectionReport
    aliases: AliasReport | None
    sources: list[SourceSummary]
    definitions: list[SubsetSummary]

    def as_json(self) -> dict[str, object]:
        """Returns plain values for JSON; the report of a world without aliases is {}."""
        return asdict(self) | {"aliases": asdict(self.aliases) if self.aliases else {}}


def describe(built: BuiltWorld, world_settings: WorldConfig, corpus_settings: CorpusConfig) -> Description:
    """Describes a built world; one with the default settings and no sources or definitions is of the paper's sizes."""
    world = built.world
    of_the_papers_size = world_settings.facts == WorldConfig().facts and corpus_settings == CorpusConfig()
    paper_sized = of_the_papers_size and not len(world.sources) and not len(world.definitions)
    subjects = np.bincount(np.diff(world.first_fact))
    return Description(
        paper_sized=paper_sized,
        sizes=[_size(name, value, paper_sized) for name, value in _sizes_of(built).items()],
        relations=relations_of(world),
        pairs=pairs_of(world),
        relations_per_subject={n: int(count) for n, count in enumerate(subjects) if count},
        popularity_in_graph=popularity_of(world, world.graph_object),
        popularity_of_truths=popularity_of(world, world.truth),
        sentences=example_sentences(world, built.first_shard.sentences),
        document=_first_document(world, built.first_shard),
        selection=built.selection,
        aliases=built.aliases,
        sources=world.sources.summaries(),
        definitions=subset_summaries(world),
    )


def _first_document(world: World, shard: Shard) -> str:
    ids = shard.documents.sentence[: shard.documents.start[1]] - shard.first_sentence
    return " ".join(Wording(world).texts(shard.sentences.where(ids)))


def _sizes_of(built: BuiltWorld) -> dict[str, float | None]:
    """Returns the sizes of a run by their names in PAPER."""
    world, counts = built.world, built.corpus_counts
    return {
        "true atomic facts": len(world),
        "atomic sentences": counts["atom"],
        "true/false sentences": counts["stated"],
        "and/or/not sentences": counts["and"] + counts["or"] + counts["not"],
        "sentences": counts["sentences"],
        "documents": counts["documents"],
        "tokens": built.tokens,
        "subjects": len(world.subjects),
        "relations": len(world.relations),
        "objects": len(world.objects),
        "share of facts with a known upstream fact": float((world.upstream != NONE).mean()),
    }


def _size(name: str, here: float | None, paper_sized: bool) -> Size:
    ratio = None if here is None else here / PAPER[name]
    within = abs(ratio - 1) <= TOLERANCE if paper_sized and ratio is not None else None
    return Size(name, here, PAPER[name], ratio, within)
