"""Who reports what: the balance of the design, exactly, and the laws of what is said, statistically.

The statistical tests have fixed seeds; each p value is below ALARM for one seed in a million.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import worlds
from corpora import ALARM
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from source_worlds import EVERYTHING, reported

from worldgen.errors import UnknownNameError, UserError
from worldgen.settings import SourcesConfig
from worldgen.unspeakable import words_of
from worldgen.worlds.reporting import with_sources
from worldgen.worlds.tagged_sources import NO_SOURCES, Part
from worldgen.worlds.world import World

SIX = (1, 0.9, 0.75, 0.5, 0.25, 0)


@st.composite
def configs(draw: st.DrawFn) -> SourcesConfig:
    """Any sources that the settings allow and 602 facts can hold."""
    own = draw(st.integers(1, 6))
    percents = draw(st.sampled_from([(0, 7), (13, 0), (1, 1), (30, 30), (55, 45), (0, 100)]))
    newcomers = draw(st.integers(0, own - 1)) if percents[1] else 0
    return SourcesConfig(
        reliabilities=tuple(draw(st.lists(st.sampled_from((0, 0.3, 1)), min_size=own, max_size=own))),
        liars=tuple(draw(st.sets(st.integers(0, own - 1)))),
        copies=tuple(draw(st.integers(0, own + i - 1)) for i in range(draw(st.integers(0, 3)))),
        newcomers=newcomers,
        calibration_percent=percents[0],
        report_percent=percents[1],
        reporters=draw(st.integers(1, own - newcomers)),
        sentences=draw(st.integers(1, 4)),
        cooldown_percent=draw(st.integers(0, 100)),
    )


@given(configs())
@example(EVERYTHING)
@example(SourcesConfig(reliabilities=(0.2,) * 7, reporters=7, calibration_percent=50, report_percent=0))
def test_every_source_has_as_many_reports_in_each_part(config: SourcesConfig) -> None:
    world = with_sources(worlds.world(), config, 0)
    sources, reports = world.sources, world.sources.reports
    assert len(sources) == len(config.originals)
    calibrated = len(config.reliabilities) - config.newcomers
    of_part = sources.part[reports.fact]
    for part, percent, who in (
        (Part.CALIBRATION, config.calibration_percent, calibrated),
        (Part.REPORT, config.report_percent, len(config.reliabilities)),
    ):
        facts = np.flatnonzero(sources.part == part)
        asked = len(world) * percent // 100
        assert asked - who < len(facts) <= asked
        assert len(facts) % who == 0
        mine = reports.where(of_part == part)
        expected = [len(facts) * config.reporters // who if original < who else 0 for original in config.originals]
        assert np.bincount(mine.source, minlength=len(sources)).tolist() == expected
        said = np.bincount(mine.source, weights=mine.tagged + mine.untagged, minlength=len(sources))
        assert said.tolist() == [n * config.sentences for n in expected]
        cooldown = config.cooldown_percent if part == Part.CALIBRATION else 0
        left_out = [(cooldown * n * config.sentences + 50) // 100 for n in expected]
        assert np.bincount(mine.source, weights=mine.untagged, minlength=len(sources)).tolist() == left_out
        reporters = defaultdict(list)
        for fact, source in zip(mine.fact.tolist(), mine.source.tolist(), strict=True):
            reporters[fact].append(source)
        assert sorted(reporters) == facts.tolist()
        for told in reporters.values():
            assert len(set(told)) == len(told)
            own = {s for s in told if sources.original[s] == s}
            assert len(own) == config.reporters
            assert set(told) == {s for s, original in enumerate(config.originals) if original in own}
    assert (of_part != Part.UNREPORTED).all()
    assert (reports.tagged + reports.untagged == config.sentences).all()
    assert (reports.tagged >= 0).all()
    assert (reports.error == (reports.object != world.truth[reports.fact])).all()
    key = reports.fact.astype(np.int64) * len(sources) + reports.source
    assert (np.diff(key) > 0).all()


def test_reporters_are_put_together_at_random() -> None:
    """With two reporters for a fact, each pair of sources is as frequent as another."""
    pairs: Counter[tuple[int, int]] = Counter()
    config = SourcesConfig(reliabilities=SIX, reporters=2, calibration_percent=50, report_percent=50)
    for seed in range(20):
        reports = reported(config, seed).sources.reports
        pairs.update(zip(reports.source[::2].tolist(), reports.source[1::2].tolist(), strict=True))
    # A block of six facts has six different pairs, so the counts vary less than those of independent draws.
    assert len(pairs) == 15
    assert stats.chisquare(list(pairs.values())).pvalue > ALARM


def test_parts_are_drawn_uniformly_whatever_the_fact() -> None:
    config = SourcesConfig(reliabilities=SIX)
    parts = np.stack([reported(config, seed).sources.part for seed in range(150)])
    for part in Part:
        chosen = (parts == part).sum(axis=0)
        assert stats.chisquare(chosen, np.full(len(chosen), chosen.mean())).pvalue > ALARM


def test_a_copier_says_what_the_source_at_the_end_of_the_chain_says() -> None:
    reports = reported().sources.reports
    said = [
        [(int(f), int(o), bool(e)) for f, o, e in zip(mine.fact, mine.object, mine.error, strict=True)]
        for mine in (reports.where(reports.source == s) for s in (1, 6, 7))
    ]
    assert said[0] == said[1] == said[2] != []
    assert reported().sources.original.tolist() == [0, 1, 2, 3, 4, 5, 1, 1]
    assert reported().sources.kind(6) == f"copier of {reported().sources.tags[1]}"


def lies_of(world: World, source: int) -> dict[tuple[int, int], set[int]]:
    """The wrong objects that a source names, by the relation and the truth of the fact."""
    reports = world.sources.reports
    wrong = reports.where(reports.error & (reports.source == source))
    lies = defaultdict(set)
    for fact, object_ in zip(wrong.fact.tolist(), wrong.object.tolist(), strict=True):
        lies[int(world.relation[fact]), int(world.truth[fact])].add(object_)
    return lies


def test_a_liar_tells_of_a_truth_the_same_lie_every_time() -> None:
    config = SourcesConfig(reliabilities=(0.3, 0.3, 0.3), liars=(0, 1), calibration_percent=90, report_percent=10)
    world = reported(config)
    coherent, other, independent = (lies_of(world, source) for source in range(3))
    assert all(len(lies) == 1 for lies in (*coherent.values(), *other.values()))
    assert any(len(lies) > 1 for lies in independent.values())
    shared = coherent.keys() & other.keys()
    assert len(shared) > 20
    assert any(coherent[key] != other[key] for key in shared)  # each has a table of its own


@pytest.mark.parametrize("liar", [False, True])
def test_a_report_is_the_truth_with_the_reliability_and_else_uniform(liar: bool) -> None:
    """Over 200 worlds: the errors of each source are binomial, and what it says wrongly is uniform on the others.

    A liar's table is drawn anew for each seed; of a world one lie of each (relation, truth) is counted.
    """
    config = SourcesConfig(reliabilities=SIX, liars=tuple(range(6)) if liar else (), calibration_percent=60)
    errors, n = np.zeros(6, dtype=int), 0
    counts: dict[tuple[int, int], np.ndarray] = {}
    for seed in range(200):
        world = reported(config, seed)
        reports = world.sources.reports
        errors += np.bincount(reports.source, weights=reports.error, minlength=6).astype(int)
        n += len(reports) // 6
        wrong = reports.where(reports.error)
        truth, relation = world.truth[wrong.fact], world.relation[wrong.fact]
        key = np.stack([wrong.source, relation, truth])
        rows = np.unique(key, axis=1, return_index=True)[1] if liar else np.arange(len(wrong))
        for source, r, true, said in np.stack([*key, wrong.object], axis=1)[rows].tolist():
            range_ = world.ranges[r]
            # The place of the object among the others of the range.
            place = int(np.searchsorted(range_, said))
            assert range_[place] == said != true
            place -= place > np.searchsorted(range_, true)
            counts.setdefault((source, r), np.zeros(len(range_) - 1, dtype=int))[place] += 1
    assert errors[0] == 0
    assert errors[5] == n
    for k in range(1, 5):
        assert stats.binomtest(int(errors[k]), n, 1 - SIX[k]).pvalue > ALARM
    assert len(counts) == 5 * 4
    for count in counts.values():
        assert stats.chisquare(count).pvalue > ALARM


def test_nothing_else_of_the_world_changes() -> None:
    for world in (reported(), reported(SourcesConfig(reliabilities=(1, 0), report_percent=70))):
        worlds.assert_equal_worlds(replace(world, sources=NO_SOURCES), worlds.world())


def test_what_a_source_says_of_a_fact_does_not_depend_on_who_else_reports() -> None:
    """A source's claim is its own: with more facts, other sources and other shares it says the same."""
    few, many = (
        reported(SourcesConfig(reliabilities=(0.5,) * k, calibration_percent=p, report_percent=20)).sources.reports
        for k, p in ((3, 20), (5, 80))
    )
    known = {(f, s): o for f, s, o in zip(few.fact.tolist(), few.source.tolist(), few.object.tolist(), strict=True)}
    again = zip(many.fact.tolist(), many.source.tolist(), many.object.tolist(), strict=True)
    same = [known[f, s] == o for f, s, o in again if (f, s) in known]
    assert len(same) > 20
    assert all(same)


