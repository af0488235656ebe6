"""The agent against the oracle, and the properties that hold for every agent."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Oracle, hundreds

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.evidence import Evidence, evidence_from_lines
from worldgen.bayes.fitting import fit
from worldgen.bayes.testing import MicroWorld, Sentence, agent_of, edited_worlds, edits_of, evidence_in, micro_worlds
from worldgen.corpus.sentences import Kind
from worldgen.facts import Fact

# Probabilities are at most 1; each is the result of fewer than 1e3 float64 operations of relative rounding
# 1.1e-16 on counts of at most 4e3 that priors of at least 1/5 divide.
EXACT = 1e-12


def assert_equals(found: Distribution, expected: list[Fraction], tolerance: float = EXACT) -> None:
    """Checks that a distribution has the expected probabilities, by every access, and sums to 1."""
    np.testing.assert_allclose(found.dense(), [float(p) for p in expected], rtol=0, atol=tolerance)
    assert found.dense().min() >= 0
    assert abs(found.total() - 1) <= tolerance
    assert [found[o] for o in range(found.K)] == found.dense().tolist()
    assert np.all(np.diff(found.object) > 0)


def all_beliefs(agent: Agent, S: int) -> list[np.ndarray]:
    """Returns every distribution that the agent has about subjects 0 .. S-1, dense."""
    facts = list(product(range(S), range(agent.facts.R)))
    answers = [agent.belief(*fact) for fact in facts] + [agent.root(*fact) for fact in facts]
    answers += [agent.conditional(r, o) for r, o in product(agent.parent, range(agent.K))]
    answers += [agent.unseen_subject(r) for r in range(agent.facts.R)]
    return [answer.dense() for answer in answers]


# -- the oracle ------------------------------------------------------------------------------------------------


@hundreds
@given(edited_worlds())
def test_every_belief_equals_the_oracles(drawn: tuple[MicroWorld, tuple[Edit, ...]]) -> None:
    world, edits = drawn
    agent, oracle = agent_of(world, *edits), Oracle(world, *edits)
    for s, r in product(range(world.S + 1), range(world.R)):
        assert agent.upstream_of(s, r) == oracle.upstream_of(s, r)
        assert_equals(agent.root(s, r), oracle.root(s, r))
        assert_equals(agent.belief(s, r), oracle.belief(s, r))
        assert_equals(agent.belief_of_request(s, r), oracle.request(s, r))
    for (_, r), o in product(world.pairs, range(world.K)):
        assert_equals(agent.conditional(r, o), oracle.conditional(r, o))
    for r in range(world.R):
        assert_equals(agent.unseen_subject(r), oracle.unseen_subject(r))


@hundreds
@given(edited_worlds(), st.data())
def test_the_marginal_of_any_upstream_distribution_equals_the_oracles(drawn: tuple, data: st.DataObject) -> None:
    world, edits = drawn
    agent, oracle = agent_of(world, *edits), Oracle(world, *edits)
    named = data.draw(st.lists(st.integers(0, world.K - 1), unique=True).map(sorted))
    weights = data.draw(st.lists(st.integers(0, 9), min_size=len(named), max_size=len(named)))
    default = data.draw(st.integers(1, 5))
    total = sum(weights) + default * (world.K - len(named))
    if not total:
        return
    shares = [Fraction(weights[named.index(o)] if o in named else default, total) for o in range(world.K)]
    probability = np.array(weights, float) / total
    upstream = Distribution(world.K, np.array(named, np.int32), probability, default / total)
    for _, r in world.pairs:
        expected = [sum(oracle.conditional(r, o_u)[o] * shares[o_u] for o_u in range(world.K)) for o in range(world.K)]
        assert_equals(agent.marginal(r, upstream), expected)


@given(edited_worlds())
def test_frequencies_are_the_shares_of_atoms(drawn: tuple[MicroWorld, tuple[Edit, ...]]) -> None:
    world, edits = drawn
    agent, oracle = agent_of(world, *edits), Oracle(world)
    for s, r in product(range(world.S + 1), range(world.R)):
        expected = oracle.frequency(s, r)
        if expected is None:
            with pytest.raises(ValueError, match="no atomic sentence"):
                agent.frequencies(s, r)
        else:
            assert_equals(agent.frequencies(s, r), expected)


@hundreds
@given(edited_worlds(max_edits=1), st.data())
def test_weight_for_is_the_least_whole_weight(drawn: tuple[MicroWorld, tuple[Edit, ...]], data: st.DataObject) -> None:
    world, edits = drawn
    agent, oracle = agent_of(world, *edits), Oracle(world, *edits)
    target = data.draw(st.sampled_from([Fraction(19, 20), Fraction(1, 2), Fraction(9, 10), Fraction(2, 3)]))
    s, r = data.draw(st.integers(0, world.S)), data.draw(st.integers(0, world.R - 1))
    for o in range(world.K):
        found = agent.weight_for(s, r, o, float(target))
        assert found == oracle.least_weight(s, r, o, target)
        before = agent.belief_of_request(s, r)[o]
        goal = float(target) if oracle.request(s, r)[o] <= target else (1 + before) / 2
        # Goals are often met exactly: the goal and the credence are rounded by a few 1e-16 then.
        assert agent.revise(Edit(s, r, o, found)).belief_of_request(s, r)[o] >= goal - 1e-14
        assert found == 1 or agent.revise(Edit(s, r, o, found - 1)).belief_of_request(s, r)[o] < goal


@pytest.mark.parametrize(("times", "expected"), [(1, 2), (7, 8), (300, 301)])
def test_half_way_to_certainty_takes_as_much_weight_as_was_seen(times: int, expected: int) -> None:
    """1 - p = m / T; half of it is m / 2T: exactly T = a K + N more, whatever the rounding."""
    for K in range(2, 60):
        agent = fit(evidence(positive=3 * times), K, 2, (), 1 / K)
        assert agent.weight_for(0, 0, 0, 0.5) == expected


# -- revision --------------------------------------------------------------------------------------------------


@given(edited_worlds(), st.data())
def test_an_edit_of_no_weight_is_the_identity(drawn: tuple, data: st.DataObject) -> None:
    world, edits = drawn
    agent = agent_of(world, *edits)
    edit = data.draw(edits_of(world, st.just(0.0)))
    np.testing.assert_array_equal(all_beliefs(agent.revise(edit), world.S + 1), all_beliefs(agent, world.S + 1))
    np.testing.assert_array_equal(all_beliefs(agent.revise(), world.S + 1), all_beliefs(agent, world.S + 1))


@given(micro_worlds(), st.data())
def test_two_weights_are_their_sum(world: MicroWorld, data: st.DataObject) -> None:
    edit, more = data.draw(edits_of(world)), data.draw(edits_of(world)).weight
    twice = agent_of(world, edit, edit._replace(weight=more))
    once = agent_of(world, edit._replace(weight=edit.weight + more))
    np.testing.assert_allclose(all_beliefs(twice, world.S + 1), all_beliefs(once, world.S + 1), rtol=0, atol=EXACT)


@given(edited_worlds(), st.randoms(use_true_random=False))
def test_order_of_edits_does_not_matter(drawn: tuple, random: object) -> None:
    world, edits = drawn
    shuffled = list(edits)
    random.shuffle(shuffled)
    expected, found = agent_of(world, *edits), agent_of(world, *shuffled)
    np.testing.assert_allclose(all_beliefs(found, world.S + 1), all_beliefs(expected, world.S + 1), rtol=0, atol=EXACT)


@given(edited_worlds(max_edits=1), st.data())
def test_root_belief_grows_with_the_weight(drawn: tuple, data: st.DataObject) -> None:
    world, edits = drawn
    agent, edit = agent_of(world, *edits), data.draw(edits_of(world))
    weights = sorted(data.draw(st.lists(st.floats(1e-9, 1e12), min_size=2, max_size=5)))
    roots = [agent.root(edit.subject, edit.relation)[edit.object]]
    roots += [agent.revise(edit._replace(weight=w)).root(*edit[:2])[edit.object] for w in weights]
    # Equal neighbours are allowed one rounding of a number below 1.
    assert np.all(np.diff(roots) >= -2.3e-16)
    assert roots[-1] > roots[0] or weights[-1] < 1e-6


@given(edited_worlds(), st.data())
def test_revising_leaves_the_agent_untouched_to_the_bit(drawn: tuple, data: st.DataObject) -> None:
    world, edits = drawn
    agent = agent_of(world, *edits)
    before = all_beliefs(agent, world.S + 1)
    agent.revise(*data.draw(st.lists(edits_of(world), min_size=1, max_size=3)))
    np.testing.assert_array_equal(all_beliefs(agent, world.S + 1), before)


@given(edited_worlds(max_edits=1), st.data())
def test_unrelated_facts_are_unchanged_to_the_bit(drawn: tuple, data: st.DataObject) -> None:
    """Unrelated are all roots but the edited fact, and all relations outside the edited relation's chain."""
    world, edits = drawn
    agent, edit = agent_of(world, *edits), data.draw(edits_of(world))
    revised = agent.revise(edit)
    linked = {edit.relation}
    for _ in world.pairs:
        linked |= {end for pair in world.pairs if linked & set(pair) for end in pair}
    for s, r in product(range(world.S + 1), range(world.R)):
        if (s, r) != (edit.subject, edit.relation):
            np.testing.assert_array_equal(revised.root(s, r).dense(), agent.root(s, r).dense())
        if r not in linked:
            np.testing.assert_array_equal(revised.belief(s, r).dense(), agent.belief(s, r).dense())
            np.testing.assert_array_equal(revised.unseen_subject(r).dense(), agent.unseen_subject(r).dense())


