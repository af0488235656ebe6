"""The oracle of `bayes/variables`: sums over all that the variables may stand for, in exact fractions.

It shares the integrals over reliabilities with the oracle of `bayes/trust`, and no code with `bayes/variables`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from trust_oracle import Answers, Said, Source, Vector, add_up
from trust_worlds import betas, counted, sources, vectors

from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Reports
from worldgen.bayes.variables.denotation import Denotation
from worldgen.bayes.variables.questions import Entities, Questions


class Asked(NamedTuple):
    """An answered question."""

    variable: int
    relation: int
    object: int


class VariablesWorld(NamedTuple):
    """A micro-world of variables. Its last source is nobody, who answers the questions."""

    sources: tuple[Source, ...]
    variables: int
    known: tuple[tuple[int, ...], ...]
    """The object of each entity's fact of each relation; -1 where it has none."""
    choices: tuple[int, ...]
    """The number of possible answers about each relation."""
    asked: tuple[Asked, ...]
    said: tuple[Said, ...]
    """The definitions: (variable, source, entity)."""

    @property
    def nobody(self) -> int:
        return len(self.sources) - 1


def answers_of_variables(world: VariablesWorld) -> Answers:
    """Returns the exact answers: evidence, q_v of each variable, mean reliabilities. ZeroDivisionError: impossible."""
    return add_up(world.sources, _meanings(world))


def _meanings(world: VariablesWorld) -> Iterator[tuple[Fraction, list[int], list[int], list[Vector]]]:
    E = len(world.known)
    for z in product(range(E), repeat=world.variables):
        weight = Fraction(1, E**world.variables)
        right, wrong = [0] * len(world.sources), [0] * len(world.sources)
        for variable, relation, object_ in world.asked:
            fact = world.known[z[variable]][relation]
            if fact == -1:
                weight = Fraction(0)
            elif fact == object_:
                right[world.nobody] += 1
            else:
                wrong[world.nobody] += 1
                weight /= world.choices[relation] - 1
        for variable, source, entity in world.said:
            if z[variable] == entity:
                right[source] += 1
            else:
                wrong[source] += 1
                weight /= E - 1
        yield weight, right, wrong, [[Fraction(e == entity) for e in range(E)] for entity in z]


def answer_of(q: Vector, beliefs: Sequence[Vector | None]) -> list[Fraction]:
    """Returns p(w): the beliefs about the entities' facts, each with the probability that the variable means it."""
    whole = sum((p for p, belief in zip(q, beliefs, strict=True) if belief is not None), start=Fraction(0))
    size = len(next(belief for belief in beliefs if belief is not None))
    told = [(p / whole, belief) for p, belief in zip(q, beliefs, strict=True) if belief is not None]
    return [sum((p * belief[w] for p, belief in told), start=Fraction(0)) for w in range(size)]


@st.composite
def variables_worlds(draw: st.DrawFn, nobody: st.SearchStrategy[Source] | None = None) -> VariablesWorld:
    """Draws a world whose answers nobody gets wrong, or `nobody` of a strategy.

    Entities often share facts or lack some; a variable may have several definitions, wrong and doubled ones.
    """
    E, R, K, V = (draw(st.integers(*bounds)) for bounds in ((2, 4), (1, 3), (1, 3), (1, 3)))
    choices = tuple(draw(st.integers(2, 4)) for _ in range(R))
    known = tuple(tuple(draw(st.integers(-1 if draw(st.booleans()) else 0, m - 1)) for m in choices) for _ in range(E))
    meant = [draw(st.integers(0, E - 1)) for _ in range(V)]
    asked = []
    for v, r in draw(st.lists(st.tuples(st.integers(0, V - 1), st.integers(0, R - 1)), max_size=5)):
        fact = known[meant[v]][r]
        noise = draw(st.integers(0, choices[r] - 1)) if nobody is not None and draw(st.booleans()) else fact
        if fact >= 0:
            asked.append(Asked(v, r, noise))
    one = st.builds(Said, st.integers(0, V - 1), st.integers(0, K - 1), st.integers(0, E - 1))
    said = tuple(draw(st.lists(one, max_size=5)))
    answerer = draw(nobody) if nobody is not None else Source(rho=Fraction(1))
    return VariablesWorld((*draw(sources(E, K)), answerer), V, known, choices, tuple(asked), said)


@st.composite
def believed(draw: st.DrawFn, world: VariablesWorld, objects: int) -> list[Vector | None]:
    """Draws a belief about each entity's fact of one more relation; None where an entity has no such fact."""
    return [draw(st.one_of(st.none(), vectors(objects), vectors(objects))) for _ in world.known]


def model_of(world: VariablesWorld) -> tuple[Denotation, Reports, Betas]:
    """The world as `bayes/variables` takes it."""
    columns = zip(*world.asked, strict=True) if world.asked else ([], [], [])
    known, choices = np.array(world.known, np.int64), np.array(world.choices, np.int64)
    model = Denotation(Entities(known, choices), Questions.of(world.variables, *columns), world.nobody)
    return model, counted(world.said, len(world.sources)), betas(world.sources)
