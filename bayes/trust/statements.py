"""Reports about statements: a source says that an atom, a "not", an "and" or an "or" is true or false.

    p(claim of source k | truth) = rho_k if the claim is right, else 1 - rho_k

A claim about two facts makes them depend on each other. The sum over truths is exact and small as long as each fact is
joined to one other at most; else this refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.sparse import Flags


class Atom(NamedTuple):
    """The statement that a fact has an object."""

    fact: int
    object: int


class Claim(NamedTuple):
    """A source says that a statement is true, or that it is false."""

    source: int
    truth: bool
    connective: Literal["", "not", "and", "or"]
    first: Atom
    second: Atom | None = None

    def atoms(self) -> tuple[Atom, ...]:
        """Returns the one or two atoms. Raises ValueError where their number does not fit the connective."""
        if (self.second is not None) != (self.connective in ("and", "or")):
            raise ValueError(f'"and" and "or" join two atoms, the others have one: {self}')
        return (self.first,) if self.second is None else (self.first, self.second)

    def right(self, holds: Iterable[NDArray[np.bool_]]) -> Flags:
        """Returns whether the claim is right, where `holds` says of each atom whether it is true. Shapes: all alike."""
        values = list(holds)
        value = {
            "": lambda: values[0],
            "not": lambda: ~values[0],
            "and": lambda: values[0] & values[1],
            "or": lambda: values[0] | values[1],
        }[self.connective]()
        return value if self.truth else ~value


def matched(edges: Iterable[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Returns, for each joined fact, the edge that joins it to the one other.

    Raises ValueError for a fact that is joined to two others.
    """
    joined: dict[int, tuple[int, int]] = {}
    for edge in edges:
        for fact in edge:
            known = joined.setdefault(fact, edge)
            if set(known) != set(edge):
                others = sorted({*known, *edge} - {fact})
                raise ValueError(
                    f"fact {fact} is joined to facts {' and '.join(map(str, others))}: beliefs are exact only where"
                    " each fact is joined to one other at most, by a dependency or by an and / or"
                )
    return joined
