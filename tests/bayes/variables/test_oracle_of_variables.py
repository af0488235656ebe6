"""Variables against sums over all that they may stand for, in exact fractions; symmetries and special cases."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from oracle import hundreds
from trust_checks import EXACT, assert_equal
from trust_oracle import Answers, Said, Source
from variables_oracle import (
    Asked,
    VariablesWorld,
    answer_of,
    answers_of_variables,
    believed,
    model_of,
    variables_worlds,
)

from worldgen.bayes.distribution import Distribution
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Report, Reports
from worldgen.bayes.trust.trust import Trust, fit
from worldgen.bayes.trust.truth import Truth
from worldgen.bayes.variables.answers import answer
from worldgen.bayes.variables.denotation import Denotation
from worldgen.bayes.variables.questions import Entities, Questions

F = Fraction
NOISY = st.sampled_from([Source(), Source(F(9), F(2)), Source(rho=F(3, 4)), Source(rho=F(0)), Source(rho=F(1, 2))])


def fitted(world: VariablesWorld) -> tuple[Trust, Answers]:
    """The agent and the oracle's answers; impossible worlds must be refused."""
    model, said, prior = model_of(world)
    try:
        answers = answers_of_variables(world)
    except ZeroDivisionError:
        with pytest.raises(ValueError, match=r"impossible|no entity has a fact"):
            fit(model, said, prior, "independent")
        reject()
    return fit(model, said, prior, "independent"), answers


@hundreds
@given(variables_worlds())
def test_variables_are_the_sum_over_all_that_they_may_mean(world: VariablesWorld) -> None:
    """Meanings, reliabilities by quadrature and by agreement counts, and the evidence."""
    assert_equal(*fitted(world))


@hundreds
@given(variables_worlds(NOISY))
def test_nobody_may_answer_wrongly(world: VariablesWorld) -> None:
    """Answers are those of source 0, whose reliability is known or learned together with the tags'."""
    assert_equal(*fitted(world))


@given(variables_worlds(), st.data())
def test_a_definition_more_is_an_edit(world: VariablesWorld, data: st.DataObject) -> None:
    trust, _ = fitted(world)
    V, K, E = world.variables, world.nobody, len(world.known)
    edit = Report(*(data.draw(st.integers(0, size - 1)) for size in (V, K, E)))
    told = world._replace(said=(*world.said, Said(*edit[:3])))
    try:
        answers = answers_of_variables(told)
    except ZeroDivisionError:
        with pytest.raises(ValueError, match="impossible"):
            trust.revise(edit)
        reject()
    for v, expected in enumerate(answers.beliefs):
        np.testing.assert_allclose(trust.belief(v, [edit]).dense(), np.array(expected, float), rtol=0, atol=EXACT)
    revised = trust.revise(edit)
    assert_equal(revised, answers)
    for v in range(V):
        np.testing.assert_array_equal(revised.retract(edit).belief(v).dense(), trust.belief(v).dense())


@hundreds
@given(st.data(), variables_worlds())
def test_an_answer_is_the_sum_over_all_entities(data: st.DataObject, world: VariablesWorld) -> None:
    """With any beliefs about the entities' facts, certain ones and missing facts among them."""
    trust, answers = fitted(world)
    beliefs = data.draw(believed(world, 3))
    told = [belief for belief in beliefs if belief is not None]
    fact = np.cumsum([belief is not None for belief in beliefs]) - 1
    fact[[belief is None for belief in beliefs]] = -1
    dense = [Distribution(3, np.arange(3, dtype=np.int32), np.array(p, float), 0.0) for p in told]
    # Sparse ones, too: the last two objects are not named, where they are as probable as each other.
    sparse = [
        Distribution(3, np.arange(1, dtype=np.int32), np.array(p[:1], float), float(p[1])) if p[1] == p[2] else whole
        for p, whole in zip(told, dense, strict=True)
    ]
    for v, q in enumerate(answers.beliefs):
        if not any(p and belief is not None for p, belief in zip(q, beliefs, strict=True)):
            with pytest.raises(ValueError, match="has a fact of this relation"):
                answer(trust.belief(v), fact, Priors.of(dense))
            continue
        expected = np.array(answer_of(q, beliefs), float)
        for each in (dense, sparse):
            found = answer(trust.belief(v), fact, Priors.of(each))
            np.testing.assert_allclose(found.dense(), expected, rtol=0, atol=EXACT)


# -- the formulas of the design ---------------------------------------------------------------------------------


