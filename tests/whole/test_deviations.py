"""Where the published code and we mean the same: equal numbers. Where we differ: both numbers, and how far apart.

The published side is computed here by naive lines that follow the table in docs/deviations.md; ours by `bayes`. The
worlds are those of the fixtures, or a few sentences written out; numbers are exact, derived in the comments.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
import worlds
from by_hand import Case, cases, credence
from hypothesis import given
from hypothesis import strategies as st
from oracle import Oracle, hundreds
from published import Published

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.reading import PAPER
from worldgen.bayes.statements import p_and
from worldgen.bayes.testing import MicroWorld, Sentence, agent_of, edited_worlds
from worldgen.corpus.sentences import Kind
from worldgen.facts import Fact

EXACT = 1e-14  # as in test_bayes_by_hand
F = Fraction

SCHOOL, JOB = 0, 1
LUND, OSLO, DOCTOR, JUDGE = range(4)
ADA, BO = 0, 1


def said(*facts: tuple[int, int, int], kind: Kind = Kind.ATOM, truth: bool = True) -> tuple[Sentence, ...]:
    """A sentence of this kind about each fact."""
    return tuple(Sentence(kind, truth, (Fact(*fact),)) for fact in facts)


def schools(*sentences: Sentence) -> MicroWorld:
    """Ada and Bo; an occupation depends on a school; four objects, a = 1/4."""
    return MicroWorld(2, 2, 4, ((SCHOOL, JOB),), F(1, 4), 1, sentences)


# The `schools` of fixtures/posteriors.toml.
ADA_AND_BO = schools(
    *said(*[(ADA, SCHOOL, LUND)] * 4, (ADA, SCHOOL, OSLO), *[(ADA, JOB, DOCTOR)] * 2),
    *said(*[(BO, SCHOOL, OSLO)] * 2, *[(BO, JOB, JUDGE)] * 3),
)


def are(ours: float, expected: Fraction, theirs: Fraction, published: Fraction) -> None:
    """Both values are what the arithmetic says."""
    assert abs(ours - float(expected)) <= EXACT
    assert theirs == published


# -- the same ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("published.toml"), ids=lambda case: case.name)
def test_what_both_mean(case: Case) -> None:
    assert credence(Published(case.world, *case.edits), case) == case.expected
    assert credence(Oracle(case.world, *case.edits), case) == case.expected
    assert abs(credence(agent_of(case.world, *case.edits), case) - float(case.expected)) <= EXACT


def count_alike(world: MicroWorld) -> MicroWorld:
    """The world with the sentences that both count alike, and with the prior of the published code."""
    upstream = {u for u, _ in world.pairs}

    def alike(sentence: Sentence) -> bool:
        kind, truth, atoms = sentence
        affirms = kind != Kind.OR and truth == (kind != Kind.NOT)
        return (kind, truth) != (Kind.AND, False) and (affirms or not upstream & {atom.relation for atom in atoms})

    return world._replace(sentences=tuple(filter(alike, world.sentences)), a=F(1, world.K))


@hundreds
@given(edited_worlds(readings=st.just(PAPER)))
def test_without_the_deviations_the_two_are_one(drawn: tuple[MicroWorld, tuple[Edit, ...]]) -> None:
    """Exactly, in fractions; edits of upstream facts are of weight 1. A world read k times mentions all k times."""
    world = count_alike(drawn[0])
    upstream = {u for u, _ in world.pairs}
    edits = [edit._replace(weight=1.0) if edit.relation in upstream else edit for edit in drawn[1]]
    ours, theirs = Oracle(world, *edits), Published(world, *edits)
    for s in range(world.S + 1):
        for r in range(world.R):
            assert ours.belief(s, r) == theirs.belief(s, r)


# -- the deviations, in the order of the table ---------------------------------------------------------------------


def test_prior() -> None:
    """8 of 10 sentences say Lund. K = 4: (1/4 + 8) / 11 or (1 + 8) / 14; K = 2800: almost the same, or 9 / 2810."""
    for K, unit, flat in ((4, F(3, 4), F(9, 14)), (2800, F(22401, 30800), F(9, 2810))):
        world = MicroWorld(1, 1, K, (), F(1, K), 1, said(*[(ADA, 0, LUND)] * 8, *[(ADA, 0, OSLO)] * 2))
        paper = agent_of(world._replace(a=F(1)))
        are(agent_of(world).belief(ADA, 0)[LUND], unit, F(1, K) + 8, unit * 11)
        are(paper.belief(ADA, 0)[LUND], flat, F(1 + 8, K + 10), flat)


def test_weight_of_the_near_certain_edit() -> None:
    """Lund 3, Oslo 1; Oslo 1000 times more: (1/4 + 1001) / 1005. As labelled: (1/4 + 2) / 6."""
    world = MicroWorld(1, 1, 4, (), F(1, 4), 1, said(*[(ADA, 0, LUND)] * 3, (ADA, 0, OSLO)))
    edit = Edit(ADA, 0, OSLO, 1000)
    ours = agent_of(world, edit).belief(ADA, 0)[OSLO]
    theirs = Published(world, edit._replace(weight=1)).belief(ADA, 0)[OSLO]
    are(ours, F(267, 268), theirs, F(3, 8))


def test_a_false_and() -> None:
    """Ada is from Lund; it is false that she is from Oslo and Bo from there too. K = 3, a = 1/3.

    Ours: 1/3 on Oslo, 2/3 against: 1/3 each to Lund and Rome. N = 2: p(Oslo) = (1/3 + 1/3) / 3.
    Theirs: the weights of the sentence before it, 1 on Oslo: p(Oslo) = (1/3 + 1) / 3, as much as Lund.
    """
    both = Sentence(Kind.AND, False, (Fact(ADA, 0, OSLO), Fact(BO, 0, OSLO)))
    world = MicroWorld(2, 1, 3, (), F(1, 3), 1, (*said((ADA, 0, LUND)), both))
    ours, theirs = agent_of(world).belief(ADA, 0), Published(world).belief(ADA, 0)
    are(ours[OSLO], F(2, 9), theirs[OSLO], F(4, 9))
    are(ours[LUND], F(5, 9), theirs[LUND], F(4, 9))


def test_denied_upstream_objects() -> None:
    """Lund once, "Oslo is false" three times, doctor twice.

    Ours: Lund alone is responsible: C[Lund] = 2 doctor, C[Oslo] = 0. Theirs: Oslo has 3 of 4 mentions.
    Ada's school, for both: Lund 1 + 3/3, doctor and judge 1 each, N = 4: Lund 9/20, Oslo 1/20, the others 1/4 each.
    """
    denials = said(*[(ADA, SCHOOL, OSLO)] * 3, kind=Kind.STATED, truth=False)
    world = schools(*said((ADA, SCHOOL, LUND), *[(ADA, JOB, DOCTOR)] * 2), *denials)
    ours, theirs = agent_of(world), Published(world)
    # Oslo's row: 1/4 or (1/4 + 3/2) / (1 + 3/2). Lund's: (1/4 + 2) / 3 or (1/4 + 1/2) / (1 + 1/2).
    are(ours.conditional(JOB, OSLO)[DOCTOR], F(1, 4), theirs.conditional(JOB, OSLO)[DOCTOR], F(7, 10))
    are(ours.conditional(JOB, LUND)[DOCTOR], F(3, 4), theirs.conditional(JOB, LUND)[DOCTOR], F(1, 2))
    # 9/20 3/4 + 1/20 1/4 + 1/2 1/4, and 9/20 1/2 + 1/20 7/10 + 1/2 1/4.
    are(ours.belief(ADA, JOB)[DOCTOR], F(19, 40), theirs.belief(ADA, JOB)[DOCTOR], F(77, 200))


def test_upstream_objects_of_less_than_one_observation() -> None:
    """Lund once; "Oslo, or Bo is a judge" is true, 2/3 of an observation: 3/5 and 2/5, or 1/2 each; doctor twice."""
    either = Sentence(Kind.OR, True, (Fact(ADA, SCHOOL, OSLO), Fact(BO, JOB, JUDGE)))
    world = schools(*said((ADA, SCHOOL, LUND), *[(ADA, JOB, DOCTOR)] * 2), either)
    ours, theirs = agent_of(world).conditional(JOB, OSLO), Published(world).conditional(JOB, OSLO)
    are(ours[DOCTOR], F(7, 12), theirs[DOCTOR], F(5, 8))  # (1/4 + 4/5) / (1 + 4/5), (1/4 + 1) / (1 + 1)


@pytest.mark.parametrize(
    ("weight", "ours", "theirs"),
    [
        # One more: 4/6 and 2/6 of Ada for both. 17/28 19/28 + 9/28 11/56 + 2/28 1/4 = (646 + 99 + 28) / 1568.
        (1, F(773, 1568), F(773, 1568)),
        # 50 more: ours Lund 4/55, Oslo 51/55: p(doctor | Lund) = (1/4 + 8/55) / (63/55) = 29/84 and
        # p(doctor | Oslo) = (1/4 + 102/55) / (322/55) = 463/1288. Theirs still 4/6 and 2/6: 19/28 and 11/56.
        # p(Lund | Ada) = 17/224, p(Oslo | Ada) = 205/224, the other two 1/224 each, for both.
        (
            50,
            F(17, 224) * F(29, 84) + F(205, 224) * F(463, 1288) + F(2, 224) * F(1, 4),
            F(17, 224) * F(19, 28) + F(205, 224) * F(11, 56) + F(2, 224) * F(1, 4),
        ),
    ],
)
def test_an_edit_in_the_responsibilities(weight: int, ours: Fraction, theirs: Fraction) -> None:
    """Ada's occupation (doctor) after more observations of Oslo as her school."""
    edit = Edit(ADA, SCHOOL, OSLO, weight)
    published = Published(ADA_AND_BO, edit).belief(ADA, JOB)[DOCTOR]
    are(agent_of(ADA_AND_BO, edit).belief(ADA, JOB)[DOCTOR], ours, published, theirs)
    assert round(float(ours - theirs), 2) == (0 if weight == 1 else 0.12)


