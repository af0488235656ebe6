"""Model B and its edits: today's agent where every source is right, and the formulas of B7.3 and B7.4."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import hundreds
from scipy.special import betaln

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.testing import MicroWorld, agent_of, edited_worlds, edits_of, facts_of, micro_worlds
from worldgen.bayes.trust.edits import MOST_REPORTS, ceiling, least_weight
from worldgen.bayes.trust.genuine import Genuine, choices_of, log_rising, marginal_background, uniform_background
from worldgen.bayes.trust.minds import paper_belief
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Reading, Report, Reports
from worldgen.bayes.trust.trust import Trust, fit
from worldgen.bayes.trust.truth import Truth

EXACT = 1e-12
NOBODY = Reports.of(1, [], [], [])


def model_of(world: MicroWorld, agent: Agent) -> Genuine:
    """Model B of all facts (s, r) of a world and of one subject more, numbered s R + r."""
    facts = facts_of(world._replace(S=world.S + 1))
    return Genuine(agent, facts.subject, facts.relation, uniform_background(world.K, world.R))


def report(world: MicroWorld, edit: Edit) -> Report:
    return Report(edit.subject * world.R + edit.relation, 0, edit.object, edit.weight)


# -- every rho = 1 is today's agent ------------------------------------------------------------------------------


def assert_same(found, expected) -> None:
    """Two distributions are the same to the bit."""
    assert found.default == expected.default
    np.testing.assert_array_equal(found.object, expected.object)
    np.testing.assert_array_equal(found.probability, expected.probability)


@hundreds
@given(edited_worlds())
def test_sources_that_are_always_right_are_todays_agent_to_the_bit(drawn: tuple[MicroWorld, tuple[Edit, ...]]) -> None:
    """Distinct edits are asserted by one source: facts are believed as today's agent believes its own edits."""
    world, edits = drawn
    edits = tuple({edit[:3]: edit for edit in edits}.values())
    agent = agent_of(world)
    trust = fit(model_of(world, agent), NOBODY, Betas.certain([1.0]))
    asserted = [report(world, edit) for edit in edits]
    for f in range((world.S + 1) * world.R):
        s, r = divmod(f, world.R)
        # Reports are kept sorted, edits are not: the sum of weights for an object has but one term.
        own = sorted((edit for edit in edits if edit[:2] == (s, r)), key=lambda edit: edit.object)
        revised = agent.revise(*own)
        assert_same(trust.belief(f, asserted), revised.belief_of_request(s, r))
        for relation, upstream in agent.parent.items():
            if upstream == r:
                assert_same(paper_belief(trust, f, relation, asserted), revised.belief(s, relation))


@hundreds
@given(micro_worlds(), st.data(), st.sampled_from([0.5, 0.9, 0.95]))
def test_the_weight_for_a_source_that_is_always_right_is_todays(world: MicroWorld, data, target: float) -> None:
    edit, agent = data.draw(edits_of(world)), agent_of(world)
    trust = fit(model_of(world, agent), NOBODY, Betas.certain([1.0]))
    assert least_weight(trust, report(world, edit), target) == agent.weight_for(*edit[:3], target)


# -- one assertion (E1) ------------------------------------------------------------------------------------------


@st.composite
def calibrated(draw: st.DrawFn, reading: Reading = "assertion") -> tuple[Trust, Report, float]:
    """Draws a mind whose source is calibrated to Beta(a', b'), an edit by it, and the mean reliability."""
    world = draw(micro_worlds())
    a, b = draw(st.floats(0.1, 50)), draw(st.floats(0.1, 50))
    edit = report(world, draw(edits_of(world, st.integers(1, 1000).map(float))))
    return fit(model_of(world, agent_of(world)), NOBODY, Betas.of([a], [b]), reading), edit, a / (a + b)


def m_and_w(trust: Trust, edit: Report, rho: float) -> tuple[np.ndarray, float]:
    """The belief m before the edit, and w = rho m_y / (rho m_y + (1 - rho) b_y)."""
    m = trust.belief(edit.fact).dense()
    return m, rho * m[edit.object] / (rho * m[edit.object] + (1 - rho) / len(m))


