"""The teacher of `belief`: soft targets are the revised agent's credences, retention targets are about other facts."""

import re
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import worlds

from worldgen.bayes.agent import Edit
from worldgen.bayes.statements import Statement, credence
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.teaching.drawing import relations_of
from worldgen.evaluate.teaching.teacher import Teacher, teacher_of
from worldgen.evaluate.testbed.case_questions import make_probes
from worldgen.evaluate.testbed.cases import make_cases
from worldgen.facts import Fact
from worldgen.grammar import Atom, Both, Not
from worldgen.lm.editions import Edition, Request, rounds
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

CONFIG = BeliefConfig(steps=2, joined=6, kept=6)


@pytest.fixture(scope="module")
def cases():
    return make_cases(worlds.world(), worlds.agent(), CasesConfig(cases=12), seed=0)


@pytest.fixture(scope="module")
def tokenizer():
    world = worlds.world()
    return train_word_tokenizer([*world.relations.labels, *world.objects.labels, *world.subjects.labels])


@pytest.fixture(scope="module")
def model(tokenizer):
    return new_model(PretrainConfig(hidden=16, intermediate=32, layers=1, heads=2, kv_heads=2), tokenizer, 0).eval()


@pytest.fixture(scope="module")
def teacher(cases, tokenizer) -> Teacher:
    return teacher_of(worlds.world(), worlds.agent(), tokenizer, CONFIG, "single", cases)


def request_of(case) -> Request:
    world = worlds.world()
    prompt = fact_prompt(world, case.subject, case.relation)
    return Request(prompt, f"{world.objects[case.requested]}.", float(case.weight), fact=case.request)


def soft_targets_of(teacher, model, *cases, turn=0):
    edition = Edition(tuple(request_of(case) for case in cases), seed=7)
    return [one for batch in teacher.batches(model, edition, turn) for kind in batch.soft_targets for one in kind]


def atoms_of(formula):
    return {Not: lambda f: [f.atom], Both: lambda f: [f.left, f.right], Atom: lambda f: [f]}[type(formula)](formula)


def read(target):
    """The formula of a target about the truth of a statement, None for other targets."""
    stated = re.fullmatch(r'(".*" is)', target.prompt)
    return worlds.world().lexicon.parse(f"{stated[1]} true.").formula if stated else None


def fact_of(atom):
    world = worlds.world()
    return Fact(
        world.subjects.id_of(atom.subject), world.relations.id_of(atom.relation), world.objects.id_of(atom.object)
    )


def test_targets_about_the_requested_subject_are_the_revised_agents_credences(teacher, model, cases):
    """Answers and statements about the edited subject. The request itself is believed as n' is measured."""
    world, checked, false = worlds.world(), 0, teacher.writer.reader.tokenizer.convert_tokens_to_ids("false")
    for case in cases:
        mind = worlds.agent().revise(case.edit())
        for target in soft_targets_of(teacher, model, case):
            formula = read(target)
            if formula is not None and not isinstance(formula, Both):
                (atom,) = atoms_of(formula)
                s, r, o = fact_of(atom)
                if s != case.subject:
                    continue
                belief = mind.belief_of_request(s, r) if r == case.relation else mind.belief(s, r)
                expected = 1 - belief[o] if isinstance(formula, Not) else belief[o]
                assert target.credences == pytest.approx((expected,), abs=1e-12)
                assert target.rest == ((false, pytest.approx(1 - expected, abs=1e-12)),)
                checked += 1
            elif formula is None and target.prompt.startswith(f"{world.subjects[case.subject]} "):
                relation = target.prompt.removeprefix(f"{world.subjects[case.subject]} ")
                r = world.relations.id_of(relation)
                believed = mind.belief_of_request if r == case.relation else mind.belief
                belief = believed(case.subject, r)
                named = [world.objects.id_of(said.removesuffix(".")) for said in target.continuations]
                np.testing.assert_allclose(target.credences, [belief[o] for o in named], rtol=0, atol=1e-12)
                assert belief.mode() in named
                unnamed = [belief[o] if o not in named else 0.0 for o in range(len(world.objects))]
                assert target.rest == teacher.writer.reader.beginnings(np.array(unnamed))
                checked += 1
    assert checked > 10 * len(cases)


@pytest.mark.parametrize("least", [1e-3, 2.0])
def test_a_target_covers_every_answer(least, teacher, model, cases, monkeypatch):
    """The named answers and the rest add up to 1, also where no object is likely enough to be spelled out."""
    monkeypatch.setattr("worldgen.evaluate.teaching.target_writer.LEAST_CREDENCE", least)
    for target in soft_targets_of(teacher, model, cases[0]):
        assert len(target.continuations) == len(target.credences) >= 1
        assert sum(target.credences) + sum(p for _, p in target.rest) == pytest.approx(1, abs=1e-9)


