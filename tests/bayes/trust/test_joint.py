"""Pairs with a known conditional, statements, and what is refused. `test_oracle_of_trust.py` enumerates them."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.bayes.trust.joint import JointTruth, Pair
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Report, Reports
from worldgen.bayes.trust.statements import Atom, Claim
from worldgen.bayes.trust.trust import fit

EXACT = 1e-12
NOBODY = Reports.of(1, [], [], [])
T = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
A, B, C = Atom(0, 0), Atom(1, 1), Atom(2, 2)


def test_trust_goes_downstream_attenuated() -> None:
    """After a report upstream alone, P(o_d) = sum over o_u of T(o_d | o_u) q_u(o_u)."""
    trust = fit(JointTruth(Priors.uniform(2, 3), (Pair(1, 0, T),)), NOBODY, Betas.of([3.0], [1.0]))
    edit = Report(1, 0, 1)
    q = np.array([0.125, 0.75, 0.125])
    np.testing.assert_allclose(trust.belief(1, [edit]).dense(), q, atol=EXACT)
    np.testing.assert_allclose(trust.belief(0, [edit]).dense(), q @ T, atol=EXACT)


def test_a_report_downstream_speaks_of_upstream() -> None:
    """q_u is proportional to pi_u sum over o_d of T L_d, with L = 3/4 for the reported object and 1/8 for others."""
    trust = fit(JointTruth(Priors.uniform(2, 3), (Pair(0, 1, T),)), NOBODY, Betas.of([3.0], [1.0]))
    up = T @ np.array([1, 6, 1])
    np.testing.assert_allclose(trust.belief(0, [Report(1, 0, 1)]).dense(), up / up.sum(), atol=EXACT)


def test_a_claim_by_hand() -> None:
    """Three objects each, rho = 3/4. "A and B" is false: P(A) = (1/9 x 1/4 + 2/9 x 3/4) / (1/9 x 1/4 + 8/9 x 3/4)."""
    trust = fit(JointTruth(Priors.uniform(2, 3), claims=(Claim(0, False, "and", A, B),)), NOBODY, Betas.certain([0.75]))
    for atom in (A, B):
        assert trust.credence(*atom) == pytest.approx((0.25 + 2 * 0.75) / (0.25 + 8 * 0.75), abs=EXACT)


def test_an_untruth_about_the_same_fact_twice_is_a_statement_about_one() -> None:
    """ "A or not-A's neighbour" of one fact needs no second fact: rho = 1 leaves the two objects."""
    claim = Claim(0, True, "or", A, Atom(0, 1))
    trust = fit(JointTruth(Priors.uniform(1, 3), claims=(claim,)), NOBODY, Betas.certain([1.0]))
    np.testing.assert_allclose(trust.belief(0).dense(), [0.5, 0.5, 0], atol=EXACT)


@pytest.mark.parametrize(
    ("pairs", "claims", "why"),
    [
        ((), (Claim(0, True, "and", A, B), Claim(0, True, "or", B, C)), "fact 1 is joined to facts 0 and 2"),
        ((Pair(0, 1, T), Pair(1, 2, T)), (), "fact 1 is joined to facts 0 and 2"),
        ((Pair(0, 1, T),), (Claim(0, True, "and", A, C),), "fact 0 is joined to facts 1 and 2"),
        ((Pair(0, 1, T[:2]),), (), "conditional"),
        ((Pair(0, 3, T),), (), "are no pair"),
        ((Pair(0, 0, T),), (), "are no pair"),
        ((Pair(0, 1, T), Pair(1, 0, T)), (), "a pair twice"),
        ((Pair(0, 1, T + 0.1),), (), "conditional"),
        ((Pair(0, 1, np.array([[2, -1, 0]] * 3)),), (), "conditional"),
        ((), (Claim(0, True, "and", A),), "join two atoms"),
        ((), (Claim(0, True, "not", A, B),), "join two atoms"),
        ((), (Claim(0, True, "", Atom(3, 0)),), "does not exist"),
        ((), (Claim(0, True, "", Atom(0, 3)),), "does not exist"),
    ],
)
def test_what_is_not_exact_is_refused(pairs: tuple[Pair, ...], claims: tuple[Claim, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        JointTruth(Priors.uniform(3, 3), pairs, claims)


def test_unknown_sources_facts_and_objects_are_refused() -> None:
    joint = JointTruth(Priors.uniform(3, 3), claims=(Claim(1, True, "", A),))
    with pytest.raises(ValueError, match="source"):
        fit(joint, NOBODY, Betas.uniform(1))
    alone = fit(JointTruth(Priors.uniform(3, 3)), NOBODY, Betas.uniform(1))
    for fact, object_ in ((3, 0), (0, 3)):
        with pytest.raises(ValueError, match="fact"):
            alone.belief(0, [Report(fact, 0, object_)])
    with pytest.raises(ValueError, match="fact"):
        alone.belief(3)
