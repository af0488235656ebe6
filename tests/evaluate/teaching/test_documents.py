"""Documents: sentences sampled from the revised agent, as the corpus would say them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import worlds

from worldgen.bayes.distribution import Distribution
from worldgen.corpus.sentences import Kind
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.teaching.documents import Documents, kinds_in
from worldgen.evaluate.teaching.drawing import relations_of
from worldgen.evaluate.teaching.teacher import kept_out_of
from worldgen.evaluate.testbed.cases import Case, make_cases
from worldgen.grammar import Atom, Both, Formula, Not, Sentence
from worldgen.lm.editions import Edition, Request

WORLD = worlds.world()
CASES = make_cases(WORLD, worlds.agent(), CasesConfig(cases=12), seed=0)
MANY = 6000
KINDS = np.array([0.4, 0.3, 0.1, 0.1, 0.1, 0.0])


def request_of(case: Case, weight: float = 1e9) -> Request:
    prompt, subject = fact_prompt(WORLD, case.subject, case.relation), WORLD.subjects[case.subject]
    return Request(prompt, f"{WORLD.objects[case.requested]}.", weight, subject, case.request)


def documents(most: int) -> Documents:
    return Documents(WORLD, worlds.agent(), "single", KINDS, most, kept_out_of(CASES))


def said(requests: tuple[Request, ...]) -> list[Sentence]:
    """The requests, read back as sentences of the corpus."""
    return [WORLD.lexicon.parse(f"{each.prompt} {each.target.removesuffix('.')}.") for each in requests]


def atoms_of(formula: Formula) -> list[Atom]:
    if isinstance(formula, Both):
        return [formula.left, formula.right]
    return [formula.atom if isinstance(formula, Not) else formula]


def test_sentences_are_as_many_as_the_observations_up_to_the_cap() -> None:
    counts = {}
    for weight in (0.3, 1.0, 7.2, 1e4):
        (request,) = documents(20)(Edition((request_of(CASES[0], weight),), 1)).requests
        counts[weight] = len(request.learned_as)
    assert counts == {0.3: 1, 1.0: 1, 7.2: 7, 1e4: 20}


def test_an_edition_decides_its_sentences() -> None:
    one, again, other = (documents(20)(Edition((request_of(CASES[0]),), seed)) for seed in (1, 1, 2))
    assert one == again
    assert one.requests[0].learned_as != other.requests[0].learned_as
    assert replace(one.requests[0], learned_as=()) == request_of(CASES[0])


def test_nobody_is_named_whom_a_question_is_about() -> None:
    for case in CASES:
        closed = {WORLD.subjects[case.subject2], WORLD.subjects[case.b_subject]}
        (request,) = documents(100)(Edition((request_of(case),), 3)).requests
        sentences, subject = said(request.learned_as), WORLD.subjects[case.subject]
        named = [{atom.subject for atom in atoms_of(each.formula)} for each in sentences]
        assert all(subject in its for its in named)
        assert not closed & set().union(*named) - {subject}
        assert all(each.subject.endswith(subject) for each in request.learned_as)


@pytest.fixture(scope="module")
def many() -> tuple[Case, list[Sentence]]:
    """Many sentences of one request that changes the downstream answer."""
    case = next(case for case in CASES if case.downstream_changes)
    (request,) = documents(MANY)(Edition((request_of(case, float(case.weight) + MANY),), 5)).requests
    return case, said(request.learned_as)


def near(found: float, expected: float, n: int) -> bool:
    """Whether a share of n draws is within five standard errors of its chance, and five draws for rare events."""
    return abs(found - expected) <= 5 * np.sqrt(expected * (1 - expected) / n) + 5 / n


def test_kinds_come_with_their_chances(many) -> None:
    _, sentences = many
    found = Counter(
        Kind.ATOM if each.truth is None
        else {Atom: Kind.STATED, Not: Kind.NOT}.get(type(each.formula))
        or {"and": Kind.AND, "or": Kind.OR}[each.formula.connective]
        for each in sentences
    )  # fmt: skip
    assert all(near(found[kind] / MANY, KINDS[kind], MANY) for kind in Kind if kind < len(KINDS))


def test_sentences_say_what_the_revised_agent_believes(many) -> None:
    """p(o | s, r) of atoms; of statements p(o) p(o) said to be true; negations are as often true as false."""
    case, sentences = many
    weight = float(case.weight) + MANY
    mind = worlds.agent().revise(case.edit()._replace(weight=weight))
    atoms = Counter(str(each.formula) for each in sentences if each.truth is None)
    stated = Counter(str(each.formula) for each in sentences if isinstance(each.formula, Atom) and each.truth)
    relations = relations_of(WORLD, case.subject)
    for r in relations:
        ask = mind.belief_of_request if r == case.relation else mind.belief
        belief: Distribution = ask(case.subject, r)
        for o in belief.top(3)[0].tolist():
            text = f"{fact_prompt(WORLD, case.subject, r)} {WORLD.objects[o]}"
            assert near(atoms[text] / MANY, KINDS[Kind.ATOM] * belief[o] / len(relations), MANY)
            assert near(stated[text] / MANY, KINDS[Kind.STATED] * belief[o] ** 2 / len(relations), MANY)
    negations = [each.truth for each in sentences if isinstance(each.formula, Not)]
    assert near(float(np.mean(negations)), 0.5, len(negations))
    joined = [each.truth for each in sentences if isinstance(each.formula, Both) and each.formula.connective == "or"]
    assert near(float(np.mean(joined)), 0.75, len(joined))


def test_the_kinds_of_a_corpus_are_counted(tmp_path) -> None:
    worlds.corpus().save(tmp_path, 0)
    kinds, counts = kinds_in(tmp_path), np.bincount(worlds.corpus().sentences.kind, minlength=len(Kind))
    assert kinds.sum() == pytest.approx(1)
    assert kinds == pytest.approx(counts / counts.sum())