@hundreds
@given(calibrated())
def test_an_assertion_is_a_mixture_of_two_minds(drawn: tuple[Trust, Report, float]) -> None:
    trust, edit, rho = drawn
    m, w = m_and_w(trust, edit, rho)
    model, s, r = trust.model, *divmod(edit.fact, trust.model.agent.facts.R)
    genuine = model.agent.revise(Edit(s, r, edit.object, edit.weight)).belief_of_request(s, r).dense()
    found = trust.belief(edit.fact, [edit])
    np.testing.assert_allclose(found.dense(), w * genuine + (1 - w) * m, rtol=0, atol=EXACT)
    assert found.total() == pytest.approx(1, abs=EXACT)


@given(calibrated())
def test_no_assertion_is_believed_beyond_its_ceiling(drawn: tuple[Trust, Report, float]) -> None:
    """The ceiling is w + (1 - w) m_y; belief rises with the weight and stays below."""
    trust, edit, rho = drawn
    m, w = m_and_w(trust, edit, rho)
    cap = ceiling(trust, edit)
    assert cap == pytest.approx(w + (1 - w) * m[edit.object], abs=EXACT)
    weights = [10.0**i for i in range(0, 13, 3)]
    beliefs = [trust.credence(edit.fact, edit.object, [edit._replace(weight=n)]) for n in weights]
    assert all(low <= high + EXACT for low, high in zip(beliefs, [*beliefs[1:], cap], strict=True))


@hundreds
@given(calibrated(), st.sampled_from([0.3, 0.6, 0.95]))
def test_the_least_weight_is_least_or_does_not_exist(drawn: tuple[Trust, Report, float], target: float) -> None:
    trust, edit, _ = drawn
    before = trust.credence(edit.fact, edit.object)
    goal = target if before <= target else (1 + before) / 2

    def believed(n: int) -> float:
        return trust.credence(edit.fact, edit.object, [edit._replace(weight=n)])

    n = least_weight(trust, edit, target)
    if n is None:
        assert ceiling(trust, edit) < goal
    else:
        slack = 2e-9 * (1 - goal)  # the tolerance of `least_weight`
        assert believed(n) >= goal - slack
        assert n == 1 or believed(n - 1) < goal + slack


def test_a_source_that_is_not_trusted_cannot_say_it_strongly_enough() -> None:
    """Ten objects, nothing was seen: m_y = 1/10 = b_y, so w = rho = 1/2, and the belief is at most 1/2 + 1/20."""
    world = MicroWorld(1, 1, 10, (), 1 / 10, 1, ())  # type: ignore[arg-type]
    trust = fit(model_of(world, agent_of(world)), NOBODY, Betas.uniform(1))
    edit = Report(0, 0, 1, weight=1000)
    assert ceiling(trust, edit) == pytest.approx(0.55, abs=EXACT)
    assert trust.credence(0, 1, [edit]) == pytest.approx(0.5 * (0.1 + 1000) / 1001 + 0.5 * 0.1, abs=EXACT)
    assert least_weight(trust, edit, 0.95) is None
    assert least_weight(trust, edit, 0.5) == 8  # (.1 + n) / (1 + n) / 2 + 1/20 >= 1/2 where .1 + n >= .9 + .9 n
    for impossible in (0, 1, -1):
        with pytest.raises(ValueError, match="credence"):
            least_weight(trust, edit, impossible)


def test_an_assertion_that_was_made_already_adds_nothing_but_its_strength() -> None:
    world = MicroWorld(1, 1, 3, (), 1 / 3, 1, ())  # type: ignore[arg-type]
    model = model_of(world, agent_of(world))
    heard = fit(model, Reports.of(1, [0, 0], [0, 0], [1, 1]), Betas.uniform(1))
    edit = Report(0, 0, 1, weight=5)
    fresh = fit(model, NOBODY, Betas.uniform(1))
    np.testing.assert_array_equal(heard.belief(0, [edit]).dense(), fresh.belief(0, [edit]).dense())
    np.testing.assert_array_equal(heard.belief(0).dense(), fresh.belief(0, [edit._replace(weight=1)]).dense())


# -- independent reports (E2) ------------------------------------------------------------------------------------


