"""Minds that are not sure which reports are genuine: against all choices in exact fractions, one by one and at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import hundreds
from trust_oracle import Asserted, Source, answers_of_agents
from trust_worlds import betas, sources

from worldgen.bayes.testing import MicroWorld, agent_of, facts_of, micro_worlds
from worldgen.bayes.trust.genuine import Genuine, uniform_background
from worldgen.bayes.trust.minds import mind_after, minds_after
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Reading, Report, Reports
from worldgen.bayes.trust.trust import Trust, fit
from worldgen.bayes.trust.truth import Truth

EXACT = 1e-12


def trust_of(world: MicroWorld, priors: tuple[Source, ...], said: Reports, reading: Reading = "assertion") -> Trust:
    """Model B of all facts (s, r), numbered s R + r, of a world and of one subject more."""
    facts = facts_of(world._replace(S=world.S + 1))
    model = Genuine(agent_of(world), facts.subject, facts.relation, uniform_background(world.K, world.R))
    return fit(model, said, betas(priors), reading)


@st.composite
def asked_worlds(draw: st.DrawFn) -> tuple[MicroWorld, tuple[Source, ...], int, list[Asserted]]:
    """Draws a world with any reading, some sources, and what they assert of one of its facts: no two the same."""
    world = draw(micro_worlds(max_sentences=10))
    priors = draw(sources(world.K, draw(st.integers(1, 2))))
    fact = draw(st.integers(0, (world.S + 1) * world.R - 1))
    one = st.builds(
        Asserted, st.integers(0, len(priors) - 1), st.integers(0, world.K - 1), st.sampled_from([1, 3, 1000])
    )
    said = draw(st.lists(one, min_size=1, max_size=3, unique_by=lambda each: each[:2]))
    return world, priors, fact, said


@hundreds
@given(asked_worlds())
def test_reports_of_any_fact_are_the_sum_over_all_choices(drawn) -> None:
    """Roots, downstream facts and facts down a chain, in each reading; what follows of every other fact, too."""
    world, priors, fact, said = drawn
    place = divmod(fact, world.R)
    try:
        answers = answers_of_agents(world, priors, place, said)
    except ZeroDivisionError:
        with pytest.raises(ValueError, match="impossible"):
            mind_after(
                trust_of(world, priors, Reports.of(len(priors), [], [], [])), fact, [Report(fact, *s) for s in said]
            )
        return
    trust = trust_of(world, priors, Reports.of(len(priors), [], [], []))
    edits = [Report(fact, source, object_, float(weight)) for source, object_, weight in said]
    mind = mind_after(trust, fact, edits)
    for number, expected in enumerate(answers.beliefs[:-1]):
        found = mind.belief(*divmod(number, world.R)).dense()
        np.testing.assert_allclose(found, np.array(expected, float), rtol=0, atol=EXACT)
    of_request = np.array(answers.beliefs[-1], float)
    np.testing.assert_allclose(trust.belief(fact, edits).dense(), of_request, rtol=0, atol=EXACT)
    np.testing.assert_allclose(mind.belief_of_request(*place).dense(), of_request, rtol=0, atol=EXACT)
    for object_ in range(world.K):
        assert trust.credence(fact, object_, edits) == pytest.approx(of_request[object_], abs=EXACT)


# -- many minds at once ----------------------------------------------------------------------------------------------


@st.composite
def heard_worlds(draw: st.DrawFn) -> tuple[Trust, list[int], list[list[Report]]]:
    """Draws a mind that has heard reports of many facts, and questions: facts, which may repeat, each with edits."""
    world = draw(micro_worlds(max_sentences=10))
    F, K = (world.S + 1) * world.R, draw(st.integers(1, 3))
    fact, source, object_ = st.integers(0, F - 1), st.integers(0, K - 1), st.integers(0, world.K - 1)
    a, b = (draw(st.lists(st.sampled_from([0.5, 1.0, 8.0]), min_size=K, max_size=K)) for _ in "ab")
    known = draw(st.lists(st.sampled_from([np.nan, np.nan, 0.3, 1.0]), min_size=K, max_size=K))
    prior = Betas(np.array(a), np.array(b), np.array(known))
    said = draw(st.lists(st.tuples(fact, source, object_), max_size=5))
    reading = draw(st.sampled_from(["assertion", "independent"]))
    facts = facts_of(world._replace(S=world.S + 1))
    model = Genuine(agent_of(world), facts.subject, facts.relation, uniform_background(world.K, world.R))
    trust = fit(model, Reports.of(K, *np.array(said, np.int64).reshape(-1, 3).T), prior, reading)
    if draw(st.booleans()):
        trust = trust.revise(Report(draw(fact), draw(source), draw(object_), 2.0))
    asked = draw(st.lists(fact, min_size=1, max_size=5))
    edits = [
        draw(st.lists(st.builds(Report, st.just(f), source, object_, st.sampled_from([1.0, 4.0])), max_size=2))
        for f in asked
    ]
    return trust, asked, edits


@hundreds
@given(heard_worlds(), st.data())
def test_many_minds_at_once_are_each_mind_by_itself(drawn, data: st.DataObject) -> None:
    """The questions of all minds in one batch: any fact of any subject, as believed and as of a request."""
    trust, asked, edits = drawn
    model = trust.model
    assert isinstance(model, Genuine)
    one_by_one = [mind_after(trust, *question) for question in zip(asked, edits, strict=True)]
    minds = minds_after(trust, np.array(asked), edits)
    assert np.diff(minds.start).tolist() == [len(mind.agents) for mind in one_by_one]
    Q = data.draw(st.integers(1, 6))
    which = np.array(data.draw(st.lists(st.integers(0, len(asked) - 1), min_size=Q, max_size=Q)))
    about = np.array(data.draw(st.lists(st.integers(0, len(model.subject) - 1), min_size=Q, max_size=Q)))
    subject, relation = model.subject[about].astype(np.int64), model.relation[about].astype(np.int64)
    every = np.tile(np.arange(model.agent.K), (Q, 1))
    beliefs, requests = (ask(which, subject, relation) for ask in (minds.beliefs, minds.requests))
    for found, name in ((beliefs, "belief"), (requests, "belief_of_request")):
        expected = np.array(
            [
                getattr(one_by_one[m], name)(int(s), int(r)).dense()
                for m, s, r in zip(which, subject, relation, strict=True)
            ]
        )
        np.testing.assert_allclose(found.at(every), expected, rtol=0, atol=EXACT)
        dense = np.array([distribution.dense() for distribution in found.distributions()])
        np.testing.assert_allclose(dense, expected, rtol=0, atol=EXACT)
    of_facts = trust.belief(asked[0], edits[0]).dense()
    s, r = (np.array([int(column[asked[0]])]) for column in (model.subject, model.relation))
    np.testing.assert_allclose(minds.requests(np.array([0]), s, r).at(every[:1])[0], of_facts, rtol=0, atol=EXACT)


@settings(max_examples=20)
@given(heard_worlds())
def test_a_mind_of_a_batch_does_not_depend_on_the_others(drawn) -> None:
    trust, asked, edits = drawn
    minds = minds_after(trust, np.array(asked * 2), edits * 2)
    M = len(asked)
    assert minds.weight[: minds.start[M]] == pytest.approx(minds.weight[minds.start[M] :], abs=1e-15)


def test_what_minds_refuse() -> None:
    world = MicroWorld(1, 1, 3, (), 1 / 3, 1, ())  # type: ignore[arg-type]
    trust = trust_of(world, (Source(),), Reports.of(1, [], [], []))
    with pytest.raises(ValueError, match="fact of its edits"):
        minds_after(trust, np.array([0]), [[Report(1, 0, 0)]])
    with pytest.raises(ValueError, match="Model B"):
        minds_after(fit(Truth(Priors.uniform(1, 3)), trust.reports, Betas.uniform(1)), np.array([0]), [[]])