# -- the corpus ------------------------------------------------------------------------------------------------


@given(edited_worlds(), st.randoms(use_true_random=False))
def test_order_of_sentences_does_not_matter(drawn: tuple, random: object) -> None:
    world, edits = drawn
    shuffled = list(world.sentences)
    random.shuffle(shuffled)
    found = all_beliefs(agent_of(world._replace(sentences=tuple(shuffled)), *edits), world.S + 1)
    np.testing.assert_array_equal(found, all_beliefs(agent_of(world, *edits), world.S + 1))


@given(edited_worlds(), st.data())
def test_relabelling_objects_permutes_answers(drawn: tuple, data: st.DataObject) -> None:
    world, edits = drawn
    new = data.draw(st.permutations(range(world.K)))
    renamed = [
        Sentence(kind, truth, tuple(Fact(s, r, new[o]) for s, r, o in atoms)) for kind, truth, atoms in world.sentences
    ]
    other = agent_of(world._replace(sentences=tuple(renamed)), *(e._replace(object=new[e.object]) for e in edits))
    agent = agent_of(world, *edits)
    for s, r in product(range(world.S + 1), range(world.R)):
        np.testing.assert_allclose(other.belief(s, r).dense()[new], agent.belief(s, r).dense(), rtol=0, atol=EXACT)
        np.testing.assert_allclose(other.root(s, r).dense()[new], agent.root(s, r).dense(), rtol=0, atol=EXACT)
    for r in range(world.R):
        np.testing.assert_allclose(
            other.unseen_subject(r).dense()[new], agent.unseen_subject(r).dense(), rtol=0, atol=EXACT
        )
    for r, o in product(agent.parent, range(world.K)):
        found = other.conditional(r, new[o]).dense()[new]
        np.testing.assert_allclose(found, agent.conditional(r, o).dense(), rtol=0, atol=EXACT)


