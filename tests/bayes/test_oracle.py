"""The oracle against numbers worked out by hand, and the strategies: they reach every corner of the mathematics."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import Phase, find, settings
from oracle import Oracle, p_of_atom

from worldgen.bayes.agent import Edit
from worldgen.bayes.testing import MicroWorld, Sentence, micro_worlds
from worldgen.corpus.sentences import Kind
from worldgen.facts import Fact


def atoms(*facts: tuple[int, int, int]) -> tuple[Sentence, ...]:
    return tuple(Sentence(Kind.ATOM, True, (Fact(*fact),)) for fact in facts)


# Subject 0: 4 times object 0, once object 1 (80% Harvard, 20% Yale) upstream; object 2 once downstream.
SCHOOLS = MicroWorld(2, 2, 3, ((0, 1),), Fraction(1), 1, atoms(*[(0, 0, 0)] * 4, (0, 0, 1), (0, 1, 2), (1, 0, 1)))


def test_root_by_hand() -> None:
    assert Oracle(SCHOOLS).root(0, 0) == [Fraction(5, 8), Fraction(2, 8), Fraction(1, 8)]


def test_responsibilities_by_hand() -> None:
    assert Oracle(SCHOOLS).rho(0, 0) == [Fraction(4, 5), Fraction(1, 5), 0]


def test_conditional_by_hand() -> None:
    # C[0] = .8 on object 2; subject 1 has no downstream fact and adds nothing.
    assert Oracle(SCHOOLS).conditional(1, 0) == [1 / Fraction(38, 10), 1 / Fraction(38, 10), Fraction(18, 38)]
    assert Oracle(SCHOOLS).conditional(1, 2) == [Fraction(1, 3)] * 3


def test_marginal_by_hand() -> None:
    # 5/8 * 18/38 + 2/8 * 12/32 + 1/8 * 1/3
    assert Oracle(SCHOOLS).belief(0, 1)[2] == Fraction(90, 304) + Fraction(3, 32) + Fraction(1, 24)


def test_edit_by_hand() -> None:
    # 5 more of object 1: responsibilities .4 and .6.
    edited = Oracle(SCHOOLS, Edit(0, 0, 1, 5))
    assert edited.conditional(1, 1)[2] == Fraction(16, 36)
    assert edited.root(0, 0)[1] == Fraction(7, 13)


def test_least_weight_by_hand() -> None:
    # (2 + n) / (8 + n) >= .95  <=>  n >= 5.6 / .05 = 112
    assert Oracle(SCHOOLS).least_weight(0, 0, 1, Fraction(95, 100)) == 112


@pytest.mark.parametrize(
    ("kind", "truth", "expected"),
    [
        (Kind.ATOM, True, 1),
        (Kind.STATED, True, 1),
        (Kind.STATED, False, 0),
        (Kind.NOT, True, 0),
        (Kind.NOT, False, 1),
        (Kind.AND, True, 1),
        (Kind.AND, False, Fraction(1, 3)),
        (Kind.OR, True, Fraction(2, 3)),
        (Kind.OR, False, 0),
    ],
)
def test_p_of_atom_is_the_design_table(kind: Kind, truth: bool, expected: Fraction) -> None:
    fact = Fact(0, 0, 0)
    sentence = Sentence(kind, truth, (fact, fact) if kind in (Kind.AND, Kind.OR) else (fact,))
    assert p_of_atom(sentence, 0) == expected
    assert p_of_atom(sentence, -1) == expected


def downstream_facts(world: MicroWorld) -> list[tuple[int, int]]:
    return [(s, down) for s, r in Oracle(world).evidence for up, down in world.pairs if r == up]


CORNERS = {
    "no sentence": lambda w: not w.sentences and w.pairs,
    "chain of three": lambda w: any(
        u == d for _, d in w.pairs for u, _ in w.pairs if {(s, r) for s, r in downstream_facts(w)} >= {(0, u)}
    ),
    "K = 2, downstream": lambda w: w.K == 2 and downstream_facts(w),
    "downstream evidence without upstream": lambda w: any(
        (s, d) in Oracle(w).evidence and (s, u) not in Oracle(w).evidence for u, d in w.pairs for s in range(w.S)
    ),
    "upstream evidence all negative": lambda w: any(
        (s, u) in Oracle(w).evidence and not any(Oracle(w).rho(s, u)) and (s, d) in Oracle(w).evidence
        for u, d in w.pairs
        for s in range(w.S)
    ),
    "two subjects in one row": lambda w: any(
        sum(all(f in Oracle(w).evidence for f in ((s, u), (s, d))) for s in range(w.S)) > 1 for u, d in w.pairs
    ),
    "a conditional never observed": lambda w: any(
        Oracle(w).conditional(d, 0) == [Fraction(1, w.K)] * w.K for s, d in downstream_facts(w)
    ),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_the_strategy_reaches_the_corner(corner: str) -> None:
    only_look = settings(max_examples=2000, database=None, phases=[Phase.generate])
    find(micro_worlds(), CORNERS[corner], settings=only_look)