def test_tags_are_different_random_words_that_no_name_holds() -> None:
    world = worlds.speaking()
    config = SourcesConfig(reliabilities=(0.5,) * 20, tag_letters=3)
    tags = [with_sources(world, config, seed).sources.tags.labels for seed in range(3)]
    assert len(set(tags)) == 3
    assert tags[0] == with_sources(world, config, 0).sources.tags.labels
    for drawn in tags:
        assert len(set(drawn)) == 20
        assert all(len(tag) == 3 and tag.isalpha() and tag.islower() for tag in drawn)
        assert not set(drawn) & words_of(world.lexicon.subjects | world.lexicon.relations | world.lexicon.objects)
    with pytest.raises(UnknownNameError, match=f"unknown source '{tags[0][0]}x': did you mean '{tags[0][0]}'"):
        with_sources(world, config, 0).sources.tags.id_of(f"{tags[0][0]}x")


@pytest.mark.parametrize(("count", "fits"), [(26, True), (27, False)])
def test_more_sources_than_tags_are_refused(count: int, fits: bool) -> None:
    config = SourcesConfig(reliabilities=(0.5,) * count, tag_letters=1)
    if fits:
        assert len(reported(config).sources) == 26
    else:
        with pytest.raises(
            UserError, match=r"^27 sources need a tag each, but only 26 words of 1 letters are free: .*"
        ):
            reported(config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SourcesConfig(reliabilities=(0.5,) * 7, calibration_percent=1), "1% of 602 facts are 6, too few .* 7 sources"),
        (SourcesConfig(reliabilities=(0.5,) * 7, report_percent=1), "1% of 602 facts are 6, too few .* 7 sources"),
    ],
)
def test_too_few_facts_for_the_sources_are_refused(config: SourcesConfig, message: str) -> None:
    with pytest.raises(UserError, match=message):
        reported(config)