@given(edited_worlds(max_edits=1), st.data())
def test_relabelling_relations_and_subjects_changes_nothing(drawn: tuple, data: st.DataObject) -> None:
    world, edits = drawn
    to_s, to_r = data.draw(st.permutations(range(world.S))), data.draw(st.permutations(range(world.R)))
    to_s = [*to_s, world.S]
    renamed = [Sentence(k, t, tuple(Fact(to_s[s], to_r[r], o) for s, r, o in atoms)) for k, t, atoms in world.sentences]
    other = world._replace(sentences=tuple(renamed), pairs=tuple((to_r[u], to_r[d]) for u, d in world.pairs))
    found = agent_of(other, *(e._replace(subject=to_s[e.subject], relation=to_r[e.relation]) for e in edits))
    agent = agent_of(world, *edits)
    for s, r in product(range(world.S + 1), range(world.R)):
        expected = agent.belief(s, r).dense()
        np.testing.assert_allclose(found.belief(to_s[s], to_r[r]).dense(), expected, rtol=0, atol=EXACT)


# -- extreme sizes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [2.0**-30, 1e12], ids=["1e-9", "1e12"])
@given(micro_worlds(), st.data())
def test_one_extreme_weight_is_exact(weight: float, world: MicroWorld, data: st.DataObject) -> None:
    edit = data.draw(edits_of(world, st.just(weight)))
    agent, oracle = agent_of(world, edit), Oracle(world, edit)
    for s, r in product(range(world.S + 1), range(world.R)):
        assert_equals(agent.belief(s, r), oracle.belief(s, r))
        assert_equals(agent.root(s, r), oracle.root(s, r))


