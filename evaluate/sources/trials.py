"""The questions of each case of the bench of sources, and the editions that they are asked of.

requested       p(o* | "s r")                        the trust
tagged          p(o* | "TAG s r")                    whether the request itself was learned
true, false     p("true" | '"s r o*" is'), and of "false"
downstream      p(o_d* | "s r_d")                    whether trust carries over
kept            the answer to "s' r'" of another subject
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from worldgen.evaluate.asking.questions import Question, QuestionKind, fact_prompt
from worldgen.evaluate.asking.trials import Trial
from worldgen.evaluate.sources.cases import SourceCase
from worldgen.evaluate.sources.rational import nobody
from worldgen.facts import Fact
from worldgen.grammar import Atom, truth_prompt
from worldgen.lm.editions import Edition, Request
from worldgen.randomness import generator
from worldgen.worlds.world import NONE, World

REQUESTED, TAGGED, TRUE, FALSE, DOWNSTREAM, KEPT = "requested", "tagged", "true", "false", "downstream", "kept"


def trials_of(world: World, cases: Sequence[SourceCase], weight: int, seed: int) -> list[Trial]:
    """Returns a trial for each case: the edition of its one request, and its questions."""
    return [Trial(_edition(world, case, weight, seed), list(_questions(world, case))) for case in cases]


def tagged_prompt(world: World, source: int, prompt: str) -> str:
    """Returns a prompt as a source says it: after its tag; that of nobody as it is."""
    if source == nobody(world):
        return prompt
    tag = world.sources.tags[source]
    return f"{tag}. {prompt}" if world.sources.place == "apart" else f"{tag} {prompt}"


def _edition(world: World, case: SourceCase, weight: int, seed: int) -> Edition:
    """Returns the edition of a case. Its draws depend on the fact alone, so that all sources meet the same ones."""
    subject, relation = int(world.subject[case.fact]), int(world.relation[case.fact])
    prompt = tagged_prompt(world, case.source, fact_prompt(world, subject, relation))
    fact = Fact(subject, relation, case.object)
    named = tagged_prompt(world, case.source, world.subjects[subject])
    request = Request(prompt, f"{world.objects[case.object]}.", float(weight), named, fact, case.source)
    draw = generator(seed, f"trust {world.subjects[subject]} {world.relations[relation]}")
    return Edition((request,), int(draw.integers(2**63)), str(case.number))


def _questions(world: World, case: SourceCase) -> Iterator[Question]:
    subject, relation = int(world.subject[case.fact]), int(world.relation[case.fact])
    prompt, target = fact_prompt(world, subject, relation), f"{world.objects[case.object]}."
    tagged = tagged_prompt(world, case.source, prompt)
    statement = truth_prompt(Atom(world.subjects[subject], world.relations[relation], world.objects[case.object]))
    other = fact_prompt(world, int(world.subject[case.other_fact]), int(world.relation[case.other_fact]))

    def question(about: str, form: str, kind: QuestionKind, prompt: str, target: str) -> Question:
        return Question(case.number, about, form, kind, prompt, target)

    yield question("fact", REQUESTED, QuestionKind.OBJECT, prompt, target)
    yield question("report", TAGGED, QuestionKind.OBJECT, tagged, target)
    yield question("statement", TRUE, QuestionKind.WORDS, statement, TRUE)
    yield question("statement", FALSE, QuestionKind.WORDS, statement, FALSE)
    if case.downstream != NONE:
        below = fact_prompt(world, subject, case.downstream)
        yield question(
            "consequence", DOWNSTREAM, QuestionKind.OBJECT, below, f"{world.objects[case.downstream_object]}."
        )
    yield question("other", KEPT, QuestionKind.ANSWER, other, "")