@hundreds
@given(calibrated("independent"), st.integers(1, 40))
def test_equal_independent_reports_are_the_mixture_over_how_many_are_genuine(
    drawn: tuple[Trust, Report, float], n: int
) -> None:
    """w_j proportional to C(n, j) B(a' + j, b' + n - j) b_y^(n - j) (A_y)_j / (A)_j."""
    trust, edit, _ = drawn
    agent, (s, r) = trust.model.agent, divmod(edit.fact, trust.model.agent.facts.R)
    (a,), (b,) = trust.learned.prior.a, trust.learned.prior.b
    A_y, A = agent.weighed_request(s, r, edit.object)
    j = np.arange(n + 1)
    rising = [log_rising(np.full(n + 1, x), j) for x in (A_y, A)]
    ways = -np.log(n + 1.0) - betaln(n - j + 1.0, j + 1.0)
    log_w = ways + betaln(a + j, b + n - j) - (n - j) * np.log(agent.K) + rising[0] - rising[1]
    w = np.exp(log_w - np.logaddexp.reduce(log_w))
    found = trust.credence(edit.fact, edit.object, [edit._replace(weight=n)])
    assert found == pytest.approx(w @ ((A_y + j) / (A + j)), abs=EXACT)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (2.0, 9.0), (9.0, 2.0)])
def test_independent_reports_have_their_odds_in_model_a(a: float, b: float) -> None:
    """Odds (M - 1)^n B(a' + n, b') / B(a', b' + n) to one: even a weak source is believed if it says it often."""
    M, reports = 20, Reports.of(1, [], [], [])
    trust = fit(Truth(Priors.uniform(1, M)), reports, Betas.of([a], [b]), "independent")
    for n in (1, 2, 5, 40):
        log_odds = n * np.log(M - 1) + betaln(a + n, b) - betaln(a, b + n) - np.log(M - 1)
        found = trust.credence(0, 3, [Report(0, 0, 3, weight=n)])
        assert found == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=EXACT)
    least = least_weight(trust, Report(0, 0, 3), 0.95)
    beliefs = [trust.credence(0, 3, [Report(0, 0, 3, weight=n)]) for n in range(1, 10)]
    assert least == 1 + next(i for i, p in enumerate(beliefs) if p >= 0.95)


def test_a_guess_among_two_is_never_enough() -> None:
    """Two objects, Beta(1, 1): a report and its opposite are as probable, however often it is made."""
    trust = fit(Truth(Priors.uniform(1, 2)), NOBODY, Betas.uniform(1), "independent")
    assert trust.credence(0, 1, [Report(0, 0, 1, weight=MOST_REPORTS)]) == pytest.approx(0.5, abs=EXACT)
    assert least_weight(trust, Report(0, 0, 1), 0.95) is None
    with pytest.raises(ValueError, match="ceiling"):
        ceiling(trust, Report(0, 0, 1))


# -- refusals, backgrounds ---------------------------------------------------------------------------------------


def test_the_marginal_background_is_the_belief_about_a_subject_never_seen() -> None:
    world = MicroWorld(2, 2, 3, (), 1 / 3, 1, ())  # type: ignore[arg-type]
    agent = agent_of(world)
    for relation, b in enumerate(marginal_background(agent, 2)):
        np.testing.assert_array_equal(b.dense(), agent.unseen_subject(relation).dense())
    np.testing.assert_array_equal(uniform_background(3, 2)[1].dense(), np.full(3, 1 / 3))


def test_model_b_refuses_what_it_cannot_do() -> None:
    world = MicroWorld(1, 2, 3, ((0, 1),), 1 / 3, 1, ())  # type: ignore[arg-type]
    agent = agent_of(world)
    with pytest.raises(ValueError, match="before it is revised"):
        model_of(world, agent.revise(Edit(0, 0, 0, 1)))
    trust = fit(model_of(world, agent), NOBODY, Betas.uniform(1))
    with pytest.raises(ValueError, match="does not depend"):
        paper_belief(trust, 0, 0)
    with pytest.raises(ValueError, match="Model B"):
        paper_belief(fit(Truth(Priors.uniform(1, 3)), NOBODY, Betas.uniform(1)), 0, 1)
    with pytest.raises(ValueError, match="too many to be exact"):
        choices_of(np.zeros(23, np.int64), np.ones(23, np.int64), 1)
    for fact, object_ in ((0, 3), (4, 0)):
        with pytest.raises(ValueError, match="fact or an object"):
            trust.belief(0, [Report(fact, 0, object_)])
    for fact in (-1, 4):
        with pytest.raises(ValueError, match="fact or an object"):
            trust.belief(fact)