def test_retention_targets_are_about_other_subjects(teacher, model, cases):
    """They are as many answers as statements, and differ from batch to batch."""
    world, case = worlds.world(), cases[0]
    batches = teacher.batches(model, Edition((request_of(case),), seed=7), 0)
    assert len(batches) == CONFIG.steps
    for batch in batches:
        formulas = [read(kept) for kept in batch.retention_targets]
        answers = [
            world.lexicon.parse(f"{h.prompt} {h.continuation}").formula for h in batch.retention_targets if not read(h)
        ]
        assert len(answers) == CONFIG.kept == sum(formula is not None for formula in formulas)
        for atom in [*answers, *filter(None, formulas)]:
            assert atom.subject != world.subjects[case.subject]
    assert batches[0].retention_targets != batches[1].retention_targets


def test_and_or_targets_join_the_agents_credence_with_the_models_own_belief(teacher, model, tokenizer, cases):
    joined = 0
    for case in cases[:4]:
        mind = worlds.agent().revise(case.edit())
        for target in soft_targets_of(teacher, model, case):
            formula = read(target)
            if not isinstance(formula, Both):
                continue
            about, other = sorted((formula.left, formula.right), key=lambda atom: fact_of(atom).subject != case.subject)
            fact = fact_of(about)
            believed = mind.belief_of_request if fact.relation == case.relation else mind.belief
            belief = believed(*fact[:2])
            p_a = belief[fact.object]
            p_x = float(np.exp(log_probabilities(model, tokenizer, [(f'"{other}" is', "true")]))[0])
            expected = p_a * p_x if formula.connective == "and" else p_a + p_x - p_a * p_x
            assert target.credences == pytest.approx((expected,), abs=1e-4)
            joined += 1
    assert joined == 4 * 3 * CONFIG.joined * CONFIG.steps


def test_half_of_the_and_targets_hold_the_request_and_half_of_the_or_targets_its_rivals(teacher, model, cases):
    """The other halves draw from all statements about the subject, so they hold some of the same statements."""
    case, config = cases[0], CONFIG.model_copy(update={"joined": 100})
    formulas = [read(target) for target in soft_targets_of(replace(teacher, config=config), model, case)]
    about = {"and": [], "or": []}
    for formula in formulas:
        if isinstance(formula, Both):
            facts = fact_of(formula.left), fact_of(formula.right)
            about[formula.connective] += [fact for fact in facts if fact.subject == case.subject]
    request = Fact(case.subject, case.relation, case.requested)
    said = {fact_of(formula) for formula in formulas if isinstance(formula, Atom)}
    denied = {fact for fact in said if fact.relation == case.relation} - {request}
    assert {request} < said - denied
    for connective, some in (("and", {request}), ("or", denied)):
        share = np.mean([fact in some for fact in about[connective]])
        assert share == pytest.approx(0.5 + 0.5 * len(some) / len(said), abs=0.12)  # 200 draws: three deviations


def test_no_target_names_the_other_subjects_of_the_case(teacher, model, cases):
    """They are s2 and the subject of B. Over many seeds."""
    world, case = worlds.world(), cases[0]
    closed = {world.subjects[case.subject2], world.subjects[case.b_subject]}
    for seed in range(30):
        for batch in teacher.batches(model, Edition((request_of(case),), seed), 0):
            for said in [*(target for kind in batch.soft_targets for target in kind), *batch.retention_targets]:
                formula = read(said) or world.lexicon.parse(" ".join(said.pairs[0])).formula
                assert {atom.subject for atom in atoms_of(formula)}.isdisjoint(closed)


def test_no_target_is_a_question_about_another_subject(teacher, model, cases):
    probes = make_probes(worlds.world(), worlds.agent(), cases, 1000, True)
    for case in cases:
        b_and_s2 = {
            asked.prompt
            for asked in (probe.question for probe in probes if probe.question.case == case.case)
            if asked.about in ("b", "s2r1", "s2r2") or asked.form in ("and", "and_swapped", "or")
        }
        assert b_and_s2.isdisjoint(target.prompt for target in soft_targets_of(teacher, model, case))


def test_the_edition_alone_decides_the_batches(teacher, model, cases):
    edition = Edition((request_of(cases[0]),), seed=3)
    assert teacher.batches(model, edition, 0) == teacher.batches(model, edition, 0)
    assert teacher.batches(model, edition, 0) != teacher.batches(model, Edition(edition.requests, seed=4), 0)


@pytest.mark.parametrize(
    ("mode", "turn", "revised_by"), [("sequential", 0, 1), ("sequential", 1, 2), ("together", 0, 2)]
)
def test_the_agent_has_seen_the_requests_up_to_this_turn(mode, turn, revised_by, model, tokenizer, cases):
    """One after another: the requests so far; together: all of them. The targets are about the last one seen."""
    first, second = cases[0], next(case for case in cases if case.subject != cases[0].subject)
    teacher = teacher_of(worlds.world(), worlds.agent(), tokenizer, CONFIG, mode, cases)
    mind = worlds.agent().revise(*[case.edit() for case in (first, second)][:revised_by])
    case = second if revised_by == 2 else first
    prompt = request_of(case).prompt
    targets = [
        target for target in soft_targets_of(teacher, model, first, second, turn=turn) if target.prompt == prompt
    ]
    assert targets
    belief = mind.belief_of_request(case.subject, case.relation)
    for target in targets:
        objects = [worlds.world().objects.id_of(said.removesuffix(".")) for said in target.continuations]
        np.testing.assert_allclose(target.credences, [belief[o] for o in objects], rtol=0, atol=1e-12)


