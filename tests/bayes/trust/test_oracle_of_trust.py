"""Model A, Model B, pairs and statements against sums over all assignments in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from oracle import hundreds
from trust_checks import EXACT, assert_equal
from trust_oracle import (
    Answers,
    GenuineWorld,
    Said,
    Source,
    TruthWorld,
    answers_of_genuineness,
    answers_of_truths,
)
from trust_worlds import betas, counted, genuine_of, genuine_worlds, joint_of, joint_worlds, truth_of, truth_worlds

from worldgen.bayes.trust.reports import Report
from worldgen.bayes.trust.trust import Trust, fit


def fitted(world: TruthWorld | GenuineWorld, joint: bool = False) -> tuple[Trust, Answers]:
    """The agent and the oracle's answers; worlds with impossible reports must be refused."""
    prior, said = betas(world.sources), counted(world.said, len(world.sources))
    if isinstance(world, GenuineWorld):
        model, ask = genuine_of(world), answers_of_genuineness
    else:
        model, ask = joint_of(world) if joint else truth_of(world), answers_of_truths
    try:
        answers = ask(world)
    except ZeroDivisionError:
        with pytest.raises(ValueError, match="impossible"):
            fit(model, said, prior, "independent")
        reject()
    return fit(model, said, prior, "independent"), answers


@hundreds
@given(truth_worlds())
def test_model_a_is_the_sum_over_all_truths(world: TruthWorld) -> None:
    assert_equal(*fitted(world))


@hundreds
@given(joint_worlds())
def test_pairs_and_statements_are_the_sum_over_all_truths(world: TruthWorld) -> None:
    assert_equal(*fitted(world, joint=True))


@given(truth_worlds())
def test_facts_by_themselves_are_the_same_in_both_truths(world: TruthWorld) -> None:
    trust, answers = fitted(world, joint=True)
    assert_equal(trust, answers)


@hundreds
@given(genuine_worlds())
def test_model_b_is_the_sum_over_all_choices_of_genuine_reports(world: GenuineWorld) -> None:
    assert_equal(*fitted(world))


@given(st.one_of(truth_worlds(), joint_worlds(), genuine_worlds()), st.data())
def test_a_question_under_edits_is_the_sum_with_the_edits_in_it(
    world: TruthWorld | GenuineWorld, data: st.DataObject
) -> None:
    """Edits of the fact asked about and of others, by sources that spoke of it and by sources that did not."""
    joint = isinstance(world, TruthWorld) and bool(world.pairs or world.claims)
    trust, _ = fitted(world, joint)
    facts = world.priors if isinstance(world, TruthWorld) else world.A
    one = st.builds(
        Report,
        st.integers(0, len(facts) - 1),
        st.integers(0, len(world.sources) - 1),
        st.integers(0, len(facts[0]) - 1),
        st.integers(1, 2).map(float),
    )
    edits = data.draw(st.lists(one, min_size=1, max_size=2))
    said = tuple(Said(*edit[:3]) for edit in edits for _ in range(int(edit.weight)))
    told = world._replace(said=world.said + said)
    try:
        answers = answers_of_truths(told) if isinstance(told, TruthWorld) else answers_of_genuineness(told)
    except ZeroDivisionError:
        with pytest.raises(ValueError, match="impossible"):
            trust.revise(*edits)
        reject()
    asked = data.draw(st.integers(0, len(facts) - 1))
    expected = np.array(answers.beliefs[asked], float)
    np.testing.assert_allclose(trust.belief(asked, edits).dense(), expected, rtol=0, atol=EXACT)
    assert_equal(trust.revise(*edits), answers)


def test_the_oracle_by_hand() -> None:
    """One report of a new source, three objects, a uniform prior: 1/2, 1/4, 1/4; the evidence is 1/3."""
    uniform = [Fraction(1, 3)] * 3
    answers = answers_of_truths(TruthWorld((Source(),), (uniform,), (Said(0, 0, 1),)))
    assert answers == (Fraction(1, 3), [[Fraction(1, 4), Fraction(1, 2), Fraction(1, 4)]], [Fraction(1, 2)])
    # Model B: A = (2, 1), b = 1/2. Genuine: 1/2 x 1/3, else 1/2 x 1/2: w = 2/5.
    answers = answers_of_genuineness(
        GenuineWorld((Source(),), ([Fraction(2), Fraction(1)],), ([Fraction(1, 2)] * 2,), (Said(0, 0, 1),))
    )
    assert answers.evidence == Fraction(5, 12)
    assert answers.beliefs == [[Fraction(2, 5) * Fraction(2, 4) + Fraction(3, 5) * Fraction(2, 3), Fraction(2, 5)]]
    # E rho: (2/3 w + 1/3 (1 - w)).
    assert answers.reliabilities == [Fraction(2, 3) * Fraction(2, 5) + Fraction(1, 3) * Fraction(3, 5)]
