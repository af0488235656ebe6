"""The settings of the corpora that the tests draw, and the exact laws that their draws follow."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from worldgen.corpus.sentences import Kind, Sentences
from worldgen.settings import CorpusConfig
from worldgen.worlds.world import NONE, World

ALARM = 1e-6


CONFIG = CorpusConfig()


def replace_corpus(**changes: int) -> CorpusConfig:
    return CorpusConfig(**(CONFIG.model_dump() | changes))


def draws_of(world: World, sentences: Sentences) -> NDArray:
    """[F, D]: each fact's objects."""
    atoms = sentences.where(sentences.kind == Kind.ATOM)
    order = np.argsort(atoms.fact, kind="stable")
    return atoms.object[order].reshape(len(world), -1)


def goodness(observed: NDArray, expected: NDArray) -> float:
    """The p value of a chi-square test; cells expected fewer than ten times are taken together."""
    order = np.argsort(-expected)
    observed, expected = observed[order], expected[order]
    large = max(1, int((expected >= 10).sum()))
    observed = np.append(observed[:large], observed[large:].sum())
    expected = np.append(expected[:large], expected[large:].sum())
    sure = expected > 0
    assert observed[~sure].sum() == 0
    if sure.sum() < 2:
        return 1.0
    expected = expected * observed.sum() / expected.sum()  # the rounding of the sums
    return float(stats.chisquare(observed[sure], expected[sure]).pvalue)


def truths_law(p: Fraction, D: int, least: int) -> list[float]:
    """P(k truths of D | k >= least), k = 0 .. D, exactly until the last step."""
    mass = [comb(D, k) * p**k * (1 - p) ** (D - k) if k >= least else Fraction(0) for k in range(D + 1)]
    return [float(m / sum(mass)) for m in mass]


def truth_chance(world: World, f: int) -> Fraction:
    if world.row[f] == NONE:
        return Fraction(int(world.percent[f]), 100)
    table, row = world.conditionals, world.row[f]
    return Fraction(int(table.weight[table.mode_entry[row]]), int(table.total[row]))
