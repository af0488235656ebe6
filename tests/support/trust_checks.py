"""An agent of `bayes/trust` against the exact answers about its micro-world."""

from __future__ import annotations

import math

import numpy as np
import pytest
from trust_oracle import Answers

from worldgen.bayes.trust.agreement import log_agreement_polynomial, log_posterior
from worldgen.bayes.trust.trust import Trust

EXACT = 1e-12


def assert_equal(trust: Trust, answers: Answers) -> None:
    """Beliefs, mean reliabilities by quadrature and by agreement counts, and the evidence."""
    for fact, expected in enumerate(answers.beliefs):
        belief = trust.belief(fact)
        np.testing.assert_allclose(belief.dense(), np.array(expected, float), rtol=0, atol=EXACT)
        assert trust.credence(fact, fact % belief.K) == pytest.approx(belief[fact % belief.K], abs=EXACT)
    means = np.array(answers.reliabilities, float)
    np.testing.assert_allclose(trust.mean_reliabilities(), means, rtol=0, atol=EXACT)
    by_counts = [
        means[k] if trust.learned.prior.is_known[k] else trust.reliability(k).mean() for k in range(len(means))
    ]
    np.testing.assert_allclose(by_counts, means, rtol=0, atol=EXACT)
    assert trust.learned.log_evidence == pytest.approx(math.log(answers.evidence), abs=EXACT)
    for part in trust.learned.components:
        log_g = log_agreement_polynomial(part.factors, part.times)
        by_states = np.logaddexp.reduce(log_posterior(log_g, part.a, part.b), axis=None)
        assert part.grid.log_evidence == pytest.approx(by_states, abs=EXACT)
