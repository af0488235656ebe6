"""The rational mind of a world with sources: what it learns of each, beside counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
import source_benches
import worlds

from worldgen.bayes.agent import Edit
from worldgen.bayes.trust.reports import Report
from worldgen.errors import UserError
from worldgen.evaluate.sources.rational import nobody, source_mind
from worldgen.worlds.tagged_sources import Part
from worldgen.worlds.world import NONE

WORLD, AGENT, MIND = source_benches.world(), source_benches.agent(), source_benches.mind()


def told_root() -> int:
    return int(np.flatnonzero((WORLD.sources.part == Part.UNREPORTED) & (WORLD.upstream == NONE))[0])


def test_reliabilities_are_counts_of_right_and_wrong_reports_of_calibration_facts() -> None:
    reports = WORLD.sources.reports
    for k in range(len(WORLD.sources)):
        right = wrong = 0
        for fact, source, error in zip(reports.fact, reports.source, reports.error, strict=True):
            if source == k and WORLD.sources.part[fact] == Part.CALIBRATION:
                right, wrong = right + (not error), wrong + bool(error)
        assert MIND.trust.mean_reliabilities()[k] == pytest.approx((1 + right) / (2 + right + wrong), abs=1e-12)


def test_a_newcomer_is_trusted_as_nobody_knows_him() -> None:
    assert MIND.trust.mean_reliabilities()[6] == pytest.approx(0.5, abs=1e-12)


def test_the_skeptical_mind_takes_a_newcomer_for_one_who_guesses() -> None:
    skeptical = source_mind(WORLD, AGENT, source_benches.CONFIG.model_copy(update={"prior": "skeptical"}))
    assert skeptical.trust.mean_reliabilities()[6] == pytest.approx(1 / len(WORLD.objects))


def test_a_single_report_of_an_unknown_fact_is_believed_as_its_source_is_trusted() -> None:
    """Uniform prior, uniform background: the mean reliability, but for the weight that the prior keeps."""
    reports = WORLD.sources.reports
    weight, K = source_benches.CONFIG.weight, len(WORLD.objects)
    is_root = WORLD.upstream[reports.fact] == NONE
    only = np.flatnonzero((WORLD.sources.part[reports.fact] == Part.REPORT) & is_root)
    for i in only[:20]:
        rho = MIND.trust.mean_reliabilities()[reports.source[i]]
        expected = rho * (1 / K + weight) / (1 + weight) + (1 - rho) / K
        assert MIND.credence(int(reports.fact[i]), int(reports.object[i])) == pytest.approx(expected, abs=1e-12)


def test_a_request_of_nobody_is_todays_edit_to_the_bit() -> None:
    fact = told_root()
    subject, relation = int(WORLD.subject[fact]), int(WORLD.relation[fact])
    for object_ in WORLD.ranges[relation].tolist():
        edited = AGENT.revise(Edit(subject, relation, object_, 7.0))
        told = [Report(fact, nobody(WORLD), object_, 7.0)]
        assert MIND.trust.belief(fact, told)[object_] == edited.root(subject, relation)[object_]
        assert MIND.credence(fact, object_, told) == pytest.approx(edited.root(subject, relation)[object_], abs=1e-15)


def test_more_reliable_sources_are_believed_more_of_the_same() -> None:
    fact = told_root()
    object_ = int(WORLD.ranges[WORLD.relation[fact]][0])
    believed = [MIND.credence(fact, object_, [Report(fact, k, object_, 100)]) for k in range(len(WORLD.sources))]
    rho = MIND.trust.mean_reliabilities()[: len(WORLD.sources)]
    assert np.argsort(believed).tolist() == np.argsort(rho).tolist()


def test_what_follows_is_believed_in_between() -> None:
    """After a request of a source, the dependent fact is a mixture of the agents with and without it."""
    pair = WORLD.pairs()[0]
    facts = np.flatnonzero((WORLD.sources.part == Part.UNREPORTED) & (WORLD.relation == pair.upstream))
    fact = next(f for f in facts.tolist() if AGENT.observations(int(WORLD.subject[f]), pair.downstream))
    subject = int(WORLD.subject[fact])
    object_ = next(o for o in WORLD.ranges[pair.upstream].tolist() if o != WORLD.truth[fact])
    edit = Report(fact, 1, object_, 50.0)
    w = MIND.trust.terms(fact, [edit])  # genuine or not
    assert w.sum() == pytest.approx(1)
    without, edited = (
        mind.belief(subject, pair.downstream)
        for mind in (AGENT, AGENT.revise(Edit(subject, pair.upstream, object_, 50.0)))
    )
    genuine = (MIND.credence(fact, object_, [edit]) - AGENT.root(subject, pair.upstream)[object_]) / (
        AGENT.revise(Edit(subject, pair.upstream, object_, 50.0)).root(subject, pair.upstream)[object_]
        - AGENT.root(subject, pair.upstream)[object_]
    )
    believed = MIND.after(fact, [edit]).belief(subject, pair.downstream)
    for o in WORLD.ranges[pair.downstream].tolist():
        assert believed[o] == pytest.approx(genuine * edited[o] + (1 - genuine) * without[o], abs=1e-9)


def test_a_world_without_sources_is_refused() -> None:
    with pytest.raises(UserError, match=r"sources\.reliabilities"):
        source_mind(worlds.world(), worlds.agent(), source_benches.CONFIG)


def test_a_copier_is_trusted_as_much_as_the_one_it_copies() -> None:
    config = source_benches.SEVEN.model_copy(update={"copies": (1,)})
    learned = source_benches.mind(config).trust.mean_reliabilities()
    assert learned[7] == pytest.approx(learned[1], abs=1e-12)
