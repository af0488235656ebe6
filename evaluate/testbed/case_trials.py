"""The editions that a benchmark makes of its cases, with the questions that each is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from worldgen.evaluate.asking.questions import Question
from worldgen.evaluate.asking.trials import Trial
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.probes import by_case
from worldgen.lm.editions import Edition, Request
from worldgen.randomness import generator
from worldgen.worlds.world import World


def make_trials(
    world: World, cases: Sequence[Case], questions: Iterable[Question], requests_per_edition: int, seed: int
) -> list[Trial]:
    """Returns the cases in editions of `requests_per_edition`, in order; the last edition may hold fewer."""
    asked = list(by_case(cases, questions, lambda question: question.case))
    trials = []
    for start in range(0, len(asked), requests_per_edition):
        some = asked[start : start + requests_per_edition]
        first = some[0][0].case
        requests = tuple(request_of(world, case, its) for case, its in some)
        edition = Edition(requests, edition_seed(seed, first), str(first))
        trials.append(Trial(edition, [question for _, its in some for question in its]))
    return trials


def request_of(world: World, case: Case, questions: Sequence[Question]) -> Request:
    """Returns the request of a case, in the words in which its questions ask about the requested object."""
    asked = next(question for question in questions if (question.about, question.form) == ("s1r1", "requested"))
    return Request(asked.prompt, asked.target, float(case.weight), world.subjects[case.subject], case.request)


def edition_seed(seed: int, first_case: int) -> int:
    """Returns the seed of all draws of an editor for an edition, which is named by its first case."""
    return int(generator(seed, f"edit {first_case}").integers(2**63))
