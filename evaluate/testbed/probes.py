"""Probes: the questions that are asked about every case, each with the agent's answers.

The questions by their names in files, with SITE one of s1r1, s1r2, s2r1, s2r2:

    SITE/answer                       the greedy completion of "s r"
    SITE/truth /requested /old_mode /new_mode     p("o." | "s r"): the original truth, the requested object, the
                                      agent's most probable object before and after the edit
    s1r1/original                     the same of the second set's object
    requested/tf /tf_false /not /and /and_swapped /or         p(true | '"F" is'), A the requested statement
    original/tf ...                   A the original statement or a false one
    b/tf                              the second statement alone

Credences are the agent's before the edit, after it (with n', or as `cases.weight` says) and after the near certain
weight. At s1r1 they are by the root formula (evaluation design: n' is defined by it); everywhere else p(o | s, r) as
believed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from worldgen.evaluate.asking.questions import Question, QuestionKind, name_of
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.sites import SITES
from worldgen.storage.files import read_columns, write_table

Item = TypeVar("Item")

ROLES: Final = ("truth", "requested", "old_mode", "new_mode")
STATEMENT_SETS: Final = ("requested", "original")
STATEMENT_FORMS: Final = ("tf", "tf_false", "not", "and", "and_swapped", "or")


class Declared(NamedTuple):
    """A question that is asked about every case."""

    about: str
    form: str
    kind: QuestionKind


def _declared() -> Iterator[Declared]:
    """Yields every question about a case: (about, form) is its identity, and its name is only written."""
    for site in SITES:
        yield Declared(site, "answer", QuestionKind.ANSWER)
        for role in ROLES:
            yield Declared(site, role, QuestionKind.OBJECT)
    yield Declared("s1r1", "original", QuestionKind.OBJECT)
    for set_ in STATEMENT_SETS:
        for form in STATEMENT_FORMS:
            yield Declared(set_, form, QuestionKind.WORDS)
    yield Declared("b", "tf", QuestionKind.WORDS)


_BY_NAME: Final = {name_of(declared.about, declared.form): declared for declared in _declared()}
_KINDS: Final = {(declared.about, declared.form): declared.kind for declared in _declared()}


def case_question(case: int, about: str, form: str, prompt: str, target: str) -> Question:
    """Returns a question about a case. (about, form) must be declared."""
    return Question(case, about, form, _KINDS[about, form], prompt, target)


@dataclass(frozen=True)
class AnswerKey:
    """The agent's answers to a question: before the edit, after it, and after one of the near certain weight.

    A question of kind ANSWER has expected answers, every other kind has credences.
    """

    credence_before: float = math.nan
    """The credence in the target; NaN in a question of kind ANSWER."""
    credence_after: float = math.nan
    credence_certain: float = math.nan
    expected_before: str = ""
    """The agent's most probable object; "" where the question has credences."""
    expected_after: str = ""


@dataclass(frozen=True)
class Probe:
    """A question about a case, with the agent's answers to it."""

    question: Question
    key: AnswerKey

    def row(self) -> dict[str, Any]:
        """Returns the probe's row of probes.parquet."""
        asked = self.question
        return {"case": asked.case, "name": asked.name, "prompt": asked.prompt, "target": asked.target} | vars(self.key)


def save_probes(path: Path, probes: Sequence[Probe]) -> None:
    """Writes probes.parquet."""
    rows = [probe.row() for probe in probes]
    write_table(path, {name: [row[name] for row in rows] for name in rows[0]})


def load_probes(path: Path) -> list[Probe]:
    """Returns the probes that `save_probes` wrote."""
    columns = {name: column.tolist() for name, column in read_columns(path).items()}
    keys = zip(*(columns[name] for name in vars(AnswerKey())), strict=True)
    return [Probe(question, AnswerKey(*key)) for question, key in zip(_questions(columns), keys, strict=True)]


def load_questions(path: Path) -> list[Question]:
    """Returns the questions of the probes that `save_probes` wrote."""
    columns = read_columns(path, ["case", "name", "prompt", "target"])
    return list(_questions({name: column.tolist() for name, column in columns.items()}))


def _questions(columns: dict[str, list[Any]]) -> Iterator[Question]:
    for case, name, prompt, target in zip(*(columns[c] for c in ("case", "name", "prompt", "target")), strict=True):
        about, form, kind = _BY_NAME[name]
        yield Question(case, about, form, kind, prompt, target)


def by_case(
    cases: Sequence[Case], items: Iterable[Item], case_of: Callable[[Item], int]
) -> Iterator[tuple[Case, list[Item]]]:
    """Yields each case with its items, such as questions or probes.

    Cases and items must be in the same order; `case_of` gives the number of an item's case.
    """
    for case, (number, its) in zip(cases, itertools.groupby(items, key=case_of), strict=True):
        assert case.case == number
        yield case, list(its)