def alone(*right_and_wrong: tuple[int, int], entities: int = 5) -> Trust:
    """A variable without questions, and tags with so many right and wrong definitions of other variables."""
    right, wrong = zip(*right_and_wrong, strict=True)
    K = len(right)
    prior = Betas(*(np.append(each, 1.0) for each in (*(np.array(n) + 1.0 for n in (right, wrong)), [np.nan] * K)))
    model = Denotation(Entities(np.zeros((entities, 1), np.int64), np.array([2])), Questions.of(1, [], [], []), K)
    return fit(model, Reports.of(K + 1, [], [], []), prior)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(2, 40))
def test_one_definition_is_believed_as_far_as_its_tag_is_reliable(right: int, wrong: int, entities: int) -> None:
    trust = alone((right, wrong), (0, 0), entities=entities)
    mean = (1 + right) / (2 + right + wrong)
    assert trust.credence(0, 1, [Report(0, 0, 1)]) == pytest.approx(mean, abs=EXACT)
    new = trust.belief(0, [Report(0, 1, 1)])
    assert new[1] == pytest.approx(1 / 2, abs=EXACT)  # a / (a + b) of a new tag
    np.testing.assert_allclose(np.delete(new.dense(), 1), 1 / 2 / (entities - 1), rtol=0, atol=EXACT)
    # Neutrality: such definitions leave all reliabilities as they are, to the last bit.
    told = trust.revise(Report(0, 0, 1))
    np.testing.assert_array_equal(told.mean_reliabilities(), trust.mean_reliabilities())


def test_the_answer_after_one_definition_has_the_closed_form() -> None:
    """rho [kappa(y) = w] + (1 - rho) (share of the other entities with kappa = w): Sweden 3, Norway 2 of 5."""
    trust = alone((3, 0))  # rho = 4/5
    nation = np.array([0, 0, 0, 1, 1])
    facts = Priors.known(nation, M=2)
    q = trust.belief(0, [Report(0, 0, 4)])
    after = answer(q, np.arange(5), facts).dense()
    np.testing.assert_allclose(after, [1 / 5 * 3 / 4, 4 / 5 + 1 / 5 * 1 / 4], rtol=0, atol=EXACT)


@given(st.integers(2, 6), st.integers(1, 6), st.integers(0, 5))
def test_the_factor_of_a_definition_of_a_variable_with_candidates(E: int, n: int, y: int) -> None:
    """rho / |S| + (1 - 1 / |S|) (1 - rho) / (E - 1) inside S, (1 - rho) / (E - 1) outside; linear, by its two ends."""
    n, y = min(n, E), min(y, E - 1)
    known = (np.arange(E) >= n).astype(np.int64)[:, None]  # the first n entities answer 0
    model = Denotation(Entities(known, np.array([2])), Questions.of(1, [0], [0], [0]), 1)
    said = Reports.of(2, [0], [0], [y])
    log_p = model.factors(said, model.groups()).given(np.array([np.nan, 1.0]))
    for rho in (0.0, 0.3, 1.0):
        with np.errstate(divide="ignore"):
            found = np.exp(log_p.log_sums(np.log([[rho, 1.0]]), np.log([[1 - rho, 1.0]])))[0, 0]
        inside = rho / n + (1 - 1 / n) * (1 - rho) / (E - 1) if y < n else (1 - rho) / (E - 1)
        assert found == pytest.approx(inside * n / E, abs=EXACT)  # n / E is the probability of the answer


@given(variables_worlds())
def test_certain_answers_make_variables_facts_of_model_a(world: VariablesWorld) -> None:
    """With candidates S_v it is `Truth` with the prior 1 / |S_v| on them."""
    trust, _ = fitted(world)
    model, said, prior = model_of(world)
    E = len(world.known)
    priors = []
    for v in range(world.variables):
        candidates = model.questions.fit(v, model.entities).candidates
        p = np.full(len(candidates), 1 / len(candidates))
        priors.append(Distribution(E, candidates.astype(np.int32), p, 0.0))
    as_facts = fit(Truth(Priors.of(priors)), said, prior, "independent")
    for v in range(world.variables):
        np.testing.assert_allclose(trust.belief(v).dense(), as_facts.belief(v).dense(), rtol=0, atol=EXACT)
    np.testing.assert_allclose(trust.mean_reliabilities(), as_facts.mean_reliabilities(), rtol=0, atol=EXACT)


