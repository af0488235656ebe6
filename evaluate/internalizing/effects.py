"""Effects of definitions, from the answers at the end of the stages, each beside its rational value.

    effect = sum over its terms of sign * mean over the variables of a subset, at a moment

A variable's value is the mean over its test questions. Seeds come first: each has one value of an effect, and the
interval is Student's over seeds, which is the paired test where an effect compares subsets. The block bootstrap stands
beside it and resamples variables and seeds.
Shapes: n variables of a subset, s seeds, R+1 moments (before any stage, and at the end of each of R stages).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from worldgen.evaluate.internalizing.examination import ANSWERS
from worldgen.evaluate.statistics.block_bootstrap import Floats, Resampling, block_bootstrap
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.paired_t import t_test
from worldgen.storage.files import read_columns

When = Literal["learned", "before", "after"]
"""After the first stage; before the last stage; after the last stage."""
Measure = Literal["exact", "p", "log_p"]
MEASURES: Final[Mapping[Measure, str]] = {
    "exact": "exact match",
    "p": "p of the answer",
    "log_p": "log p of the answer",
}
_EVEN: Final = 1e-9  # rounding of a rational probability of 1/2


class Term(NamedTuple):
    """One mean of an effect."""

    sign: int
    subset: str
    when: When


class Effect(NamedTuple):
    """A sum of means."""

    name: str
    label: str
    terms: tuple[Term, ...]


def _gain(subset: str, sign: int = 1) -> tuple[Term, ...]:
    return Term(sign, subset, "after"), Term(-sign, subset, "before")


EFFECTS: Final = (
    Effect("first_gap", "D1 - D2 after stage 1", (Term(1, "d1", "learned"), Term(-1, "d2", "learned"))),
    Effect("gain_d5", "gain of D5 in stage 2", _gain("d5")),
    Effect("gain_d6", "gain of D6 in stage 2", _gain("d6")),
    Effect("iml", "IML: gain of D5 less that of D6", (*_gain("d5"), *_gain("d6", -1))),
    Effect("last_gap", "D5 - D6 after stage 2", (Term(1, "d5", "after"), Term(-1, "d6", "after"))),
    Effect("gain_d8", "gain of D8, the new tag", _gain("d8")),
    Effect("new_tag", "gain of D8 less that of D5", (*_gain("d8"), *_gain("d5", -1))),
    Effect("tag_over_truth", "D9 - D10 after stage 1", (Term(1, "d9", "learned"), Term(-1, "d10", "learned"))),
)
"""The paper's effects. `new_tag` is negative in a rational mind: an unknown tag is trusted less than a proven one."""


@dataclass(frozen=True)
class Answers:
    """The answers of one seed: a table of test questions for each moment, with the columns of an answers file."""

    moments: tuple[pd.DataFrame, ...]
    """[R+1]: subset, variable, log_p, exact, rational (the rational probability of the right answer)."""

    @staticmethod
    def read(folder: Path) -> Answers:
        """Reads the answers files of a training."""
        numbers = range(len(list(folder.glob(ANSWERS.format("*")))))
        return Answers(tuple(pd.DataFrame(read_columns(folder / ANSWERS.format(number))) for number in numbers))

    @cached_property
    def subsets(self) -> frozenset[str]:
        """The subsets that are asked about."""
        return frozenset(self.moments[0]["subset"])

    def values(self, term: Term, measure: Measure, rational: bool) -> Floats:
        """Returns [n]: the mean over its questions of each variable of the term's subset."""
        number = {"learned": 1, "before": len(self.moments) - 2, "after": len(self.moments) - 1}[term.when]
        its = self._of(number, term.subset)
        found = _rational(its["rational"], measure) if rational else _answered(its, measure)
        return found.groupby(its["variable"]).mean().to_numpy()

    def rational_mean(self, number: int, subset: str, measure: Measure) -> float:
        """Returns the mean over a subset's questions of a rational mind's answers, at a moment."""
        return float(_rational(self._of(number, subset)["rational"], measure).mean())

    def _of(self, number: int, subset: str) -> pd.DataFrame:
        table = self.moments[number]
        return table[table["subset"] == subset]


