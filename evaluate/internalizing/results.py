"""The tables of an experiment: curves with what is rational, and effects by variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Final

import pandas as pd

from worldgen.evaluate.internalizing.effects import MEASURES, Answers, EffectScore
from worldgen.evaluate.statistics.interval import Interval

TEST: Final = "test question"
_LINE: Final = 120


def curves_with_rational(curves: pd.DataFrame, answers: Answers) -> pd.DataFrame:
    """Returns the table of curves with the columns rational_exact, rational_p and rational_log_p.

    They are about test questions, and a mind that has read the stages up to this moment's, which it has read whole; NaN
    in other rows.
    """
    rows = []
    for number, table in enumerate(answers.moments):
        for subset in dict.fromkeys(table["subset"]):
            found = {f"rational_{name}": answers.rational_mean(number, subset, name) for name in MEASURES}
            rows.append({"stage": number, "subset": subset, "kind": TEST, **found})
    return curves.merge(pd.DataFrame(rows), "left", on=["stage", "subset", "kind"])


def effects_table(scores: Mapping[str, Sequence[EffectScore]]) -> pd.DataFrame:
    """Returns one row for each variant, effect and measure."""
    return pd.DataFrame([{"variant": name, **score.as_row()} for name, its in scores.items() for score in its])


def effects_text(scores: Mapping[str, Sequence[EffectScore]], confidence: float) -> str:
    """Returns the effects for a terminal, a part for each variant."""
    parts = []
    for variant, its in scores.items():
        seeds = len(its[0].by_seed) if its else 0
        lines = [
            f"{variant} ({seeds} seeds)",
            f"  {'':32}{'measure':22}{'mean':>8}  {'interval':20}{'p':>7}{'rational':>10}",
        ]
        lines += [_line(score) for score in its]
        parts += ["\n".join(lines), ""]
    told = (
        f"Student's {confidence:.0%} intervals over seeds, p of the paired t test; effects.csv has the block bootstrap"
        " over variables and seeds, and each seed."
    )
    return "\n".join([*parts, *wrap(told, _LINE)])


def _line(score: EffectScore) -> str:
    name = score.effect.label if score.measure == "exact" else ""
    mean, _, _ = score.interval
    head = f"  {name:32}{MEASURES[score.measure]:22}{mean:>+8.3f}"
    return f"{head}  {_ends(score.interval):20}{score.p:>7.3f}{score.rational:>+10.3f}"


def _ends(interval: Interval) -> str:
    return f"[{interval.low:+.3f}, {interval.high:+.3f}]"