def test_requests_that_change_the_downstream_answer() -> None:
    """Ada's school becomes each of the four objects, 1000 times: what is her occupation then?

    Given Lund it is doctor still, and given an object never seen upstream every occupation is as likely: doctor,
    by what is left. Only Oslo makes it judge. Compared with a name, a distribution always differs.
    """
    names = ["Lund", "Oslo", "doctor", "judge"]

    def changes(agent: Agent, edited: Agent) -> tuple[bool, bool]:
        before, after = agent.belief(ADA, JOB), edited.belief(ADA, JOB)
        return after.mode() != before.mode(), after != names[before.mode()]

    agent = agent_of(ADA_AND_BO, *[Edit(BO, JOB, JUDGE, 5)])
    found = {names[o]: changes(agent, agent.revise(Edit(ADA, SCHOOL, o, 1000))) for o in range(4)}
    assert {name: ours for name, (ours, _) in found.items()} == {name: name == "Oslo" for name in names}
    assert all(theirs for _, theirs in found.values())


@pytest.mark.parametrize(("drawn", "off_by_coins"), [(3, 0.216), (5, 0.375), (7, 0.455), (9, 0.225)])
def test_true_false_labels_by_coins(drawn: int, off_by_coins: float) -> None:
    """An object drawn c times in 10 has c stated sentences, c c/10 of them true: coins miss that by one or more."""
    share = F(drawn, 10)
    expected = drawn * share
    by_coins = {k: comb(drawn, k) * share**k * (1 - share) ** (drawn - k) for k in range(drawn + 1)}
    off = sum(p for k, p in by_coins.items() if abs(k - expected) >= 1)
    assert round(float(off), 3) == off_by_coins