@given(variables_worlds(NOISY), st.randoms(use_true_random=False))
def test_swapped_tags_and_permuted_entities_give_permuted_answers(world: VariablesWorld, random: object) -> None:
    assert hasattr(random, "sample")
    trust, _ = fitted(world)
    K, E = world.nobody, len(world.known)
    tag, entity = random.sample(range(K), K), random.sample(range(E), E)  # old -> new
    moved = world._replace(
        sources=(*(world.sources[tag.index(k)] for k in range(K)), world.sources[K]),
        known=tuple(world.known[entity.index(e)] for e in range(E)),
        said=tuple(Said(v, tag[k], entity[y]) for v, k, y in world.said),
    )
    other, _ = fitted(moved)
    for v in range(world.variables):
        np.testing.assert_allclose(other.belief(v).dense()[entity], trust.belief(v).dense(), rtol=0, atol=EXACT)
    np.testing.assert_allclose(other.mean_reliabilities()[tag], trust.mean_reliabilities()[:K], rtol=0, atol=EXACT)


def test_the_oracle_by_hand() -> None:
    """Three entities; the answer leaves two of them. A new tag names one of the two: 3/4, and its mean is 7/12.

    Evidence: 2/3 (the answer fits) times E[rho / 2 + (1 - rho) / 4] = 3/8. Of this E[rho] / 2 = 1/4 is y itself.
    """
    known = ((0,), (0,), (1,))
    world = VariablesWorld((Source(), Source(rho=F(1))), 1, known, (2,), (Asked(0, 0, 0),), (Said(0, 0, 1),))
    answers = answers_of_variables(world)
    assert answers.evidence == F(2, 3) * F(3, 8)
    third = F(1, 8) / F(3, 8)
    assert answers.beliefs == [[third, 1 - third, F(0)]]
    assert answers.reliabilities[0] == F(2, 3) * F(2, 3) + F(1, 3) * F(1, 3)


# -- what is refused --------------------------------------------------------------------------------------------


def test_what_cannot_be_is_refused() -> None:
    entities = Entities(np.array([[0, -1], [1, 0], [1, 0]]), np.array([2, 2]))
    with pytest.raises(ValueError, match="two entities or more"):
        Entities(np.zeros((1, 1), np.int64), np.array([2]))
    with pytest.raises(ValueError, match="two possible answers"):
        Entities(np.zeros((2, 1), np.int64), np.array([1]))
    with pytest.raises(ValueError, match=r"a variable outside 0 \.\. 1"):
        Questions.of(2, [2], [0], [0])
    prior = Betas.certain([0.5, 1.0])
    no_definition = Reports.of(2, [], [], [])
    with pytest.raises(ValueError, match=r"relations are numbered 0 \.\. 1"):
        fit(Denotation(entities, Questions.of(1, [0], [2], [0]), 1), no_definition, prior)
    with pytest.raises(ValueError, match="impossible"):  # entity 0 alone has 0, but no fact of relation 1
        fit(Denotation(entities, Questions.of(1, [0, 0], [0, 1], [0, 0]), 1), no_definition, prior)
    model = Denotation(entities, Questions.of(1, [], [], []), 1)
    for said, message in (
        ([0, 0, 3], r"an entity outside 0 \.\. 2"),
        ([1, 0, 0], "variable that does not exist"),
        ([0, 1, 0], "nobody answers questions"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(model, Reports.of(2, *([each] for each in said)), prior)
    nowhere = Denotation(
        Entities(np.array([[0, -1], [-1, 0]]), np.array([2, 2])), Questions.of(1, [0, 0], [0, 1], [0, 0]), 1
    )
    with pytest.raises(ValueError, match="no entity has a fact for each question about variable 0"):
        fit(nowhere, no_definition, prior)


def test_many_noisy_answers_tie_all_tags_and_are_refused() -> None:
    """An unknown share of wrong answers ties every tag to nobody: the exact sum is a product over all of them."""
    V, E, K = 400, 40, 4
    known = np.stack([np.arange(E) % 5, np.arange(E) % 7], axis=1)
    questions = Questions.of(V, np.repeat(np.arange(V), 2), np.tile([0, 1], V), known[np.arange(V) % E].reshape(-1))
    said = Reports.of(K + 1, np.arange(V), np.arange(V) % K, np.arange(V) % E)
    model = Denotation(Entities(known, np.array([5, 7])), questions, K)
    with pytest.raises(ValueError, match="to be exact"):
        fit(model, said, Betas.uniform(K + 1))
    a_known_share = Betas(np.ones(K + 1), np.ones(K + 1), np.array([np.nan] * K + [0.9]))
    assert (fit(model, said, a_known_share).mean_reliabilities()[:K] > 0.9).all()
