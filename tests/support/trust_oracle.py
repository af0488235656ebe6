"""The oracle of `bayes/trust`: sums over all assignments, in exact fractions, written to be obvious.

It shares records with `bayes/trust` and no code. Model A adds up every truth of every fact, Model B every choice of
which single reports are genuine. Reliabilities are integrated out by

    B(a + C, b + D) / B(a, b) = (a)_C (b)_D / (a + b)_(C + D)        (x)_j = x (x + 1) .. (x + j - 1)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import NamedTuple

from oracle import Oracle

from worldgen.bayes.agent import Edit
from worldgen.bayes.testing import MicroWorld
from worldgen.bayes.trust.statements import Claim

Vector = Sequence[Fraction]


class Source(NamedTuple):
    """A prior of one reliability: Beta(a, b), or the number `rho` where it is known."""

    a: Fraction = Fraction(1)
    b: Fraction = Fraction(1)
    rho: Fraction | None = None

    def evidence(self, right: int, wrong: int) -> Fraction:
        """Returns the expectation of rho^right (1 - rho)^wrong."""
        if self.rho is not None:
            return self.rho**right * (1 - self.rho) ** wrong
        return rising(self.a, right) * rising(self.b, wrong) / rising(self.a + self.b, right + wrong)

    def mean(self, right: int, wrong: int) -> Fraction:
        """Returns the posterior mean."""
        return self.rho if self.rho is not None else (self.a + right) / (self.a + self.b + right + wrong)


class Said(NamedTuple):
    """One report."""

    fact: int
    source: int
    object: int


class TruthWorld(NamedTuple):
    """A micro-world of Model A."""

    sources: tuple[Source, ...]
    priors: tuple[Vector, ...]
    """pi_f of each fact; that of a downstream fact is not used."""
    said: tuple[Said, ...]
    pairs: tuple[tuple[int, int, tuple[Vector, ...]], ...] = ()
    """(upstream, downstream, T)."""
    claims: tuple[Claim, ...] = ()


class GenuineWorld(NamedTuple):
    """A micro-world of Model B."""

    sources: tuple[Source, ...]
    A: tuple[Vector, ...]
    """A_o of each fact."""
    background: tuple[Vector, ...]
    """b of each fact."""
    said: tuple[Said, ...]


class Answers(NamedTuple):
    """The exact answers about a micro-world."""

    evidence: Fraction
    beliefs: list[list[Fraction]]
    reliabilities: list[Fraction]


def rising(x: Fraction, j: int) -> Fraction:
    """Returns x (x + 1) .. (x + j - 1)."""
    return prod((x + i for i in range(j)), start=Fraction(1))


def add_up(
    sources: Sequence[Source], assignments: Iterator[tuple[Fraction, list[int], list[int], list[Vector]]]
) -> Answers:
    """Adds up assignments (weight, right reports by source, wrong ones, belief of every fact under it)."""
    evidence, beliefs, means = Fraction(0), None, [Fraction(0)] * len(sources)
    for weight, right, wrong, under in assignments:
        counts = list(zip(sources, right, wrong, strict=True))
        weight *= prod(source.evidence(*said) for source, *said in counts)
        evidence += weight
        means = [mean + weight * source.mean(*said) for mean, (source, *said) in zip(means, counts, strict=True)]
        beliefs = beliefs or [[Fraction(0)] * len(p) for p in under]
        beliefs = [
            [total + weight * p for total, p in zip(*rows, strict=True)] for rows in zip(beliefs, under, strict=True)
        ]
    if not evidence or beliefs is None:
        raise ZeroDivisionError("impossible reports")
    return Answers(evidence, [[p / evidence for p in row] for row in beliefs], [mean / evidence for mean in means])


def answers_of_truths(world: TruthWorld) -> Answers:
    """Returns the answers of Model A, by all assignments of true objects."""
    return add_up(world.sources, _truths(world))


def _truths(world: TruthWorld) -> Iterator[tuple[Fraction, list[int], list[int], list[Vector]]]:
    downstream = {down for _, down, _ in world.pairs}
    for z in product(*(range(len(prior)) for prior in world.priors)):
        weight = prod((p[z[f]] for f, p in enumerate(world.priors) if f not in downstream), start=Fraction(1))
        weight *= prod((T[z[up]][z[down]] for up, down, T in world.pairs), start=Fraction(1))
        right, wrong = [0] * len(world.sources), [0] * len(world.sources)
        for fact, source, object_ in world.said:
            if z[fact] == object_:
                right[source] += 1
            else:
                wrong[source] += 1
                weight /= len(world.priors[fact]) - 1
        for claim in world.claims:
            (right if _holds(claim, z) == claim.truth else wrong)[claim.source] += 1
        certain: list[Vector] = [[Fraction(o == z[f]) for o in range(len(p))] for f, p in enumerate(world.priors)]
        yield weight, right, wrong, certain


def _holds(claim: Claim, z: tuple[int, ...]) -> bool:
    first = z[claim.first.fact] == claim.first.object
    if claim.second is None:
        return not first if claim.connective == "not" else first
    second = z[claim.second.fact] == claim.second.object
    return (first and second) if claim.connective == "and" else (first or second)


def answers_of_genuineness(world: GenuineWorld) -> Answers:
    """Returns the answers of Model B, by all choices of which single reports are genuine."""
    return add_up(world.sources, _choices(world))


def _choices(world: GenuineWorld) -> Iterator[tuple[Fraction, list[int], list[int], list[Vector]]]:
    for genuine in product([True, False], repeat=len(world.said)):
        weight, seen = Fraction(1), [list(A) for A in world.A]
        right, wrong = [0] * len(world.sources), [0] * len(world.sources)
        for (fact, source, object_), is_genuine in zip(world.said, genuine, strict=True):
            if is_genuine:
                weight *= seen[fact][object_] / sum(seen[fact])
                seen[fact][object_] += 1
                right[source] += 1
            else:
                weight *= world.background[fact][object_]
                wrong[source] += 1
        predictive: list[Vector] = [[A / sum(row) for A in row] for row in seen]
        yield weight, right, wrong, predictive


class Asserted(NamedTuple):
    """A source says that a fact has an object, which is worth `weight` observations if it is genuine."""

    source: int
    object: int
    weight: int


def answers_of_agents(
    world: MicroWorld, sources: Sequence[Source], fact: tuple[int, int], said: Sequence[Asserted]
) -> Answers:
    """Returns what an agent believes that has heard reports of one fact (s, r), by all choices of genuine ones.

    The probability of genuine reports is that of one observation each, one after the other, by the agent itself. The
    background is uniform. The beliefs are those of all (s, r) of the world, then that of the fact as of a request.
    """

    def choices() -> Iterator[tuple[Fraction, list[int], list[int], list[Vector]]]:
        for genuine in product([True, False], repeat=len(said)):
            weight = Fraction(1)
            seen: list[Edit] = []
            heard: list[Edit] = []
            right, wrong = [0] * len(sources), [0] * len(sources)
            for (source, object_, strength), is_genuine in zip(said, genuine, strict=True):
                if is_genuine:
                    weight *= Oracle(world, *seen).request(*fact)[object_]
                    seen.append(Edit(*fact, object_, 1))
                    heard.append(Edit(*fact, object_, strength))
                    right[source] += 1
                else:
                    weight /= world.K
                    wrong[source] += 1
            after = Oracle(world, *heard)
            beliefs = [after.belief(s, r) for s in range(world.S + 1) for r in range(world.R)]
            yield weight, right, wrong, [*beliefs, after.request(*fact)]

    return add_up(sources, choices())