def _answered(table: pd.DataFrame, measure: Measure) -> pd.Series:
    return np.exp(table["log_p"]) if measure == "p" else table[measure].astype(float)


def _rational(p: pd.Series, measure: Measure) -> pd.Series:
    """Returns a measure of a rational mind's answers; where both answers are equally probable, half are exact."""
    if measure == "p":
        return p
    return np.log(p) if measure == "log_p" else (p > 0.5 + _EVEN) + 0.5 * ((p - 0.5).abs() <= _EVEN)


@dataclass(frozen=True)
class EffectScore:
    """An effect in one measure, over seeds."""

    effect: Effect
    measure: Measure
    interval: Interval
    """The mean over seeds, with Student's interval."""
    p: float
    """The p value of the paired t test against 0, two-sided."""
    bootstrap: Interval
    """The same mean with the interval of the block bootstrap over variables and seeds."""
    rational: float
    """The mean over seeds of the effect in a rational mind."""
    by_seed: tuple[float, ...]
    """[s]: the effect of each seed."""

    def as_row(self) -> dict[str, object]:
        """Returns the row of a table; the numbers of the seeds are one text."""
        mean, low, high = self.interval
        return {
            "effect": self.effect.name, "measure": self.measure, "mean": mean, "low": low, "high": high, "p": self.p,
            "bootstrap_low": self.bootstrap.low, "bootstrap_high": self.bootstrap.high, "rational": self.rational,
            "seeds": len(self.by_seed), "by_seed": " ".join(f"{value:.5f}" for value in self.by_seed),
        }  # fmt: skip


def effect_scores(seeds: Sequence[Answers], resampling: Resampling, draw: np.random.Generator) -> list[EffectScore]:
    """Returns every effect whose subsets are asked about, in every measure."""
    asked = frozenset.intersection(*(answers.subsets for answers in seeds))
    effects = [effect for effect in EFFECTS if {term.subset for term in effect.terms} <= asked]
    return [_score(effect, measure, seeds, resampling, draw) for effect in effects for measure in MEASURES]


def _score(
    effect: Effect, measure: Measure, seeds: Sequence[Answers], resampling: Resampling, draw: np.random.Generator
) -> EffectScore:
    by_subset = _parts(effect, measure, seeds)
    found = block_bootstrap(by_subset, resampling, draw)
    total = found.statistic(lambda means: means.sum(axis=-1), resampling.confidence)
    values = np.array([_total(effect, measure, answers, rational=False) for answers in seeds])
    rational = np.mean([_total(effect, measure, answers, rational=True) for answers in seeds])
    test = t_test(values, resampling.confidence)
    return EffectScore(effect, measure, test.interval, test.p, total, float(rational), tuple(values.tolist()))


def _total(effect: Effect, measure: Measure, answers: Answers, rational: bool) -> float:
    return float(sum(term.sign * answers.values(term, measure, rational).mean() for term in effect.terms))


def _parts(effect: Effect, measure: Measure, seeds: Sequence[Answers]) -> Floats:
    """Returns [M, n, s]: what each variable of the effect's M subsets adds to it; NaN where a subset has fewer."""
    names = tuple(dict.fromkeys(term.subset for term in effect.terms))
    parts = [[_of_subset(effect, name, measure, answers) for answers in seeds] for name in names]
    n = max(len(values) for its in parts for values in its)
    block = np.full((len(names), n, len(seeds)), np.nan)
    for m, its in enumerate(parts):
        for s, values in enumerate(its):
            block[m, : len(values), s] = values
    return block


def _of_subset(effect: Effect, subset: str, measure: Measure, answers: Answers) -> Floats:
    """Returns [n]: what each variable of a subset adds to an effect."""
    its = [term.sign * answers.values(term, measure, False) for term in effect.terms if term.subset == subset]
    return np.sum(its, axis=0)
