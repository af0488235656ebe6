"""Small worlds with aliases: told by hand, and drawn with names that the language could misread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import worlds
from hostile_names import HOSTILE_WORDS, LONG, STRANGE_LETTERS, labels_of, speakable
from hypothesis import strategies as st

from worldgen.corpus.recipe import make_shard
from worldgen.corpus.sentences import Shard
from worldgen.facts import Vocabulary
from worldgen.settings import CorpusConfig, WorldConfig
from worldgen.worlds.aliases import AliasReport, with_aliases
from worldgen.worlds.conditionals import Conditionals
from worldgen.worlds.world import NONE, World

Named = Mapping[str, Sequence[str]]


def world_of(subjects: Named, relations: Named, objects: Named, same: bool = False) -> World:
    """A world that knows every subject's fact of every relation. The dictionaries are label -> aliases.

    With `same`, the subject and the object of one place are one entity.
    """
    S, R = len(subjects), len(relations)
    none = np.full(S * R, NONE, dtype=np.int32)
    columns = dict.fromkeys(("row", "dependency", "upstream_object", "object"), np.zeros(0, dtype=np.int32))
    return World(
        vocabulary("subject", "Q", subjects), vocabulary("relation", "P", relations),
        vocabulary("object", "Q" if same else "O", objects), (),
        np.repeat(np.arange(S, dtype=np.int32), R), np.tile(np.arange(R, dtype=np.int32), S),
        none * 0, none * 0, none, none, none, none,
        Conditionals.from_columns({**columns, "weight": np.zeros(0, dtype=np.int64)}),
    )  # fmt: skip


def vocabulary(kind: str, letter: str, names: Named) -> Vocabulary:
    ids = tuple(f"{letter}{i}" for i in range(len(names)))
    return Vocabulary(kind, tuple(names), ids, tuple(tuple(aliases) for aliases in names.values()))


def speak(world: World, most: int = 9, pieces: int = 4) -> tuple[World, AliasReport]:
    """The world with up to `most` spoken names for each id, and the report."""
    return with_aliases(world, WorldConfig(aliases=most), worlds.SPELLING, pieces, seed=0)


WORDS = st.sampled_from([*HOSTILE_WORDS, ["a", "b", "r", "s", "and", '"a"', "St", "St.", "1", "is", "true"]])


HOSTILE_NAME = st.one_of(WORDS.flatmap(lambda words: labels_of(words, 3)), STRANGE_LETTERS, LONG)


@st.composite
def hostile_worlds(draw: st.DrawFn) -> World:
    """Worlds whose labels the language can keep, with any aliases at all."""
    name = draw(st.sampled_from([HOSTILE_NAME, WORDS.flatmap(lambda words: labels_of(words, 3))]))
    lexicon = speakable(*(draw(st.sets(name, min_size=1, max_size=3)) | {plain} for plain in ("sam", "rel", "obj")))
    roles = (
        lexicon.subjects,
        lexicon.relations,
        {o for o in lexicon.objects if spelt(o) and stays_whole(o, lexicon.objects)},
    )
    subjects, relations, objects = (
        {label: draw(st.lists(name, max_size=3)) for label in sorted(role)} for role in roles
    )
    return world_of(subjects, relations, objects, same=draw(st.booleans()))


def spelt(name: str) -> tuple[str, ...]:
    """The pieces of a name, as the tokenizer sees them."""
    return worlds.SPELLING.pieces([name])[0]


def stays_whole(label: str, others: frozenset[str]) -> bool:
    """Whether no other object with its full stop begins the label, to the tokenizer (see `worldgen.graphs.labels`)."""
    whole, pieces = {spelt(other) for other in others}, spelt(label)
    return not any(piece == "." and pieces[:i] in whole for i, piece in enumerate(pieces))


@cache
def talkative_world() -> World:
    """A world of few facts with aliases and held-out combinations: a corpus has every combination of names."""
    subjects = {f"s{i}": [f"s{i} the {n}" for n in ("first", "fair", "third")[: i % 4]] for i in range(12)}
    relations = {"likes": ["enjoys", "is fond of"], "knows": ["met"], "sees": []}
    objects = {f"o{i}": [f"{n} o{i}" for n in ("old", "new")[: i % 3]] for i in range(6)}
    plain = world_of(subjects, relations, objects)
    facts = np.arange(len(plain), dtype=np.int32)
    plain = replace(plain, truth=facts % 6, graph_object=facts % 6, distractor=(facts + 1) % 6, percent=70 + facts * 0)
    return with_aliases(plain, WorldConfig(aliases=3, held_out_percent=40), worlds.SPELLING, 4, seed=1)[0]


def corpus_of(world: World, seed: int = 0) -> Shard:
    """A corpus of one shard."""
    return make_shard(world, CorpusConfig(shuffles=2), seed, 0, len(world.subjects))
