"""Closure: the request and what the agent deduces, against a written-out reference."""

from __future__ import annotations

from dataclasses import replace

import pytest
import source_benches
import worlds

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.trust.minds import MixedMind
from worldgen.bayes.trust.reports import Report
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.sources.trials import trials_of
from worldgen.evaluate.teaching.closure import Closure
from worldgen.evaluate.testbed.cases import Case, make_cases
from worldgen.lm.editions import Edition, Mode, Request

WORLD = worlds.world()
CASES = make_cases(WORLD, worlds.agent(), CasesConfig(cases=24), seed=0)


def request_of(case: Case) -> Request:
    s, r, o = WORLD.subjects[case.subject], WORLD.relations[case.relation], WORLD.objects[case.requested]
    return Request(f"{s} {r}", f"{o}.", float(case.weight), s, case.request)


def pairs(requests: tuple[Request, ...]) -> list[tuple[str, str]]:
    return [(each.prompt, each.target) for each in requests]


def deduced(case: Case, before: Agent, after: Agent) -> set[tuple[str, str]]:
    """What is to be requested, one sentence after another, in the words of the corpus."""
    subject, said = WORLD.subjects[case.subject], set()
    for fact in range(len(WORLD)):
        if WORLD.subject[fact] != case.subject:
            continue
        r = int(WORLD.relation[fact])
        ask = (lambda mind: mind.belief_of_request) if r == case.relation else (lambda mind: mind.belief)
        old, new = ask(before)(case.subject, r).dense(), ask(after)(case.subject, r).dense()
        stated = []
        if r == case.relation:
            stated = [case.requested, int(old.argmax())]
        elif old.argmax() != new.argmax():
            stated = [int(old.argmax()), int(new.argmax())]
        if old.argmax() != new.argmax():
            said.add((f"{subject} {WORLD.relations[r]}", f"{WORLD.objects[int(new.argmax())]}."))
        for o in stated:
            atom = f"{subject} {WORLD.relations[r]} {WORLD.objects[o]}"
            said.add((f'"{atom}" is', "true" if new[o] > 0.5 else "false"))
            said.add((f'"not {atom}" is', "false" if new[o] > 0.5 else "true"))
    said.add((f"{subject} {WORLD.relations[case.relation]}", f"{WORLD.objects[case.requested]}."))
    return said


def test_a_request_is_made_with_all_that_follows_and_nothing_else() -> None:
    closure, changed = Closure(WORLD, worlds.agent(), "single"), 0
    for case in CASES:
        ((request,), *_) = [closure(Edition((request_of(case),), 1)).requests]
        found = pairs(request.learned_as)
        assert found[0] == (request.prompt, request.target)
        assert len(set(found)) == len(found)
        assert len({prompt for prompt, _ in found}) == len(found)  # nobody is asked for two answers
        assert set(found) == deduced(case, worlds.agent(), worlds.agent().revise(case.edit()))
        assert all(each.prompt.startswith(each.subject) for each in request.learned_as)
        assert replace(request, learned_as=()) == request_of(case)
        changed += case.downstream_changes
    assert changed > 3


@pytest.mark.parametrize("mode", ["sequential", "together"])
def test_several_requests_are_judged_in_their_turn(mode: Mode) -> None:
    """In turn, each by the agent that has made the earlier ones; together, each by the agent that has made all."""
    some = CASES[:6]
    edition = Closure(WORLD, worlds.agent(), mode)(Edition(tuple(map(request_of, some)), 1))
    for number, (case, request) in enumerate(zip(some, edition.requests, strict=True)):
        made = some[:number] if mode == "sequential" else []
        before = worlds.agent().revise(*(each.edit() for each in made))
        after = before.revise(case.edit()) if mode == "sequential" else before.revise(*(each.edit() for each in some))
        assert set(pairs(request.learned_as)) == deduced(case, before, after)


def test_a_request_that_is_not_believed_is_still_made() -> None:
    """Worth next to nothing, it changes no belief: it is requested, and its statement is false."""
    case = next(case for case in CASES if case.requested != case.truth)
    closure = Closure(WORLD, worlds.agent(), "single")
    weak = replace(request_of(case), weight=1e-6)
    (request,) = closure(Edition((weak,), 1)).requests
    assert set(pairs(request.learned_as)) == deduced(
        case, worlds.agent(), worlds.agent().revise(Edit(*case.request, 1e-6))
    )
    assert (f'"{weak.prompt} {weak.target[:-1]}" is', "false") in pairs(request.learned_as)


def test_what_a_source_requests_is_closed_by_what_a_rational_mind_makes_of_it() -> None:
    """The request is made as it is said; an untagged answer is requested only where the mind's answer changes."""
    world, mind = source_benches.world(), source_benches.mind()

    def heard(request: Request) -> MixedMind:
        assert request.fact is not None
        fact = world.fact_of(request.fact.subject, request.fact.relation)
        return mind.after(fact, [Report(fact, request.source, request.fact.object, request.weight)])

    closure, kinds = Closure(world, mind.agent, "single", heard), set()
    for trial in trials_of(world, source_benches.cases(), source_benches.CONFIG.weight, 0):
        (asked,) = trial.edition.requests
        (request,) = closure(trial.edition).requests
        subject, relation, object_ = asked.fact
        after, prompt = heard(asked), f"{world.subjects[subject]} {world.relations[relation]}"
        believes, old = after.belief_of_request(subject, relation), mind.agent.belief_of_request(subject, relation)
        found = dict(pairs(request.learned_as))
        assert found[asked.prompt] == asked.target
        assert found[f'"{prompt} {world.objects[object_]}" is'] == ("true" if believes[object_] > 0.5 else "false")
        if believes.mode() != old.mode():
            assert found[prompt] == f"{world.objects[believes.mode()]}."
        else:
            assert prompt == asked.prompt or prompt not in found
        kinds.add(found[f'"{prompt} {world.objects[object_]}" is'])
    assert kinds == {"true", "false"}  # some sources are believed, and others are not
