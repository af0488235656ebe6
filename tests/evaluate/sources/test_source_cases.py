"""The requests of every source: balanced, labelled by the mind, asked in the right words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import source_benches

from worldgen.bayes.agent import Edit
from worldgen.bayes.reading import PAPER
from worldgen.bayes.trust.minds import paper_belief
from worldgen.bayes.trust.reports import Report
from worldgen.errors import UserError
from worldgen.evaluate.asking.questions import QuestionKind
from worldgen.evaluate.sources.cases import KINDS, load_cases, save_cases, source_cases
from worldgen.evaluate.sources.rational import nobody, source_mind
from worldgen.evaluate.sources.trials import trials_of
from worldgen.settings import SourcesConfig
from worldgen.worlds.tagged_sources import Part
from worldgen.worlds.world import NONE

WORLD, MIND, CONFIG, CASES = (
    source_benches.world(), source_benches.mind(), source_benches.CONFIG, source_benches.cases(),
)  # fmt: skip
SOURCES = len(WORLD.sources) + 1


def test_every_source_and_nobody_request_the_same() -> None:
    assert [case.number for case in CASES] == list(range(len(KINDS) * CONFIG.facts * SOURCES))
    for start in range(0, len(CASES), SOURCES):
        some = CASES[start : start + SOURCES]
        assert [case.source for case in some] == list(range(SOURCES))
        assert len({(case.kind, case.fact, case.object, case.downstream_object, case.other_fact) for case in some}) == 1
    assert len({case.fact for case in CASES}) == len(KINDS) * CONFIG.facts


def test_facts_are_of_their_kind_and_requests_no_old_belief() -> None:
    for case in CASES:
        assert (WORLD.upstream[case.fact] == NONE) == (case.kind != "dependent")
        assert WORLD.sources.part[case.fact] == (Part.REPORT if case.kind == "reported" else Part.UNREPORTED)
        if case.kind == "dependent":
            assert WORLD.sources.part[WORLD.upstream[case.fact]] != Part.REPORT
        assert case.object in WORLD.ranges[WORLD.relation[case.fact]]
        assert case.object != MIND.trust.belief(case.fact).mode()
        assert WORLD.subject[case.other_fact] != WORLD.subject[case.fact]
        assert WORLD.sources.part[case.other_fact] != Part.REPORT


def test_labels_are_the_minds() -> None:
    with_downstream = 0
    for case in CASES:
        edit = [Report(case.fact, case.source, case.object, CONFIG.weight)]
        assert case.believed_before == pytest.approx(MIND.trust.credence(case.fact, case.object), abs=1e-12)
        assert case.believed == pytest.approx(MIND.trust.revise(*edit).credence(case.fact, case.object), abs=1e-12)
        if case.downstream == NONE:
            assert np.isnan(case.downstream_believed)
            continue
        with_downstream += 1
        belief = paper_belief(MIND.trust, case.fact, case.downstream, edit)
        assert case.downstream_believed == pytest.approx(belief[case.downstream_object], abs=1e-12)
        row = MIND.agent.conditional(case.downstream, case.object)
        assert case.downstream_object == row.mode()
    assert with_downstream


def test_a_request_about_a_dependent_fact_is_believed_by_its_marginal_and_its_source() -> None:
    """By hand: genuine it is today's edit, else nothing; w = rho m_y / (rho m_y + (1 - rho) / K)."""
    some = [case for case in CASES if case.kind == "dependent"]
    assert some
    for case in some:
        s, r, y = int(WORLD.subject[case.fact]), int(WORLD.relation[case.fact]), case.object
        assert MIND.agent.formula(s, r) == "marginal"
        m = MIND.agent.belief(s, r)[y]
        rho = MIND.trust.mean_reliabilities()[case.source]
        w = rho * m / (rho * m + (1 - rho) / len(WORLD.objects))
        genuine = MIND.agent.revise(Edit(s, r, y, float(CONFIG.weight))).belief(s, r)[y]
        assert case.believed_before == pytest.approx(m, abs=1e-12)
        assert case.believed == pytest.approx(w * genuine + (1 - w) * m, abs=1e-12)
        if case.source == len(WORLD.sources):
            assert case.believed == pytest.approx(genuine, abs=1e-12)