def test_true_false_labels_of_a_corpus() -> None:
    """Every (fact, object) of a corpus is within one of c c/10; coins for the same sentences would often not be."""
    sentences = worlds.corpus().sentences
    stated = sentences.where(sentences.kind == Kind.STATED)
    pair = stated.fact.astype(np.int64) * len(worlds.world().objects) + stated.object
    _, place, count = np.unique(pair, return_inverse=True, return_counts=True)
    expected = count * count / worlds.config().corpus.draws
    coins = np.random.default_rng(0).random(len(pair)) < (count / worlds.config().corpus.draws)[place]
    ours, theirs = (np.bincount(place, weights=truth) for truth in (stated.truth, coins))
    assert np.abs(ours - expected).max() < 1
    # 0.16 of them; most are of objects drawn 10 times in 10, where a coin has no choice.
    assert np.mean(np.abs(theirs - expected) >= 1) > 0.1


def test_an_edit_of_a_downstream_fact() -> None:
    """Told 4 times that Ada is a judge: by her school alone, or (3 6667/27456 + 4) / 7. n' by the root formula is 52.

    Two sentences make her a doctor, so n' = ceil(3 (.95 - 1/12) / .05) = 52.
    """
    told = Edit(ADA, JOB, JUDGE, 4)
    ours, papers = agent_of(ADA_AND_BO), agent_of(ADA_AND_BO._replace(reading=PAPER))
    theirs = Published(ADA_AND_BO, told).belief(ADA, JOB)[JUDGE]
    are(ours.revise(told).belief(ADA, JOB)[JUDGE], F(43275, 64064), theirs, F(43751, 72384))
    are(papers.revise(told).belief(ADA, JOB)[JUDGE], F(43751, 72384), theirs, F(43751, 72384))
    n = papers.weight_for(ADA, JOB, JUDGE, 0.95)
    assert n == 52
    assert round(papers.revise(told._replace(weight=n)).belief(ADA, JOB)[JUDGE], 3) == 0.884


def test_and_of_dependent_facts() -> None:
    """Ada was at Oslo and is a judge: 5/24 * 65/88 by the chain rule; a product of credences has 5/24 * 6667/27456."""
    agent, school, job = agent_of(ADA_AND_BO), Fact(ADA, SCHOOL, OSLO), Fact(ADA, JOB, JUDGE)
    product = Published(ADA_AND_BO).belief(ADA, SCHOOL)[OSLO] * Published(ADA_AND_BO).belief(ADA, JOB)[JUDGE]
    are(p_and(agent, school, job), F(325, 2112), product, F(5, 24) * F(6667, 27456))
