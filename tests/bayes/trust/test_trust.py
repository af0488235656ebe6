"""The theorems of B7: neutrality, a single report, labels and tags, retracting; and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trust_oracle import GenuineWorld, Said, TruthWorld
from trust_worlds import betas, counted, genuine_of, genuine_worlds, truth_of, truth_worlds

from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Reading, Report, Reports
from worldgen.bayes.trust.trust import Trust, fit
from worldgen.bayes.trust.truth import Truth

READINGS = st.sampled_from(["assertion", "independent"])
EXACT = 1e-12


def fitted(world: TruthWorld | GenuineWorld, reading: Reading) -> Trust | None:
    """The agent, or None where the reports are impossible."""
    model = truth_of(world) if isinstance(world, TruthWorld) else genuine_of(world)
    try:
        return fit(model, counted(world.said, len(world.sources)), betas(world.sources), reading)
    except ValueError as refusal:
        if "impossible" not in str(refusal):
            raise
        return None


def same(one: Trust, other: Trust) -> bool:
    """Whether every number of two minds is the same, to the bit."""
    facts = one.model.groups().tolist()
    equal = [np.array_equal(one.belief(f).dense(), other.belief(f).dense()) for f in facts]
    equal += [np.array_equal(one.mean_reliabilities(), other.mean_reliabilities())]
    equal += [one.learned.log_evidence == other.learned.log_evidence]
    return all(equal)


# -- a single report ---------------------------------------------------------------------------------------------


@given(st.integers(2, 50), st.integers(0, 30), st.integers(0, 30))
def test_a_single_report_is_believed_as_its_source_is(M: int, right: int, wrong: int) -> None:
    """Under a uniform prior p(y) is the mean reliability, and each other object has its share of the rest."""
    calibration = right + wrong
    truth = np.append(np.zeros(calibration, np.int64), -1)
    said = np.append(np.repeat([0, 1], [right, wrong]), M - 1)
    reports = Reports.of(1, np.arange(calibration + 1), np.zeros(calibration + 1), said)
    belief = fit(Truth(Priors.known(truth, M)), reports, Betas.uniform(1)).belief(calibration).dense()
    rho = (1 + right) / (2 + right + wrong)
    np.testing.assert_allclose(belief, np.append(np.full(M - 1, (1 - rho) / (M - 1)), rho), rtol=0, atol=EXACT)


@given(truth_worlds(), READINGS, st.data())
def test_single_reports_of_unknown_facts_teach_nothing(world: TruthWorld, reading: Reading, data) -> None:
    """Neutrality: reliabilities stay, to the bit, and each such report has the probability 1 / M."""
    before = fitted(world, reading)
    K, M = len(world.sources), len(world.priors[0])
    one = st.tuples(st.integers(0, K - 1), st.integers(0, M - 1))
    more = data.draw(st.lists(one, min_size=1, max_size=20))
    said = tuple(Said(len(world.priors) + i, *each) for i, each in enumerate(more))
    priors = world.priors + (tuple([1 / M] * M),) * len(more)  # type: ignore[arg-type]
    after = fitted(world._replace(priors=priors, said=world.said + said), reading)
    assert (before is None) == (after is None)
    if before is None or after is None:
        return
    np.testing.assert_array_equal(after.mean_reliabilities(), before.mean_reliabilities())
    falls = before.learned.log_evidence - after.learned.log_evidence
    assert falls == pytest.approx(len(more) * np.log(M), abs=1e-11)


@given(st.integers(2, 9), READINGS, st.data())
def test_a_source_as_good_as_a_guess_says_nothing(M: int, reading: Reading, data) -> None:
    """rho = 1 / M leaves any prior as it is."""
    prior = np.array(data.draw(st.lists(st.integers(1, 9), min_size=M, max_size=M)), float)
    said = data.draw(st.lists(st.integers(0, M - 1), max_size=5))
    reports = Reports.of(1, np.zeros(len(said)), np.zeros(len(said)), said)
    priors = Priors(np.array([M]), np.array([0, M]), np.arange(M), prior / prior.sum(), np.zeros(1))
    belief = fit(Truth(priors), reports, Betas.certain([1 / M]), reading).belief(0)
    np.testing.assert_allclose(belief.dense(), prior / prior.sum(), rtol=0, atol=EXACT)


def test_below_a_guess_a_report_speaks_against_itself() -> None:
    reports, priors = Reports.of(1, [0], [0], [1]), Priors.uniform(1, 4)
    assert fit(Truth(priors), reports, Betas.certain([0.1])).belief(0).dense().tolist() == pytest.approx(
        [0.3, 0.1, 0.3, 0.3], abs=EXACT
    )


# -- symmetries --------------------------------------------------------------------------------------------------


@given(st.one_of(truth_worlds(), genuine_worlds()), READINGS, st.data())
def test_relabelled_objects_relabel_the_answers(world: TruthWorld | GenuineWorld, reading: Reading, data) -> None:
    rows = world.priors if isinstance(world, TruthWorld) else world.A
    to = data.draw(st.permutations(range(len(rows[0]))))
    back = np.argsort(to)

    def moved(vectors):
        return tuple([row[o] for o in back] for row in vectors)

    said = tuple(each._replace(object=to[each.object]) for each in world.said)
    if isinstance(world, TruthWorld):
        other = fitted(world._replace(priors=moved(rows), said=said), reading)
    else:
        other = fitted(world._replace(A=moved(rows), background=moved(world.background), said=said), reading)
    trust = fitted(world, reading)
    assert (trust is None) == (other is None)
    if trust and other:
        np.testing.assert_allclose(other.mean_reliabilities(), trust.mean_reliabilities(), rtol=0, atol=EXACT)
        for fact in range(len(rows)):
            found = other.belief(fact).dense()[list(to)]
            np.testing.assert_allclose(found, trust.belief(fact).dense(), rtol=0, atol=EXACT)


@given(st.one_of(truth_worlds(), genuine_worlds()), READINGS, st.data())
def test_swapped_tags_swap_the_reliabilities(world: TruthWorld | GenuineWorld, reading: Reading, data) -> None:
    to = data.draw(st.permutations(range(len(world.sources))))
    said = tuple(each._replace(source=to[each.source]) for each in world.said)
    other = fitted(world._replace(sources=tuple(world.sources[k] for k in np.argsort(to)), said=said), reading)
    trust = fitted(world, reading)
    assert (trust is None) == (other is None)
    if trust and other:
        means = other.mean_reliabilities()[list(to)]
        np.testing.assert_allclose(means, trust.mean_reliabilities(), rtol=0, atol=EXACT)
        for fact in trust.model.groups().tolist():
            found, expected = other.belief(fact).dense(), trust.belief(fact).dense()
            np.testing.assert_allclose(found, expected, rtol=0, atol=EXACT)


# -- views -------------------------------------------------------------------------------------------------------


@given(st.one_of(truth_worlds(), genuine_worlds()), READINGS, st.data())
def test_retracting_restores_each_bit(world: TruthWorld | GenuineWorld, reading: Reading, data) -> None:
    trust = fitted(world, reading)
    if trust is None or trust.learned.prior.is_known.any():
        return
    facts = len(world.priors if isinstance(world, TruthWorld) else world.A)
    ids = st.integers(0, facts - 1), st.integers(0, len(world.sources) - 1), st.integers(0, 1)
    edits = data.draw(st.lists(st.builds(Report, *ids, st.integers(1, 3).map(float)), min_size=1, max_size=3))
    beliefs = [trust.belief(fact).dense() for fact in range(facts)]
    revised = trust.revise(*edits)
    assert same(revised.retract(*reversed(edits)), trust)
    assert same(revised.retract(*edits[1:]), trust.revise(edits[0]))
    # The first mind is as it was.
    assert all(np.array_equal(trust.belief(f).dense(), p) for f, p in enumerate(beliefs))
    asked = [trust.belief(fact, edits).dense() for fact in range(facts)]
    np.testing.assert_allclose(asked, [revised.belief(f).dense() for f in range(facts)], rtol=0, atol=EXACT)


def test_what_was_not_said_cannot_be_retracted() -> None:
    trust = fit(Truth(Priors.uniform(2, 3)), Reports.of(1, [0], [0], [0]), Betas.uniform(1))
    with pytest.raises(ValueError, match="not heard"):
        trust.retract(Report(0, 0, 0))


@pytest.mark.parametrize(
    "ask",
    [
        lambda trust: trust.belief(5),
        lambda trust: trust.belief(-1),
        lambda trust: trust.belief(0, [Report(0, 2, 0)]),
        lambda trust: trust.belief(0, [Report(0, 0, 3)]),
        lambda trust: trust.belief(0, [Report(9, 0, 0)]),
        lambda trust: trust.reliability(2),
        lambda trust: fit(trust.model, trust.reports, Betas.uniform(3)),
        lambda trust: fit(trust.model, Reports.of(2, [7], [0], [0]), Betas.uniform(2)),
        lambda trust: fit(trust.model, Reports.of(2, [0], [0], [3]), Betas.uniform(2)),
        lambda trust: fit(trust.model, trust.reports, Betas.certain([0.5, 0.5])).reliability(0),
    ],
)
def test_impossible_questions_are_refused(ask) -> None:
    trust = fit(Truth(Priors.uniform(2, 3)), Reports.of(2, [0, 1], [0, 1], [0, 1]), Betas.uniform(2))
    with pytest.raises(ValueError, match=r"fact|source|object"):
        ask(trust)


@pytest.mark.parametrize(
    "prior", [lambda: Priors.uniform(1, 1), lambda: Priors.known([-2], 3), lambda: Priors.known([3], 3)]
)
def test_impossible_facts_are_refused(prior) -> None:
    with pytest.raises(ValueError, match="two objects or more"):
        prior()


def test_a_report_outside_the_candidates_says_only_that_its_source_is_wrong() -> None:
    """Six objects, candidates 0 and 1 (T1): rho / 2 + 1/2 (1 - rho) / 5 for one of them, (1 - rho) / 5 for others."""
    candidates = Priors(np.array([6]), np.array([0, 2]), np.arange(2), np.full(2, 0.5), np.zeros(1))
    inside, outside = (
        fit(Truth(candidates), Reports.of(1, [0], [0], [said]), Betas.of([3.0], [1.0])) for said in (1, 4)
    )
    likelihood = 0.75 / 2 + 0.25 / 10
    assert inside.belief(0).dense() == pytest.approx([0.025 / likelihood, 0.375 / likelihood, 0, 0, 0, 0], abs=EXACT)
    assert inside.learned.log_evidence == pytest.approx(np.log(likelihood), abs=EXACT)
    assert outside.belief(0).dense() == pytest.approx([0.5, 0.5, 0, 0, 0, 0], abs=EXACT)
    assert outside.mean_reliabilities() == pytest.approx([3 / 5], abs=EXACT)


def test_sources_tied_by_too_many_unknown_facts_are_refused() -> None:
    fact, source = np.repeat(np.arange(3000), 4), np.tile(np.arange(4), 3000)
    said = np.random.default_rng(1).integers(0, 5, 12000)
    reports = Reports.of(4, fact, source, said)
    with pytest.raises(ValueError, match="points to be exact"):
        fit(Truth(Priors.uniform(3000, 5)), reports, Betas.uniform(4))
    # With every truth known the same reports are conjugate.
    known = fit(Truth(Priors.known(np.zeros(3000, np.int64), 5)), reports, Betas.uniform(4))
    right = np.bincount(source[said == 0], minlength=4)
    np.testing.assert_allclose(known.mean_reliabilities(), (1 + right) / 3002, rtol=0, atol=EXACT)


# -- many facts --------------------------------------------------------------------------------------------------


def test_calibration_and_single_reports_of_many_facts() -> None:
    """20,000 facts: half calibrate six sources, half are reported once; each of those is believed as its source is."""
    rng = np.random.default_rng(20)
    F, M, K = 20_000, 1000, 6
    true, source = rng.integers(0, M, F), rng.integers(0, K, F)
    is_right = rng.random(F) < np.array([1, 0.9, 0.75, 0.5, 0.25, 0])[source]
    said = np.where(is_right, true, (true + rng.integers(1, M, F)) % M)
    calibrates = np.arange(F) < F // 2
    reports = Reports.of(K, np.arange(F), source, said)
    trust = fit(Truth(Priors.known(np.where(calibrates, true, -1), M)), reports, Betas.uniform(K))
    right, N = (np.bincount(source[calibrates & each], minlength=K) for each in (is_right, np.ones(F, bool)))
    rho = (1 + right) / (2 + N)
    np.testing.assert_allclose(trust.mean_reliabilities(), rho, rtol=0, atol=EXACT)
    for fact in range(F // 2, F // 2 + 50):
        assert trust.credence(fact, said[fact]) == pytest.approx(rho[source[fact]], abs=EXACT)
    low, high = trust.reliability(3).interval()
    assert low < 0.5 < high < low + 0.06


# -- simulation --------------------------------------------------------------------------------------------------


def test_beliefs_are_those_of_simulated_worlds() -> None:
    """400,000 worlds are drawn from Model A; those in which the sources said what was heard are kept.

    Seed 7. The tolerance is 4.5 standard errors of a share among the kept worlds.
    """
    rng = np.random.default_rng(7)
    n, M, a, b = 400_000, 3, np.array([2.0, 1.0]), np.array([1.0, 1.0])
    heard = [(0, 0, 1), (0, 1, 1), (1, 0, 2), (1, 1, 0)]  # fact, source, object
    prior = np.array([[0.5, 0.3, 0.2], [1 / 3] * 3])
    rho = rng.beta(a, b, (n, 2))
    z = np.stack([rng.choice(M, n, p=p) for p in prior], axis=1)
    kept = np.ones(n, bool)
    for fact, source, object_ in heard:
        wrong = (z[:, fact] + rng.integers(1, M, n)) % M
        said = np.where(rng.random(n) < rho[:, source], z[:, fact], wrong)
        kept &= said == object_
    reports = Reports.of(2, *np.array(heard).T)
    priors = Priors(np.full(2, M), np.array([0, 3, 6]), np.tile(np.arange(M), 2), prior.reshape(-1), np.zeros(2))
    trust = fit(Truth(priors), reports, Betas.of(a, b))
    assert kept.sum() > 4_000
    for fact in range(2):
        p = trust.belief(fact).dense()
        found = np.bincount(z[kept, fact], minlength=M) / kept.sum()
        assert (np.abs(found - p) < 4.5 * np.sqrt(p * (1 - p) / kept.sum())).all()
    for k in range(2):
        law = trust.reliability(k)
        assert abs(rho[kept, k].mean() - law.mean()) < 4.5 * law.sd() / np.sqrt(kept.sum())
        low, high = law.interval(0.8)
        inside = ((rho[kept, k] > low) & (rho[kept, k] < high)).mean()
        assert abs(inside - 0.8) < 4.5 * np.sqrt(0.16 / kept.sum())


def test_genuine_reports_are_those_of_simulated_worlds() -> None:
    """The same for Model B: 400,000 worlds, two equal independent reports and one of another source. Seed 8."""
    rng = np.random.default_rng(8)
    n, A, a, b = 400_000, np.array([1.5, 2.5]), np.array([3.0, 1.0]), np.array([2.0, 1.0])
    heard = (Said(0, 0, 0), Said(0, 0, 0), Said(0, 1, 1))
    theta, rho = rng.dirichlet(A, n), rng.beta(a, b, (n, 2))
    kept = np.ones(n, bool)
    for _, source, object_ in heard:
        own, other = rng.random(n) < theta[:, 1], rng.random(n) < 0.5
        kept &= np.where(rng.random(n) < rho[:, source], own, other) == object_
    world = GenuineWorld((), ([*A],), ((0.5, 0.5),), heard)  # type: ignore[arg-type]
    trust = fit(genuine_of(world), counted(heard, 2), Betas.of(a, b), "independent")
    drawn = theta[kept, 0]
    assert abs(drawn.mean() - trust.credence(0, 0)) < 4.5 * drawn.std() / np.sqrt(kept.sum())
    for k in range(2):
        law = trust.reliability(k)
        assert abs(rho[kept, k].mean() - law.mean()) < 4.5 * law.sd() / np.sqrt(kept.sum())