def test_an_agent_that_does_not_hear_of_dependent_facts_is_asked_for_none() -> None:
    agent = replace(MIND.agent, reading=PAPER)
    cases = source_cases(WORLD, source_mind(WORLD, agent, CONFIG), CONFIG, 0)
    assert {case.kind for case in cases} == {"told", "reported"}
    assert [case.object for case in cases] == [case.object for case in CASES if case.kind != "dependent"]


def test_a_case_is_drawn_for_its_fact_alone() -> None:
    """More facts are the same facts and others."""
    more = source_cases(WORLD, MIND, CONFIG.model_copy(update={"facts": 8}), 0)
    kept = {(case.fact, case.source): case.object for case in more}
    assert all(kept[case.fact, case.source] == case.object for case in CASES)


def test_cases_are_read_as_they_were_written(tmp_path) -> None:
    save_cases(tmp_path / "cases.parquet", CASES)
    read = load_cases(tmp_path / "cases.parquet")
    assert str(read) == str(list(CASES))  # NaN is no NaN


@pytest.mark.parametrize(("place", "before"), [("first", "{tag} "), ("apart", "{tag}. ")])
def test_the_request_and_its_questions_in_words(place, before) -> None:
    config = source_benches.SEVEN.model_copy(update={"place": place})
    world = source_benches.world(config)
    cases = source_cases(world, source_benches.mind(config), CONFIG, 0)
    trials = trials_of(world, cases, CONFIG.weight, 3)
    for case, trial in zip(cases, trials, strict=True):
        (request,) = trial.edition.requests
        tag = "" if case.source == nobody(world) else before.format(tag=world.sources.tags[case.source])
        subject = world.subjects[int(world.subject[case.fact])]
        plain = f"{subject} {world.relations[int(world.relation[case.fact])]}"
        said = world.objects[case.object]
        assert request.prompt == tag + plain
        assert request.prompt.startswith(request.subject)
        assert request.subject.endswith(subject)
        assert world.lexicon.parse(request.sentence.removeprefix(before.format(tag="")))
        asked = {question.name: question for question in trial.questions}
        assert (asked["fact/requested"].prompt, asked["fact/requested"].target) == (plain, f"{said}.")
        assert (asked["report/tagged"].prompt, asked["report/tagged"].target) == (tag + plain, f"{said}.")
        assert asked["statement/true"].prompt == f'"{plain} {said}" is'
        assert ("consequence/downstream" in asked) == (case.downstream != NONE)
        assert asked["other/kept"].kind is QuestionKind.ANSWER


def test_all_sources_meet_the_same_draws() -> None:
    seeds = [trial.edition.seed for trial in trials_of(WORLD, CASES, CONFIG.weight, 3)]
    assert all(len(set(seeds[i : i + SOURCES])) == 1 for i in range(0, len(seeds), SOURCES))
    assert len(set(seeds)) == len(seeds) // SOURCES


def test_tags_behind_the_sentence_are_refused() -> None:
    config = source_benches.SEVEN.model_copy(update={"place": "last"})
    with pytest.raises(UserError, match=r"sources\.place is last"):
        source_cases(source_benches.world(config), source_benches.mind(config), CONFIG, 0)


def test_a_world_without_a_fact_of_a_kind_is_refused() -> None:
    config = SourcesConfig(reliabilities=(1, 0), calibration_percent=50, report_percent=50)
    world = source_benches.world(config)
    with pytest.raises(UserError, match="no told fact is a root"):
        source_cases(world, source_benches.mind(config), CONFIG, 0)