def test_sources_are_saved_and_loaded(tmp_path: Path) -> None:
    world = reported()
    world.save(tmp_path)
    loaded = World.load(tmp_path)
    worlds.assert_equal_worlds(replace(loaded, sources=NO_SOURCES), worlds.world())
    mine, its = vars(world.sources), vars(loaded.sources)
    for name in ("tags", "place"):
        assert its[name] == mine[name]
    for columns, loaded_columns in ((mine, its), (vars(mine["reports"]), vars(its["reports"]))):
        for name, column in columns.items():
            if isinstance(column, np.ndarray):
                np.testing.assert_array_equal(loaded_columns[name], column)
                assert loaded_columns[name].dtype == column.dtype, name
    assert loaded.lexicon.tags == frozenset(world.sources.tags.labels)
    worlds.world().save(tmp_path / "plain")
    assert not {"sources.parquet", "reports.parquet"} & {path.name for path in (tmp_path / "plain").iterdir()}


def test_summaries_count_the_reports() -> None:
    world = reported()
    for k, summary in enumerate(world.sources.summaries()):
        mine = world.sources.reports.where(world.sources.reports.source == k)
        parts = Counter(world.sources.part[mine.fact].tolist())
        assert summary.tag == world.sources.tags[k]
        assert (summary.calibration_reports, summary.report_reports) == (parts[Part.CALIBRATION], parts[Part.REPORT])
        assert summary.share_right == pytest.approx((mine.object == world.truth[mine.fact]).mean(), rel=1e-15)
    assert [s.kind for s in world.sources.summaries()].count("coherent liar") == 1
    assert NO_SOURCES.summaries() == []
