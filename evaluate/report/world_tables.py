"""The part of the page about the world: relations, dependent pairs, popularity, and sentences of the corpus."""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from markupsafe import Markup

from worldgen.corpus.sentences import Sentences
from worldgen.evaluate.inquiry.world_statistics import (
    PairEntropies,
    RelationSummary,
    example_sentences,
    facts_per_object,
    pairs_of,
    relations_of,
)
from worldgen.evaluate.report.figures.popularity import draw_popularity
from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.worlds.world import World

_KIND_WORDS: Final = {"atom": "bare facts", "stated": "true or false", "not": "not", "and": "and", "or": "or"}
_REPORT_WORDS: Final = {"report": "of a source, by its tag"}
_DEFINITION_WORDS: Final = {"definition": "what a variable stands for", "question": "facts under a variable"}


class WorldTables(NamedTuple):
    """The world on the page; `kinds` are the kinds of sentences in words, `sentences` examples as (kind, text)."""

    relations: list[RelationSummary]
    pairs: list[PairEntropies]
    popularity: Markup
    kinds: dict[str, str]
    sentences: list[tuple[str, str]]


def world_tables(world: World, sentences: Sentences | None, figures: FigureFolder) -> WorldTables:
    """Returns the part of the page about the world; it has no example sentences where there is no corpus."""
    described = "Facts that name an object against the rank of the object, both logarithmic"
    draw = partial(draw_popularity, facts=facts_per_object(world.graph_object))
    return WorldTables(
        relations=relations_of(world),
        pairs=pairs_of(world),
        popularity=figures.add("popularity", described, (9.6, 2.9), draw),
        kinds=_KIND_WORDS
        | (_REPORT_WORDS if len(world.sources) else {})
        | (_DEFINITION_WORDS if len(world.definitions) else {}),
        sentences=example_sentences(world, sentences) if sentences is not None else [],
    )