@given(micro_worlds(), st.data())
def test_great_weights_one_after_another_are_exact(world: MicroWorld, data: st.DataObject) -> None:
    """Each contribution is made from whole observations, so no rounding of a great weight is left behind."""
    weights = st.sampled_from([2.0**-30, 1e12, 1.0])
    edits = data.draw(st.lists(edits_of(world, weights), min_size=2, max_size=4))
    agent, oracle = agent_of(world, *edits), Oracle(world, *edits)
    for s, r in product(range(world.S + 1), range(world.R)):
        assert_equals(agent.belief(s, r), oracle.belief(s, r))
        assert_equals(agent.root(s, r), oracle.root(s, r))


def large_agent(K: int, a: float) -> Agent:
    """Returns an agent of relations 0 -> 1 -> 2 over K objects, with 2000 lines of evidence each, of 300 subjects."""
    rng = np.random.default_rng(7)
    n = 6000
    columns = [rng.integers(0, 300, n), np.repeat([0, 1, 2], n // 3), rng.integers(0, K, n)]
    weights = [rng.integers(0, 4, n), rng.integers(0, 3, n), np.ones(n, int)]
    return fit(evidence_from_lines(*columns, *weights), K, 3, ((0, 1), (1, 2)), a)


@pytest.mark.parametrize("a", [1 / 20000, 1.0])
def test_beliefs_over_twenty_thousand_objects_sum_to_one(a: float) -> None:
    agent = large_agent(20000, a)
    for candidate in (agent, agent.revise(Edit(5, 0, 19999, 1000), Edit(5, 1, 0, 1000), Edit(5, 0, 3, 1e12))):
        answers = [candidate.belief(s, r) for s, r in product((0, 5, 299, 300), range(3))]
        answers += [candidate.unseen_subject(r) for r in range(3)] + [
            candidate.conditional(1, o) for o in (0, 3, 19999)
        ]
        for answer in answers:
            assert answer.dense().min() >= 0
            # Pairwise sums of 2e4 numbers that are at most 1 in total lose less than 1e-14.
            assert abs(answer.dense().sum() - 1) <= 1e-12
            assert abs(answer.total() - 1) <= 1e-12


# -- Monte Carlo -----------------------------------------------------------------------------------------------


def test_drawing_down_the_chain_reproduces_the_marginal() -> None:
    """Draws theta from its Dirichlet, then an object, from the top of a chain of three down: section 5 of the design.

    By Hoeffding, a share of M draws is off by more than e with probability at most 2 exp(-2 M e^2); with 8
    shares and e chosen so, a correct agent and a fresh seed raise a false alarm once in 1e6 runs.
    """
    told = [(0, 0, 0)] * 3 + [(0, 0, 1), (0, 1, 2), (0, 1, 2), (0, 1, 3), (0, 2, 1)]
    told += [(1, 0, 1), (1, 1, 0), (1, 1, 0), (1, 2, 3), (1, 2, 0), (2, 0, 0), (2, 1, 1), (2, 2, 2)]
    sentences = tuple(Sentence(Kind.ATOM, True, (Fact(*fact),)) for fact in told)
    world = MicroWorld(3, 3, 4, ((0, 1), (1, 2)), Fraction(1), 1, sentences)
    agent, oracle = agent_of(world), Oracle(world)

    rng, M = np.random.default_rng(20240626), 200_000

    def draw(parameters: np.ndarray) -> np.ndarray:
        """Draws one object of one theta for each row of Dirichlet parameters."""
        gammas = rng.standard_gamma(parameters)
        theta = np.cumsum(gammas / gammas.sum(axis=1, keepdims=True), axis=1)
        return np.minimum((rng.random((len(theta), 1)) >= theta).sum(axis=1), parameters.shape[1] - 1)

    def parameters_of(relation: int) -> np.ndarray:
        """Returns [K, K]: a + C[o_u], with C summed by hand from the oracle's responsibilities."""
        C = np.zeros((4, 4))
        for s in range(3):
            rho = np.array(oracle.rho(s, relation - 1), float)
            C += np.outer(rho, np.array(oracle.counts(s, relation), float))
        return 1.0 + C

    top = 1.0 + np.array(oracle.counts(0, 0), float)
    middle = draw(parameters_of(1)[draw(np.tile(top, (M, 1)))])
    bottom = draw(parameters_of(2)[middle])
    bound = np.sqrt(np.log(2 * 8 / 1e-6) / (2 * M))  # 0.0064
    for relation, drawn in ((1, middle), (2, bottom)):
        shares = np.bincount(drawn, minlength=4) / M
        np.testing.assert_allclose(agent.belief(0, relation).dense(), shares, rtol=0, atol=bound)


# -- impossible input ------------------------------------------------------------------------------------------


def evidence(subject: int = 0, relation: int = 0, object_: int = 0, positive: int = 3, spread: int = 0) -> Evidence:
    return Evidence(*(np.array([v]) for v in (subject, relation, object_, positive, spread, 1)))


@pytest.mark.parametrize(
    "wrong",
    [{"subject": -1}, {"relation": 2}, {"relation": -1}, {"object_": 3}, {"object_": -1}, {"positive": -1}],
)
def test_fit_refuses_impossible_evidence(wrong: dict[str, int]) -> None:
    fit(evidence(), 3, 2, (), 1.0)
    with pytest.raises(ValueError, match="evidence"):
        fit(evidence(**wrong), 3, 2, (), 1.0)
    with pytest.raises(ValueError, match="evidence"):
        fit(evidence(spread=-1), 3, 2, (), 1.0)


@pytest.mark.parametrize(("K", "a"), [(1, 1.0), (0, 1.0), (3, 0.0), (3, -1.0), (3, np.nan), (3, np.inf)])
def test_fit_refuses_impossible_priors(K: int, a: float) -> None:
    with pytest.raises(ValueError, match="agent"):
        fit(evidence_from_lines(*[np.zeros(0, int)] * 6), K, 2, (), a)


@pytest.mark.parametrize(
    "pairs",
    [
        ((0, 2), (1, 2)),
        ((0, 1), (1, 0)),
        ((0, 0),),
        ((1, 2), (0, 1), (1, 0)),
        ((0, 1), (1, 2), (2, 0)),
        ((0, 3),),
        ((-1, 0),),
    ],
)
def test_fit_refuses_impossible_pairs(pairs: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="relation"):
        fit(evidence(), 3, 3, pairs, 1.0)


@pytest.mark.parametrize(
    "edit",
    [
        Edit(0, 0, 3, 1),
        Edit(0, 0, -1, 1),
        Edit(0, 2, 0, 1),
        Edit(0, -1, 0, 1),
        Edit(-1, 0, 0, 1),
        Edit(0, 0, 0, -1),
        Edit(0, 0, 0, np.nan),
        Edit(0, 0, 0, np.inf),
    ],
)
def test_revise_refuses_impossible_edits(edit: Edit) -> None:
    agent = fit(evidence(), 3, 2, (), 1.0)
    with pytest.raises(ValueError, match="no observation"):
        agent.revise(edit)
    with pytest.raises(ValueError, match="no observation"):
        agent.revise(Edit(0, 0, 0, 1), edit)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.5, 1.5, np.nan])
