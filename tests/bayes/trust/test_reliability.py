"""Betas and their mixtures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from worldgen.bayes.trust.reliability import BetaMixture, Betas


def test_priors() -> None:
    assert Betas.uniform(2).mean.tolist() == [0.5, 0.5]
    assert Betas.skeptical(2, 5).mean.tolist() == [0.2, 0.2]
    skeptical = Betas.skeptical(1, 4000)
    assert skeptical.a + skeptical.b == 2
    assert Betas.certain([0.0, 0.3, 1.0]).mean.tolist() == [0, 0.3, 1]


def test_observations_are_conjugate() -> None:
    """A source with 8 right and 1 wrong report: (1 + 8) / (2 + 9); what is known stays known."""
    assert Betas.uniform(1).observe([8], [1]).mean.tolist() == [9 / 11]
    assert Betas.certain([0.3]).observe([8], [1]).mean.tolist() == [0.3]


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Betas.of([0.0], [1.0]),
        lambda: Betas.of([1.0], [-1.0]),
        lambda: Betas.of([np.nan], [1.0]),
        lambda: Betas.certain([1.1]),
        lambda: Betas.certain([-0.1]),
        lambda: Betas.skeptical(1, 1),
    ],
)
def test_impossible_priors_are_refused(bad) -> None:
    with pytest.raises(ValueError, match=r"Beta|reliability|objects"):
        bad()


def test_a_mixture_of_one_is_the_beta_of_scipy() -> None:
    one, law = BetaMixture(np.ones(1), np.array([9.0]), np.array([2.0])), beta(9, 2)
    x = np.linspace(0.05, 0.95, 7)
    np.testing.assert_allclose(one.density(x), law.pdf(x), rtol=1e-12)
    np.testing.assert_allclose([one.mean(), one.sd()], [law.mean(), law.std()], rtol=1e-12)
    np.testing.assert_allclose(one.interval(0.9), law.interval(0.9), atol=1e-12)


def test_a_mixture_by_hand() -> None:
    """Half Beta(1, 2), half Beta(2, 1) is the uniform distribution."""
    flat = BetaMixture(np.full(2, 0.5), np.array([1.0, 2.0]), np.array([2.0, 1.0]))
    np.testing.assert_allclose(flat.density(np.array([0.1, 0.5, 0.9])), 1, atol=1e-14)
    np.testing.assert_allclose([flat.mean(), flat.sd()], [0.5, 12**-0.5], atol=1e-14)
    np.testing.assert_allclose(flat.interval(0.95), [0.025, 0.975], atol=1e-12)
    for impossible in (0, 1):
        with pytest.raises(ValueError, match="interval"):
            flat.interval(impossible)