def test_half_of_the_retention_targets_are_about_subjects_that_earlier_turns_edited(model, tokenizer, cases):
    """This holds in every batch, because few facts are about those subjects, and they are lost first.

    The subject of the request itself, and the subjects that no target about it may name, are left out.
    """
    world, (own, first, *_) = worlds.world(), [case for case in cases if not case.reinforces]
    second = next(case for case in cases if first.subject not in (case.subject, case.subject2, case.b_subject))
    beside = replace(own, subject=second.subject2)
    teacher = teacher_of(world, worlds.agent(), tokenizer, CONFIG, "sequential", cases)
    requests = [request_of(case) for case in (first, beside, second)]
    prompts = {f"{world.subjects[first.subject]} {world.relations[r]}" for r in relations_of(world, first.subject)}
    for batch in teacher.batches(model, Edition(tuple(requests), seed=7), 2):
        answers, truths = batch.retention_targets[::2], batch.retention_targets[1::2]
        assert len(answers) == len(truths) == 2 * CONFIG.kept
        assert {kept.prompt for kept in answers[CONFIG.kept :]} <= prompts
        assert {read(kept).subject for kept in truths[CONFIG.kept :]} == {world.subjects[first.subject]}
    alone = teacher.batches(model, Edition((requests[2], requests[2]), seed=7), 1)
    assert [len(batch.retention_targets) for batch in alone] == [2 * CONFIG.kept] * CONFIG.steps


@pytest.mark.parametrize("mode", ["sequential", "together"])
def test_no_turn_names_the_other_subjects_of_any_case_of_the_edition(mode, model, tokenizer, cases):
    """The questions of all cases are asked at the end, so no turn may teach what the case of another turn measures.

    A subject that is edited itself is named in its own turn.
    """
    config = CONFIG.model_copy(update={"kept": 1500, "joined": 600})
    chosen = cases[:3]
    world, teacher = worlds.world(), teacher_of(worlds.world(), worlds.agent(), tokenizer, config, mode, cases)
    edition = Edition(tuple(request_of(case) for case in chosen), seed=7)
    asked = {subject for case in chosen for subject in (case.subject2, case.b_subject)}
    for turn, part in enumerate(rounds(mode, edition)):
        own = {case.subject for case in chosen if request_of(case) in part}
        secret = {world.subjects[subject] for subject in asked - own}
        assert secret
        batches = teacher.batches(model, edition, turn)
        texts = {said.prompt for batch in batches for said in (*chain(*batch.soft_targets), *batch.retention_targets)}
        assert not [text for text in texts for name in secret if f" {name} " in f" {text} ".replace('"', " ")]


def test_requests_of_earlier_turns_are_kept_and_not_asked_of_the_unedited_model(model, tokenizer, cases):
    """Otherwise a turn would undo earlier ones: in a small world most facts are among the retention targets."""
    config = CONFIG.model_copy(update={"kept": 1500, "joined": 600})
    world, first = worlds.world(), next(case for case in cases if not case.reinforces)
    second = next(case for case in cases if first.subject not in (case.subject, case.subject2, case.b_subject))
    teacher = teacher_of(world, worlds.agent(), tokenizer, config, "sequential", cases)
    edition = Edition((request_of(first), request_of(second)), seed=7)
    retained = [kept for batch in teacher.batches(model, edition, 1) for kept in batch.retention_targets]
    prompt, target = request_of(first).prompt, request_of(first).target
    assert {kept.continuation for kept in retained if kept.prompt == prompt} == {target}
    targets = soft_targets_of(teacher, model, first, second, turn=1)
    pairs = [formula for formula in map(read, targets) if isinstance(formula, Both)]
    named = {atom.subject for pair in pairs for atom in (pair.left, pair.right)}
    assert world.subjects[second.subject] in named
    assert world.subjects[first.subject] not in named


def test_the_credence_in_and_of_two_subjects_is_a_product(cases):
    """P(A and X) = P(A) P(X), as the "and" targets assume."""
    case, agent = cases[0], worlds.agent()
    mind = agent.revise(Edit(case.subject, case.relation, case.requested, case.weight))
    a, x = Fact(case.subject, case.relation, case.requested), case.statement_b
    product = mind.belief(*a[:2])[a.object] * mind.belief(*x[:2])[x.object]
    assert credence(mind, Statement("and", a, x)) == pytest.approx(product, abs=1e-15)
