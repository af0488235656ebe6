"""The rational mind of a world with variables: whom it trusts after each stage, and what it answers."""

from __future__ import annotations

import numpy as np
import pytest
import worlds
from definition_worlds import SWEEP, TABLE_1, defined, reported_and_defined

from worldgen.corpus.definition_sentences import Split, lessons
from worldgen.evaluate.sources.variables import variable_mind
from worldgen.settings import DefinitionsConfig
from worldgen.worlds.definitions import Role
from worldgen.worlds.world import NONE


def test_what_the_mind_knows_is_what_untagged_sentences_name_most() -> None:
    """The mind takes the truths as known. The agent that reads the corpus has the same most probable objects."""
    world, agent = worlds.world(), worlds.agent()
    modes = [agent.root(s, r).mode() for s, r in zip(world.subject.tolist(), world.relation.tolist(), strict=True)]
    assert modes == world.truth.tolist()


@pytest.mark.parametrize("config", [TABLE_1, SWEEP])
def test_tags_are_learned_from_stage_1_alone(config: DefinitionsConfig) -> None:
    world = defined(config)
    d = world.definitions
    one, both = (variable_mind(world, stage=stage).trust.mean_reliabilities() for stage in (1, 2))
    np.testing.assert_array_equal(one, both)  # neutrality, to the bit
    for k in range(d.calibrated):
        mine = (d.role == Role.DEFINED) & (d.tag == k)
        right = d.right[mine].sum()
        # Questions identify nearly all variables, so it is seen of nearly all definitions whether they are right.
        assert one[k] == pytest.approx((right + 1) / (mine.sum() + 2), abs=0.02)
    np.testing.assert_allclose(one[d.calibrated : -1], 0.5, rtol=1e-14)
    assert one[-1] == 1


def test_a_definition_of_stage_2_is_believed_as_far_as_its_tag() -> None:
    world = reported_and_defined()
    d, mind = world.definitions, variable_mind(world)
    rho = mind.trust.mean_reliabilities()
    later = variable_mind(world, stage=1)
    S = len(world.subjects)
    for row in np.flatnonzero(d.role == Role.TOLD).tolist():
        v = int(d.variable[row])
        assert mind.meaning(v)[int(d.stated[row])] == pytest.approx(rho[d.tag[row]], abs=1e-12)
        np.testing.assert_allclose(later.meaning(v).dense(), 1 / S, rtol=1e-12)


def test_the_rational_answers_of_the_exam() -> None:
    """Stage 2: rho for what is defined, plus (1 - rho) times the share of the others; so D5 > D8 > D6 > QA7."""
    world = defined()
    d, mind, exam = world.definitions, variable_mind(world), lessons(world).of(Split.TEST, 2)
    rho = mind.trust.mean_reliabilities()
    by_subset: dict[str, list[float]] = {}
    for row, fact in zip(exam.row.tolist(), exam.sentences.fact.tolist(), strict=True):
        r, w = int(world.relation[fact]), int(world.truth[fact])
        p = mind.answer(int(d.variable[row]), r)[w]
        by_subset.setdefault(d.name_of(d.subset_of(row)), []).append(p)
        has = world.fact_ids(r)
        answers = world.truth[has[has != NONE]]
        S, n, same = len(world.subjects), len(answers), int((answers == w).sum())
        if d.tag[row] == NONE:
            assert p == pytest.approx(same / n, abs=1e-12)
        else:
            # The entity named has a fact of the relation; of the S - 1 others n - 1 have one.
            other = (1 - rho[d.tag[row]]) / (S - 1)
            whole = rho[d.tag[row]] + other * (n - 1)
            assert p == pytest.approx((rho[d.tag[row]] + other * (same - 1)) / whole, abs=1e-12)
    means = {name: np.mean(p) for name, p in by_subset.items()}
    assert means["D5cons"] > means["D8cons"] > means["D6cons"] > 0
    assert means["D5cons"] > 0.9


def test_questions_of_stage_1_settle_most_variables() -> None:
    world = defined()
    d, mind = world.definitions, variable_mind(world)
    for row in np.flatnonzero(d.role == Role.DEFINED).tolist():
        meaning = mind.meaning(int(d.variable[row]))
        facts = lessons(world, int(d.subject[row]), int(d.subject[row]) + 1).of(Split.TRAIN, 1)
        candidates = [
            s
            for s in range(len(world.subjects))
            if all(
                (f := world.fact_of(s, int(world.relation[fact]))) != NONE and world.truth[f] == world.truth[fact]
                for fact in facts.sentences.fact.tolist()
                if fact != NONE
            )
        ]
        assert np.flatnonzero(meaning.dense()).tolist() == candidates
        assert meaning[int(d.subject[row])] > 0


def test_a_skeptical_prior_has_the_mean_of_a_guess() -> None:
    world = defined()
    means = variable_mind(world, "skeptical").trust.mean_reliabilities()
    assert means[2] == pytest.approx(1 / len(world.subjects), rel=1e-12)
