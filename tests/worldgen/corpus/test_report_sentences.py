"""Reports in the corpus: read back from the text, the facts that only they tell, and their exact probabilities.

The statistical test has fixed seeds; each p value is below ALARM for one seed in a million.
"""

from __future__ import annotations

from collections import Counter
from typing import get_args

import numpy as np
import pytest
import worlds
from corpora import ALARM, goodness
from source_worlds import EVERYTHING, reported, speaking_and_reported

from worldgen.corpus.recipe import make_shard, rows_of_shard, shard_bounds
from worldgen.corpus.sentences import Kind, Sentences, Shard
from worldgen.corpus.wording import Wording, syntax_tree
from worldgen.grammar import Atom, Place, render
from worldgen.settings import CorpusConfig, SourcesConfig
from worldgen.worlds.tagged_sources import Part
from worldgen.worlds.world import NONE, World

ONCE = CorpusConfig(shuffles=1)


def whole(world: World, config: CorpusConfig = ONCE, seed: int = 0) -> Shard:
    return make_shard(world, config, seed, 0, len(world.subjects))


def read_back(world: World, texts: list[str]) -> Counter[tuple[int, int, int]]:
    """How often the texts have each (fact, source, object), by the parser alone."""
    said: Counter[tuple[int, int, int]] = Counter()
    for text in texts:
        sentence = world.lexicon.parse(text)
        if sentence.tag is not None:
            atom = sentence.formula
            assert isinstance(atom, Atom)
            fact = world.fact_of(world.subjects.id_of(atom.subject), world.relations.id_of(atom.relation))
            said[fact, world.sources.tags.id_of(sentence.tag.source), world.objects.id_of(atom.object)] += 1
    return said


@pytest.mark.parametrize("place", get_args(Place))
def test_the_text_gives_the_reports_back(place: Place) -> None:
    """Each report with its source and object, in as many sentences as the table of reports says."""
    world = reported(EVERYTHING.model_copy(update={"place": place}))
    texts = Wording(world).texts(whole(world).sentences)
    reports = world.sources.reports
    expected = {
        (f, s, o): n
        for f, s, o, n in zip(
            reports.fact.tolist(), reports.source.tolist(), reports.object.tolist(), reports.tagged.tolist(),
            strict=True,
        ) if n
    }  # fmt: skip
    assert read_back(world, texts) == expected
    assert 0 < (reports.untagged == EVERYTHING.sentences).sum() < (reports.untagged > 0).sum()


def test_texts_are_what_the_grammar_renders_and_read_back_with_aliases_too() -> None:
    world = speaking_and_reported()
    sentences = whole(world).sentences
    assert sentences.names is not None
    assert set(sentences.kind.tolist()) == set(sentences.possible_kinds())
    for i, text in enumerate(Wording(world).texts(sentences)):
        told = syntax_tree(world, sentences, i)
        assert text == render(told)
        assert world.lexicon.parse(text) == told


def test_sentences_keep_their_source_though_their_tag_is_left_out() -> None:
    world = reported()
    s, reports = whole(world).sentences, world.sources.reports
    assert s.source is not None
    for kind, counts in ((Kind.REPORT, reports.tagged), (Kind.ATOM, reports.untagged)):
        of_kind = s.where((s.kind == kind) & (s.source != NONE))
        assert of_kind.source is not None
        rows = zip(of_kind.fact.tolist(), of_kind.source.tolist(), of_kind.object.tolist(), strict=True)
        told = zip(reports.fact.tolist(), reports.source.tolist(), reports.object.tolist(), strict=True)
        assert Counter(rows) == {key: n for key, n in zip(told, counts.tolist(), strict=True) if n}
    assert (s.source[(s.kind != Kind.ATOM) & (s.kind != Kind.REPORT)] == NONE).all()


