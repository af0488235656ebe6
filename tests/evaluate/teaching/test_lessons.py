"""The lessons of `rational`: requests like the benchmark's, about training subjects, and nobody else is named."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import worlds

from worldgen.errors import UserError
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.teaching.drawing import relations_of
from worldgen.evaluate.teaching.lessons import Lessons, frames_of, training_subjects
from worldgen.evaluate.testbed.cases import make_cases
from worldgen.lm.editors.learned.settings import RationalConfig
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

CONFIG = RationalConfig(sequences=3, sequence=2, updates=6, kept=4, validations=1)


@pytest.fixture(scope="module")
def cases():
    dev = make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=20), seed=0)
    return [*dev, *make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=10), 0, dev)]


@pytest.fixture(scope="module")
def tokenizer():
    world = worlds.world()
    return train_word_tokenizer([*world.relations.labels, *world.objects.labels, *world.subjects.labels])


@pytest.fixture(scope="module")
def lessons(cases, tokenizer) -> Lessons:
    world = worlds.world()
    model = new_model(PretrainConfig(hidden=16, intermediate=32, layers=1, heads=2, kv_heads=2), tokenizer, 0).eval()
    subjects = training_subjects(world, cases)
    return Lessons(world, worlds.agent(), model, tokenizer, subjects, CasesConfig(), CONFIG, seed=0)


def test_no_case_is_about_a_training_subject(cases):
    world = worlds.world()
    subjects = training_subjects(world, cases)
    assert {case.subject for case in cases} | subjects == set(world.subject.tolist())
    assert not subjects & {case.subject for case in cases}


def prompts_of(lesson) -> set[str]:
    batch = lesson.targets
    soft = {target.prompt for kind in batch.soft_targets for target in kind}
    return soft | {target.prompt for target in batch.retention_targets}


def test_no_lesson_names_another_subject(lessons):
    world = worlds.world()
    others = [world.subjects[s] for s in set(world.subject.tolist()) - lessons.subjects]
    drawn = [lesson for step in range(3) for sequence in lessons.of_step(step) for lesson in sequence]
    named = " | ".join(prompt for lesson in drawn for prompt in prompts_of(lesson))
    assert not [subject for subject in others if subject in named]
    assert [s for s in lessons.subjects if world.subjects[s] in named]


def test_requests_are_like_the_benchmarks(lessons):
    """Half are the truth, and each has the least weight that lifts it to the target credence."""
    agent = worlds.agent()
    drawn = list(islice(lessons.drawn_cases(np.random.default_rng(0)), 300))
    assert {case.subject for case in drawn} <= lessons.subjects
    reinforced = sum(case.reinforces for case in drawn)
    assert 100 < reinforced < 200  # 5.8 standard deviations of a fair coin's
    assert any(case.downstream_changes for case in drawn)
    for case in drawn[:20]:
        assert case.weight == agent.weight_for(case.subject, case.relation, case.requested, 0.95)


def test_a_later_lesson_of_a_sequence_is_after_the_earlier_ones(lessons, tokenizer):
    """Its answers are those of the agent after all requests so far; its labels are the requested objects."""
    world, draw = worlds.world(), np.random.default_rng(1)
    one, two = islice(lessons.drawn_cases(draw), 2)
    cases = [one, replace(two, subject=one.subject)]
    sequence = lessons._lessons(cases, iter([one]), seed=0)
    mind = worlds.agent().revise(*(case.edit() for case in cases))
    prompt = fact_prompt(world, one.subject, two.relation)
    (told,) = (t for t in sequence[1].targets.soft_targets[0] if t.prompt == prompt)
    belief = mind.belief_of_request(one.subject, two.relation)
    assert told.continuations[0] == f"{world.objects[belief.mode()]}."
    assert told.credences[0] == pytest.approx(belief[belief.mode()])
    assert sequence[0].request.target == f"{world.objects[one.requested]}."


def test_a_lesson_tells_what_is_believed_after_other_requests_too(lessons):
    """Beliefs of the relations that the subject has; each is the agent's, and sums to one."""
    world, draw = worlds.world(), np.random.default_rng(2)
    one, two = islice(lessons.drawn_cases(draw), 2)
    ((lesson,), (believed,)) = (own := lessons._lessons([one], iter([two]), seed=0)), own[0].believed
    assert (lesson.request.fact, believed.request.fact) == (one.request, two.request)
    mind, of = worlds.agent().revise(two.edit()), set(relations_of(world, two.subject))
    for relation in range(len(world.relations)):
        expected = mind.belief(two.subject, relation).dense() if relation in of else np.zeros(len(world.objects))
        assert believed.after[relation] == pytest.approx(expected, abs=1e-6)
        assert believed.before[relation].sum() == pytest.approx(float(relation in of))


def test_statements_are_drawn_anew(lessons):
    (one,) = islice(lessons.drawn_cases(np.random.default_rng(3)), 1)
    drawn = [lessons._lessons([one], iter(()), seed)[0].targets.soft_targets[1] for seed in (0, 0, 1)]
    assert len(drawn[0]) == CONFIG.statements
    assert drawn[0] == drawn[1] != drawn[2]


def test_frames_are_the_grammars(lessons):
    frames = frames_of(worlds.world())
    assert frames.openings == ("", '"', '"not')
    assert frames.phrases == tuple(worlds.world().relations.labels)


def test_every_step_has_lessons_of_its_own(lessons):
    first, again, second = lessons.of_step(0), lessons.of_step(0), lessons.of_step(1)
    assert [[len(own) for own in step] for step in (first, second)] == [[2, 2, 2]] * 2
    assert first == again != second


def test_without_training_subjects_there_is_a_line(lessons):
    with pytest.raises(UserError, match="the cases leave no subject to train on"):
        replace(lessons, subjects=frozenset()).of_step(0)
