"""The oracle of `bayes/inclusion`: a sum over every integer of every variable, in exact fractions.

It shares the integral of a reliability with the oracle of trust, and no code with `bayes/`.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb
from typing import NamedTuple

from trust_oracle import Source


class Asked(NamedTuple):
    """A question with its answer."""

    variable: int
    list: tuple[int, ...]
    yes: bool


class Defined(NamedTuple):
    """A definition."""

    variable: int
    tag: int
    integer: int


class InclusionWorld(NamedTuple):
    """A micro-world of set inclusion: V variables, n integers."""

    V: int
    n: int
    tags: tuple[Source, ...]
    asked: tuple[Asked, ...]
    defined: tuple[Defined, ...]


def p_question(list_: tuple[int, ...], yes: bool, x: int, n: int) -> Fraction:
    """Returns p(list, answer | x): each answer has one half, each list with (or without) x the same share of it."""
    k = len(list_)
    if yes:
        return Fraction(x in list_, 2 * comb(n - 1, k - 1))
    return Fraction(x not in list_, 2 * comb(n - 1, k))


def weight(world: InclusionWorld, x: tuple[int, ...]) -> Fraction:
    """Returns the joint probability of these integers and all that was told."""
    total = Fraction(1, world.n**world.V)
    for variable, list_, yes in world.asked:
        total *= p_question(list_, yes, x[variable], world.n)
    for number, tag in enumerate(world.tags):
        its = [each for each in world.defined if each.tag == number]
        right = sum(each.integer == x[each.variable] for each in its)
        wrong = len(its) - right
        total *= tag.evidence(right, wrong) * Fraction(1, world.n - 1) ** wrong
    return total


def p_yes(world: InclusionWorld, variable: int, list_: tuple[int, ...]) -> Fraction:
    """Returns P(yes | list, all that was told)."""
    yes = no = Fraction(0)
    for x in product(range(world.n), repeat=world.V):
        w = weight(world, x)
        yes += w * p_question(list_, True, x[variable], world.n)
        no += w * p_question(list_, False, x[variable], world.n)
    return yes / (yes + no)
