"""Spoken names: they name one thing, and the language stays unambiguous whatever the aliases are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import worlds
from alias_worlds import hostile_worlds, speak, spelt, world_of
from hostile_names import assert_unambiguous, sentences_over
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import assert_equal_worlds

from worldgen.grammar import Atom, Lexicon, render
from worldgen.settings import WorldConfig
from worldgen.unspeakable import unspeakable
from worldgen.worlds.aliases import AliasReport
from worldgen.worlds.world import World


def test_plain_aliases_are_all_spoken() -> None:
    world, report = speak(world_of({"Ada": ["A", "Lady Ada"]}, {"born in": ["comes from"]}, {"London": ["Big Smoke"]}))
    assert world.subjects.names(0) == ("Ada", "A", "Lady Ada")
    assert world.relations.names(0) == ("born in", "comes from")
    assert world.objects.names(0) == ("London", "Big Smoke")
    assert world.has_aliases
    assert report == AliasReport(4, 0, 0, 0, 0, 0, {}, 0)


def test_only_the_requested_number_of_aliases_is_spoken() -> None:
    world, report = speak(world_of({"Ada": ["Ada", "A", "B", "C", "D"]}, {"r": []}, {"o": []}), most=2)
    assert world.subjects.names(0) == ("Ada", "A", "B")
    assert (report.merged_aliases, report.further_aliases) == (1, 2)


def test_an_alias_that_names_two_things_is_not_spoken() -> None:
    """The roles do not matter. The two names may also be a label and an alias, or the same only to the tokenizer."""
    subjects = {"Ada": ["A", "the first", "born in", "St.Ives"], "Bo": ["A", "London"]}
    world, report = speak(world_of(subjects, {"born in": ["the first"]}, {"London": ["St. Ives"], "Rome": ["Bo"]}))
    assert not world.has_aliases
    assert (report.spoken_aliases, report.ambiguous_aliases) == (0, 9)


def test_a_subject_and_an_object_that_are_one_entity_share_their_names() -> None:
    world, _ = speak(world_of({"Ada": ["A"]}, {"r": []}, {"Ada": ["A"]}, same=True))
    assert world.subjects.names(0) == world.objects.names(0) == ("Ada", "A")
    assert not speak(world_of({"Ada": ["A"]}, {"r": []}, {"Ada": ["A"]}))[0].has_aliases


def test_object_aliases_are_cut_like_labels() -> None:
    objects = {"Rome": ["the eternal city of Rome", "Rome", "the old city"], "Oslo": ["the old city on the fjord"]}
    world, report = speak(world_of({"a b c d e f": ["b c d e f g"]}, {"r": []}, objects), pieces=3)
    assert world.objects.names(0) == ("Rome", "the eternal city")
    assert world.objects.names(1) == ("Oslo",)
    assert world.subjects.names(0) == ("a b c d e f", "b c d e f g")
    assert (report.cut_aliases, report.merged_aliases, report.ambiguous_aliases) == (2, 1, 2)


def test_labels_win_over_the_aliases_that_would_break_them() -> None:
    """Aliases that make a label ambiguous or end it early are not spoken; all labels and the other aliases are."""
    subjects = {"Ada": ["A", "not me"], "the sport of kings": [], "y and s": [], "s2": ["s"]}
    relations = {"likes": ["of", "enjoys", "sport"]}
    objects = {"St. Louis": [], "o": ["St"], "o and y": [], "x. y": ["o. z"], "z": []}
    world, report = speak(world_of(subjects, relations, objects))
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


def assert_nothing_is_unspeakable(lexicon: Lexicon, choice: Random) -> None:
    """Uses the language's own check, and parses sentences over some atoms (over all atoms they would be too many)."""
    bad = unspeakable(lexicon.subjects, lexicon.relations, lexicon.objects)
    assert (bad.subjects, bad.relations, bad.objects) == ({}, {}, {})
    names = [sorted(role) for role in (lexicon.subjects, lexicon.relations, lexicon.objects)]
    atoms = [Atom(*map(choice.choice, names)) for _ in range(8)]
    for sentence in sentences_over(atoms):
        assert lexicon.parse(render(sentence)) == sentence


@settings(max_examples=max(150, settings().max_examples))
@given(hostile_worlds(), st.integers(1, 3), st.randoms(use_true_random=False))
def test_whatever_the_aliases_the_language_stays_unambiguous(world: World, most: int, choice: Random) -> None:
    speaking, report = speak(world, most, pieces=600)
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
    """No object with its full stop, in pieces, begins another object."""
    for one in objects:
        assert not any(other[: len(one) + 1] == (*one, ".") for other in objects)


@pytest.mark.parametrize("builtin", ["tiny", "wide"])
def test_nearly_all_built_in_aliases_are_spoken(builtin: str) -> None:
    world = worlds.world()
    if builtin == "wide":
        from worldgen.evaluate.runs.presets import small
        from worldgen.graphs.builtin.builtin_graph import BuiltinGraph
        from worldgen.graphs.selection import select
        from worldgen.worlds.making import make_world

        graph, _ = select(BuiltinGraph(10_000, 0), small().graph, worlds.SPELLING)
        world = make_world(graph, WorldConfig(facts=3000), 0)
    speaking, report = speak(world)
    assert report.unspeakable_aliases == 0
    assert report.spoken_aliases > 0.9 * sum(
        len(aliases) for names in (world.subjects, world.relations, world.objects) for aliases in names.aliases
    )
    # All relations have synonyms, and nearly all subjects an alias: so a fact has combinations to hold out.
    assert min(map(len, speaking.relations.spoken)) >= 2
    assert np.mean([bool(names) for names in speaking.subjects.spoken]) > 0.95


def test_aliases_change_only_the_names() -> None:
    world, speaking = worlds.world(), worlds.speaking()
    back = {role: replace(getattr(speaking, role), spoken=()) for role in ("subjects", "relations", "objects")}
    assert_equal_worlds(replace(speaking, **back, held_out=world.held_out), world)


def test_names_and_combinations_are_saved_and_loaded(tmp_path: Path) -> None:
    worlds.speaking().save(tmp_path)
    assert_equal_worlds(World.load(tmp_path), worlds.speaking())
    # A world without aliases has no such files and columns.
    worlds.world().save(tmp_path / "plain")
    assert not (tmp_path / "plain" / "held_out.parquet").exists()
