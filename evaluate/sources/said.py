"""Everything that somebody says of the cases: a method's edited models, the model before, and two references.

Shapes: C cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worldgen.evaluate.asking.questions import name_of
from worldgen.evaluate.sources.cases import FOLLOWS, SourceCase
from worldgen.evaluate.sources.trials import DOWNSTREAM, FALSE, KEPT, REQUESTED, TAGGED, TRUE
from worldgen.evaluate.statistics.block_bootstrap import Floats
from worldgen.worlds.world import NONE


@dataclass(frozen=True)
class SaidOfCases:
    """The answers of somebody to C cases; NaN where there is no such question."""

    requested: Floats
    """[C]: p(o* | "s r")."""
    tagged: Floats
    """[C]: p(o* | "TAG s r"), NaN for nobody, whose prompt is the other one."""
    statement: Floats
    """[C]: the probability of "true", of "true" and "false" together."""
    downstream: Floats
    """[C]: p(o_d* | "s r_d")."""
    kept: Floats
    """[C]: 1 where the answer about another subject is the same as before, else 0."""

    def where(self, chosen: NDArray[np.bool_]) -> SaidOfCases:
        """Returns the answers to some of the cases, chosen by a mask [C]."""
        return SaidOfCases(**{name: column[chosen] for name, column in vars(self).items()})


def said_after(cases: Sequence[SourceCase], rows: pd.DataFrame) -> SaidOfCases:
    """Returns what a model said after its edits, from the rows of measurements-*.parquet."""
    return _said(cases, rows, "after")


def said_before(cases: Sequence[SourceCase], rows: pd.DataFrame) -> SaidOfCases:
    """Returns what the unedited model said of the same questions."""
    return _said(cases, rows, "before")


def said_by_mind(cases: Sequence[SourceCase]) -> SaidOfCases:
    """Returns what the rational mind says, of the request and what follows from it."""
    believed = np.array([case.believed for case in cases])
    nothing = np.full(len(cases), np.nan)
    follows = np.array([case.downstream_believed for case in cases])
    return SaidOfCases(believed, nothing, believed, follows, nothing)


def said_by_the_credulous(cases: Sequence[SourceCase]) -> SaidOfCases:
    """Returns what somebody says who is certain of every request, whoever makes it."""
    certain, nothing = np.ones(len(cases)), np.full(len(cases), np.nan)
    return SaidOfCases(certain, nothing, certain, nothing, nothing)


def of_what_follows(cases: Sequence[SourceCase], said: SaidOfCases) -> tuple[list[SourceCase], SaidOfCases]:
    """Returns the cases whose request has a consequence, and what is said of it, as if it were what is requested.

    Trust in a source that makes an upstream request goes on to the downstream fact, weakened by the conditional.
    """
    leads = np.array([case.downstream != NONE for case in cases], dtype=bool)
    consequences = [
        replace(case, kind=FOLLOWS, believed_before=case.downstream_before, believed=case.downstream_believed)
        for case in cases
        if case.downstream != NONE
    ]
    follows = said.downstream[leads]
    nothing = np.full(len(follows), np.nan)
    return consequences, SaidOfCases(follows, nothing, nothing, nothing, nothing)


def _said(cases: Sequence[SourceCase], rows: pd.DataFrame, phase: str) -> SaidOfCases:
    number = [case.number for case in cases]
    by_name = rows.pivot_table(index="case", columns="name", values=phase, dropna=False).reindex(number)
    answers = rows[rows["name"] == name_of("other", KEPT)].set_index("case").loc[number]

    def column(about: str, form: str) -> Floats:
        name = name_of(about, form)
        return by_name[name].to_numpy(float) if name in by_name else np.full(len(cases), np.nan)

    true, false = column("statement", TRUE), column("statement", FALSE)
    return SaidOfCases(
        column("fact", REQUESTED), column("report", TAGGED), true / (true + false), column("consequence", DOWNSTREAM),
        (answers[f"answer_{phase}"] == answers["answer_before"]).to_numpy().astype(np.float64),
    )  # fmt: skip