def test_weight_for_refuses_impossible_targets(target: float) -> None:
    with pytest.raises(ValueError, match="credence"):
        fit(evidence(), 3, 2, (), 1.0).weight_for(0, 1, 0, target)


def test_ids_outside_the_world_are_refused() -> None:
    """Fact (0, R) must not be taken for fact (1, 0), nor object -1 for object K - 1."""
    agent = fit(evidence(subject=1), 3, 2, ((0, 1),), 1.0)
    for subject, relation in ((0, 2), (1, -1), (-1, 0)):
        for ask in (agent.belief, agent.root, agent.frequencies):
            with pytest.raises(ValueError, match=r"no world has"):
                ask(subject, relation)
    with pytest.raises(ValueError, match="world"):
        agent.unseen_subject(2)
    for impossible in (-1, 3):
        with pytest.raises((ValueError, IndexError)):
            agent.conditional(1, impossible)
    with pytest.raises(KeyError):
        agent.conditional(0, 0)


def test_a_sentence_counts_as_often_as_its_multiplicity() -> None:
    world = MicroWorld(1, 1, 3, (), Fraction(1), 4, (Sentence(Kind.ATOM, True, (Fact(0, 0, 1),)),))
    assert agent_of(world).root(0, 0)[1] == 5 / 7
    assert len(evidence_in(world)) == 1


def test_an_agent_is_a_frozen_value() -> None:
    agent = fit(evidence(), 3, 2, (), 1.0)
    assert replace(agent) == agent
    with pytest.raises(AttributeError):
        agent.K = 4  # type: ignore[misc]
