"""Which names a world speaks: they name one thing, and the language stays unambiguous whatever they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from test_grammar import (
    HOSTILE,
    LONG,
    STRANGE_LETTERS,
    assert_unambiguous,
    kept,
    labels,
    sentences_over,
)  # fmt: skip
from test_world import assert_equal_worlds

from worldgen.facts import Vocabulary
from worldgen.grammar import Atom, Lexicon, render, unspeakable
from worldgen.randomness import keys_of
from worldgen.settings import WorldConfig
from worldgen.worlds.aliases import AliasReport, with_aliases
from worldgen.worlds.conditionals import Conditionals
from worldgen.worlds.held_out import hold_out
from worldgen.worlds.world import NONE, World

ALARM = 1e-6
Named = dict[str, Sequence[str]]


def world_of(subjects: Named, relations: Named, objects: Named, same: bool = False) -> World:
    """Every subject's fact of every relation; the dictionaries are label: aliases. `same`: a subject and an object
    of one place are one entity."""
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


def told(world: World, most: int = 9, pieces: int = 4) -> tuple[World, AliasReport]:
    return with_aliases(world, WorldConfig(aliases=most), worlds.SPELLING, pieces, seed=0)


def test_plain_aliases_are_all_spoken() -> None:
    world, report = told(world_of({"Ada": ["A", "Lady Ada"]}, {"born in": ["comes from"]}, {"London": ["Big Smoke"]}))
    assert world.subjects.names(0) == ("Ada", "A", "Lady Ada")
    assert world.relations.names(0) == ("born in", "comes from")
    assert world.objects.names(0) == ("London", "Big Smoke")
    assert world.has_aliases
    assert report == AliasReport(4, 0, 0, 0, 0, 0, {}, 0)


def test_the_first_so_many_are_spoken() -> None:
    world, report = told(world_of({"Ada": ["Ada", "A", "B", "C", "D"]}, {"r": []}, {"o": []}), most=2)
    assert world.subjects.names(0) == ("Ada", "A", "B")
    assert (report.merged_aliases, report.further_aliases) == (1, 2)


def test_an_alias_that_names_two_things_is_not_spoken() -> None:
    """Whatever their roles; a string of another thing's label is not spoken either, nor one alike to the tokenizer."""
    subjects = {"Ada": ["A", "the first", "born in", "St.Ives"], "Bo": ["A", "London"]}
    world, report = told(world_of(subjects, {"born in": ["the first"]}, {"London": ["St. Ives"], "Rome": ["Bo"]}))
    assert not world.has_aliases
    assert (report.spoken_aliases, report.ambiguous_aliases) == (0, 9)


def test_a_subject_and_an_object_that_are_one_entity_share_their_names() -> None:
    world, _ = told(world_of({"Ada": ["A"]}, {"r": []}, {"Ada": ["A"]}, same=True))
    assert world.subjects.names(0) == world.objects.names(0) == ("Ada", "A")
    assert not told(world_of({"Ada": ["A"]}, {"r": []}, {"Ada": ["A"]}))[0].has_aliases


def test_object_aliases_are_cut_like_labels() -> None:
    objects = {"Rome": ["the eternal city of Rome", "Rome", "the old city"], "Oslo": ["the old city on the fjord"]}
    world, report = told(world_of({"a b c d e f": ["b c d e f g"]}, {"r": []}, objects), pieces=3)
    assert world.objects.names(0) == ("Rome", "the eternal city")
    assert world.objects.names(1) == ("Oslo",)
    assert world.subjects.names(0) == ("a b c d e f", "b c d e f g")
    assert (report.cut_aliases, report.merged_aliases, report.ambiguous_aliases) == (2, 1, 2)


def test_labels_win_over_the_aliases_that_would_break_them() -> None:
    """Each of these aliases makes a label ambiguous, or ends it early; no label is lost, and the rest is spoken."""
    subjects = {"Ada": ["A", "not me"], "the sport of kings": [], "y and s": [], "s2": ["s"]}
    relations = {"likes": ["of", "enjoys", "sport"]}
    objects = {"St. Louis": [], "o": ["St"], "o and y": [], "x. y": ["o. z"], "z": []}
    world, report = told(world_of(subjects, relations, objects))
    assert world.relations.names(0) == ("likes", "enjoys")
    assert world.subjects.names(0) == ("Ada", "A")
    assert world.subjects.spoken[3] == ()
    assert not world.objects.spoken
    assert report.reasons == {
        "of": "cannot be told from 'the sport of kings' in every sentence",
        "sport": "cannot be told from 'the sport of kings' in every sentence",
        "not me": 'begins with "not"',
        "s": "cannot be told from 'y and s' in every sentence",
        "St": "and its full stop begin another object",
        "o. z": "begins with another object and its full stop",
    }
    assert_unambiguous(world.lexicon)