@pytest.mark.parametrize("percent", [30, 100])
def test_report_facts_are_in_reports_only(percent: int) -> None:
    world = reported(SourcesConfig(reliabilities=(1, 0.5), calibration_percent=0, report_percent=percent))
    s = whole(world).sentences
    named = np.zeros(len(world), dtype=bool)
    untagged = s.where(s.kind != Kind.REPORT)
    named[untagged.fact] = True
    named[untagged.second_fact[untagged.second_fact != NONE]] = True
    assert (named == (world.sources.part != Part.REPORT)).all()
    tagged = np.bincount(s.fact[s.kind == Kind.REPORT], minlength=len(world))
    assert (tagged == np.where(world.sources.part == Part.REPORT, 10, 0)).all()


def test_the_untagged_sentences_of_other_facts_are_those_of_the_world_without_sources() -> None:
    """The bare and the true/false sentences; and all sentences where no fact is only reported."""
    world, plain = reported(), whole(worlds.world()).sentences
    s = whole(world).sentences
    assert s.source is not None
    for kind in (Kind.ATOM, Kind.STATED):
        mine = s.where((s.kind == kind) & (s.source == NONE))
        theirs = plain.where((plain.kind == kind) & (world.sources.part[plain.fact] != Part.REPORT))
        assert_equal(mine, theirs)
    calibrating = whole(reported(SourcesConfig(reliabilities=(0.5,), report_percent=0))).sentences
    assert calibrating.source is not None
    assert_equal(calibrating.where(calibrating.source == NONE), plain)


def assert_equal(mine: Sentences, theirs: Sentences) -> None:
    for name, column in theirs.columns().items():
        np.testing.assert_array_equal(mine.columns()[name], column, err_msg=name)


@pytest.mark.parametrize("size", [1, 40, 1000])
def test_shards_of_any_size_hold_the_same_corpus(size: int) -> None:
    config = CorpusConfig(shard_subjects=size, shuffles=1, rare_percent=20)
    world = speaking_and_reported()
    shards = [make_shard(world, config, 0, *bounds) for bounds in shard_bounds(world, config)]
    assert [s.first_sentence for s in shards] == np.cumsum([0, *(len(s.sentences) for s in shards[:-1])]).tolist()
    together = Sentences.together([shard.sentences for shard in shards])
    assert_equal(together, whole(world, config).sentences)
    assert rows_of_shard(shards[0]).keys() == rows_of_shard(whole(world)).keys()


def test_reports_are_counted_only_where_there_are_sources() -> None:
    world = reported()
    assert rows_of_shard(whole(world))["report"] == world.sources.reports.tagged.sum()
    assert "report" not in rows_of_shard(whole(worlds.world()))
    assert "source" not in whole(worlds.world()).sentences.columns()


def test_tagged_sentences_have_their_exact_probabilities() -> None:
    """p(o | tag, s, r) = rho for the truth, (1 - rho) / (M - 1) for each of the M - 1 others of the relation's range.

    Counted in the text of 60 corpora, for each source and relation, by the place of the object after the truth in the
    range (in a circle): place 0 is the truth, the others are alike.
    """
    rho = (1, 0.9, 0.75, 0.5, 0.25, 0)
    config = SourcesConfig(reliabilities=rho, calibration_percent=50, report_percent=50, sentences=1)
    counts: dict[tuple[int, int], np.ndarray] = {}
    for seed in range(60):
        world = reported(config, seed)
        s = whole(world, CorpusConfig(draws=1, min_truths=0, shuffles=1), seed).sentences
        said = read_back(world, Wording(world).texts(s.where(s.kind == Kind.REPORT)))
        assert set(said.values()) == {1}
        for fact, source, object_ in said:
            r = int(world.relation[fact])
            places = np.searchsorted(world.ranges[r], (object_, world.truth[fact]))
            cells = counts.setdefault((source, r), np.zeros(len(world.ranges[r]), dtype=int))
            cells[(places[0] - places[1]) % len(cells)] += 1
    assert len(counts) == 6 * 4
    for (source, _), observed in counts.items():
        M = len(observed)
        exact = np.full(M, (1 - rho[source]) / (M - 1))
        exact[0] = rho[source]
        assert goodness(observed, exact * observed.sum()) > ALARM
