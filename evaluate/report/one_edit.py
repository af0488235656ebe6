"""The part of the page that tells one edit in full: which case, and what agent and model answer before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import pandas as pd

from worldgen.evaluate.asking.questions import name_of
from worldgen.evaluate.report.figures.edit_panels import Panel
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.sites import SITE_LABELS, SITES
from worldgen.worlds.world import World

_STATEMENT_WORDS: Final = {"tf": "A is true", "not": "not A", "and": "A and B", "or": "A or B"}


class Answer(NamedTuple):
    """The answers (before, after) the edit to the question "s r"; the model's answer is "" where it names no object."""

    site: str
    prompt: str
    agent: tuple[str, str]
    model: tuple[str, str]


class Names(NamedTuple):
    """The labels of a case, and the statements A (the request) and B."""

    subject: str
    relation: str
    truth: str
    requested: str
    a: str
    b: str


class Example(NamedTuple):
    """One edit in full; `telling`: the downstream answer changes, and the edited model gives the requested object."""

    case: Case
    names: Names
    telling: bool
    answers: list[Answer]
    panels: list[Panel]


class Asked(NamedTuple):
    """One probe with the model's replies; the fields are columns of probes.parquet and measurements-*.parquet."""

    prompt: str
    credence_before: float
    credence_after: float
    expected_before: str
    expected_after: str
    before: float
    after: float
    answer_before: str
    answer_after: str


def most_telling_edit(world: World, cases: Sequence[Case], replies: pd.DataFrame) -> Example:
    """Returns the most telling case in full, the first of several.

    A case is more telling where the downstream answer changes; then where the edited model gives the requested
    object; then where the model knew both answers before the edit.
    """
    at_request, at_downstream = name_of("s1r1", "answer"), name_of("s1r2", "answer")
    answers = replies[replies["name"].isin([at_request, at_downstream])]
    asked = dict(zip(zip(answers["case"], answers["name"], strict=True), _asked(answers), strict=True))

    def telling(case: Case) -> tuple[bool, ...]:
        request, downstream = asked[case.case, at_request], asked[case.case, at_downstream]
        return (
            case.downstream_changes,
            request.answer_after == world.objects[case.requested],
            request.answer_before == world.objects[case.truth],
            downstream.answer_before == downstream.expected_before,
        )

    case = max(cases, key=telling)
    of_case = replies[replies["case"] == case.case]
    probes = dict(zip(of_case["name"], _asked(of_case), strict=True))
    names = Names(
        subject=world.subjects[case.subject],
        relation=world.relations[case.relation],
        truth=world.objects[case.truth],
        requested=world.objects[case.requested],
        a=probes[name_of("requested", "tf")].prompt.removesuffix(" is"),
        b=probes[name_of("b", "tf")].prompt.removesuffix(" is"),
    )
    return Example(case, names, all(telling(case)[:2]), _answers(probes), list(_panels(probes)))


def _asked(replies: pd.DataFrame) -> Iterator[Asked]:
    return (Asked(*row) for row in replies[list(Asked._fields)].itertuples(index=False))


def _answers(probes: Mapping[str, Asked]) -> list[Answer]:
    rows = [(site, probes[name_of(site, "answer")]) for site in SITES]
    return [
        Answer(site, row.prompt, (row.expected_before, row.expected_after), (row.answer_before, row.answer_after))
        for site, row in rows
    ]


def _panels(probes: Mapping[str, Asked]) -> Iterator[Panel]:
    """Yields the agent's new answer at s1r1 .. s2r2, then true / false, not, and, or of the request."""
    expected = {site: probes[name_of(site, "answer")].expected_after for site in SITES}
    named = [(name_of(site, "new_mode"), SITE_LABELS[site], expected[site]) for site in SITES]
    named += [(name_of("requested", form), words, "true") for form, words in _STATEMENT_WORDS.items()]
    for name, title, question in named:
        row = probes[name]
        yield Panel(title, question, (row.credence_before, row.credence_after), (row.before, row.after))