WORDS = st.sampled_from([*HOSTILE, ["a", "b", "r", "s", "and", '"a"', "St", "St.", "1", "is", "true"]])
HOSTILE_NAME = st.one_of(WORDS.flatmap(lambda words: labels(words, 3)), STRANGE_LETTERS, LONG)


@st.composite
def hostile_worlds(draw: st.DrawFn) -> World:
    """Labels that the language can keep, and any aliases at all."""
    name = draw(st.sampled_from([HOSTILE_NAME, WORDS.flatmap(lambda words: labels(words, 3))]))
    lexicon = kept(*(draw(st.sets(name, min_size=1, max_size=3)) | {plain} for plain in ("sam", "rel", "obj")))
    roles = (
        lexicon.subjects,
        lexicon.relations,
        {o for o in lexicon.objects if spelt(o) and stays_whole(o, lexicon.objects)},
    )
    named = [{label: draw(st.lists(name, max_size=3)) for label in sorted(role)} for role in roles]
    return world_of(*named, same=draw(st.booleans()))


def spelt(name: str) -> tuple[str, ...]:
    return worlds.SPELLING.pieces([name])[0]


def stays_whole(label: str, others: frozenset[str]) -> bool:
    """As `worldgen.graphs.labels` has it: no other object and its full stop, to the tokenizer, are its beginning."""
    whole, pieces = {spelt(other) for other in others}, spelt(label)
    return not any(piece == "." and pieces[:i] in whole for i, piece in enumerate(pieces))


def assert_nothing_is_unspeakable(lexicon: Lexicon, choice: Random) -> None:
    """By the language's own check, and by reading back sentences over some atoms (all would be too many)."""
    bad = unspeakable(lexicon.subjects, lexicon.relations, lexicon.objects)
    assert (bad.subjects, bad.relations, bad.objects) == ({}, {}, {})
    names = [sorted(role) for role in (lexicon.subjects, lexicon.relations, lexicon.objects)]
    atoms = [Atom(*map(choice.choice, names)) for _ in range(8)]
    for sentence in sentences_over(atoms):
        assert lexicon.parse(render(sentence)) == sentence


@settings(max_examples=max(150, settings().max_examples))
@given(hostile_worlds(), st.integers(1, 3), st.randoms(use_true_random=False))
def test_whatever_the_aliases_the_language_stays_unambiguous(world: World, most: int, choice: Random) -> None:
    speaking, report = told(world, most, pieces=600)
    assert_nothing_is_unspeakable(speaking.lexicon, choice)
    things: dict[tuple[str, ...], set[str]] = {}
    count: Counter[str] = Counter()
    for names in (speaking.subjects, speaking.relations, speaking.objects):
        for id_ in range(len(names)):
            assert names.names(id_)[0] == names.labels[id_]
            assert set(names.names(id_)[1:]) <= set(names.aliases[id_])
            assert len(names.names(id_)) <= 1 + most
            for n, name in enumerate(names.names(id_)):
                assert names.id_of(name) == id_
                assert names.every_name[names.first_name[id_] + n] == name
                things.setdefault(spelt(name), set()).add(names.source_ids[id_])
            count["spoken"] += len(names.names(id_)) - 1
        count["all"] += sum(map(len, names.aliases))
    # Two labels may be alike (a subject's and an object's), no alias is like anything else.
    assert all(len(ids) == 1 for name, ids in things.items() if name not in label_pieces(world))
    assert_ends_are_events([spelt(name) for name in speaking.objects.every_name])
    left_out = report.merged_aliases + report.ambiguous_aliases + report.further_aliases + report.unspeakable_aliases
    assert report.spoken_aliases == count["spoken"] == count["all"] - left_out
    assert len(report.reasons) <= report.unspeakable_aliases


def label_pieces(world: World) -> set[tuple[str, ...]]:
    return {spelt(label) for names in (world.subjects, world.relations, world.objects) for label in names.labels}


def assert_ends_are_events(objects: list[tuple[str, ...]]) -> None:
    """No object and its full stop, in pieces, begin another."""
    for one in objects:
        assert not any(other[: len(one) + 1] == (*one, ".") for other in objects)


@pytest.mark.parametrize("builtin", ["tiny", "wide"])
def test_the_built_in_names_read_well_and_nearly_all_are_spoken(builtin: str) -> None:
    world = worlds.world()
    if builtin == "wide":
        from worldgen.evaluate.runs.presets import small
        from worldgen.graphs.builtin.builtin_graph import BuiltinGraph
        from worldgen.graphs.selection import select
        from worldgen.worlds.making import make_world

        graph, _ = select(BuiltinGraph(10_000, 0), small().graph, worlds.SPELLING)
        world = make_world(graph, WorldConfig(facts=3000), 0)
    speaking, report = told(world)
    assert report.unspeakable_aliases == 0
    assert report.spoken_aliases > 0.9 * sum(
        len(aliases) for names in (world.subjects, world.relations, world.objects) for aliases in names.aliases
    )
    # All relations have synonyms, and nearly all subjects an alias: so a fact has combinations to hold out.
    assert min(map(len, speaking.relations.spoken)) >= 2
    assert np.mean([bool(names) for names in speaking.subjects.spoken]) > 0.95


def test_only_names_change() -> None:
    world, speaking = worlds.world(), worlds.speaking()
    back = {role: replace(getattr(speaking, role), spoken=()) for role in ("subjects", "relations", "objects")}
    assert_equal_worlds(replace(speaking, **back, held_out=world.held_out), world)


def test_names_and_combinations_are_saved_and_loaded(tmp_path: Path) -> None:
    worlds.speaking().save(tmp_path)
    assert_equal_worlds(World.load(tmp_path), worlds.speaking())
    # A world without aliases has no such files and columns.
    worlds.world().save(tmp_path / "plain")
    assert not (tmp_path / "plain" / "held_out.parquet").exists()


# --- held-out combinations ----------------------------------------------------------------------------------


def test_what_is_held_out_has_no_label_and_the_asked_share() -> None:
    world = worlds.speaking()
    for fact in range(len(world)):
        names = (world.subjects.names(int(world.subject[fact])), world.relations.names(int(world.relation[fact])))
        pairs = (len(names[0]) - 1) * (len(names[1]) - 1)
        held = world.held_out_names(fact)
        assert len(set(held)) == len(held)
        assert len(held) in (pairs // 2, -(-pairs // 2))
        assert {s for s, _ in held} <= set(names[0][1:])
        assert {r for _, r in held} <= set(names[1][1:])
    assert len(world.held_out) > 1000


@pytest.mark.parametrize("percent", [0, 1, 30, 50, 99, 100])
def test_the_number_held_out_is_rounded_without_bias_and_the_choice_is_uniform(percent: int) -> None:
    """Of 20,000 facts with 2 x 3 combinations; each p value is below ALARM for one seed in a million."""
    F, pairs = 20_000, 6
    held = hold_out(3, keys_of(map(str, range(F))), np.full(F, 2), np.full(F, 3), percent)
    share = Fraction(pairs * percent, 100)
    per_fact = np.bincount(held.fact, minlength=F)
    assert set(per_fact.tolist()) <= {share.__floor__(), share.__ceil__()}
    if share % 1:
        assert stats.binomtest(int((per_fact - share.__floor__()).sum()), F, float(share % 1)).pvalue > ALARM
    else:
        assert len(held) == F * share
    code = (held.subject_name - 1) * 3 + (held.relation_name - 1)
    assert ((held.subject_name >= 1) & (held.relation_name >= 1)).all()
    if 0 < percent < 100:
        assert stats.chisquare(np.bincount(code, minlength=pairs)).pvalue > ALARM
    assert (np.diff(held.fact.astype(np.int64) * 100 + code) > 0).all()


def test_what_is_held_out_depends_on_the_fact_alone() -> None:
    """Not on the facts around it, nor on how many names they have."""
    keys = keys_of(["a", "b", "c", "d"])
    many = hold_out(1, keys, np.array([3, 2, 5, 4]), np.array([3, 3, 2, 3]), 40)
    few = hold_out(1, keys[[3, 0]], np.array([4, 3]), np.array([3, 3]), 40)
    assert many.of(3) == few.of(0)
    assert many.of(0) == few.of(1)
    assert hold_out(2, keys, np.array([3, 2, 5, 4]), np.array([3, 3, 2, 3]), 40).of(3) != many.of(3)
