"""The agent of the paper's published code, naive: dense arrays, loops, exact fractions.

It is written from a description of that code (design: bayes, section 9), not from the code itself. Its prior has total
strength 1. It differs from ours in two ways. A false "and" gets the weights of the sentence before it. An upstream
object's proportion is its share of the mentions; a denial is a mention, and so is an edit of any weight.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from worldgen.bayes.agent import Edit
from worldgen.bayes.testing import MicroWorld
from worldgen.corpus.sentences import Kind

FOR, AGAINST = (Fraction(1), Fraction(0)), (Fraction(0), Fraction(1))
WEIGHTS = {
    (Kind.ATOM, True): FOR,
    (Kind.STATED, True): FOR,
    (Kind.STATED, False): AGAINST,
    (Kind.NOT, True): AGAINST,
    (Kind.NOT, False): FOR,
    (Kind.AND, True): FOR,
    (Kind.OR, True): (Fraction(2, 3), Fraction(1, 3)),
    (Kind.OR, False): AGAINST,
}


class Published:
    """The published agent of a world, after some edits."""

    def __init__(self, world: MicroWorld, *edits: Edit) -> None:
        self.world, K = world, world.K
        self.n: dict[tuple[int, int], list[Fraction]] = defaultdict(lambda: [Fraction(0)] * K)
        self.mentions: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * K)
        weights = FOR
        for kind, truth, atoms in world.sentences * world.multiplicity:
            weights = WEIGHTS.get((kind, truth), weights)  # a false "and" has no weights of its own
            for s, r, o in atoms:
                self.observe(s, r, o, *weights)
        for s, r, o, weight in edits:
            self.observe(s, r, o, Fraction(weight), Fraction(0))

    def observe(self, s: int, r: int, o: int, positive: Fraction, negative: Fraction) -> None:
        """Adds weights for and against an object, and one mention of it."""
        K, n = self.world.K, self.n[s, r]
        self.n[s, r] = [n[x] + (positive if x == o else negative / (K - 1)) for x in range(K)]
        self.mentions[s, r][o] += 1

    def predictive(self, n: list[Fraction]) -> list[Fraction]:
        """Returns (1/K + n[o]) / (1 + N) of every o."""
        return [(Fraction(1, self.world.K) + count) / (1 + sum(n)) for count in n]

    def root(self, s: int, r: int) -> list[Fraction]:
        """Returns the root predictive."""
        return self.predictive(self.n.get((s, r), [Fraction(0)] * self.world.K))

    def conditional(self, r: int, o_u: int) -> list[Fraction]:
        """Returns p(. | r_d, r_u, o_u), with shares of mentions as proportions."""
        (up,) = (u for u, d in self.world.pairs if d == r)
        C = [Fraction(0)] * self.world.K
        for s, relation in self.n:
            if relation == r and (s, up) in self.n:
                proportion = Fraction(self.mentions[s, up][o_u], sum(self.mentions[s, up]))
                C = [c + proportion * n for c, n in zip(C, self.n[s, r], strict=True)]
        return self.predictive(C)

    def belief(self, s: int, r: int) -> list[Fraction]:
        """Returns the downstream marginal where the upstream fact was observed, else the root predictive."""
        above = [u for u, d in self.world.pairs if d == r and (s, u) in self.n]
        if not above:
            return self.root(s, r)
        upstream = self.belief(s, above[0])
        rows = [[p * q for q in self.conditional(r, o_u)] for o_u, p in enumerate(upstream)]
        return [sum(column, Fraction(0)) for column in zip(*rows, strict=True)]

    def unseen_subject(self, r: int) -> list[Fraction]:
        """Returns p(. | ., r)."""
        of_relation = [n for (_, relation), n in self.n.items() if relation == r]
        return self.predictive([sum(column, Fraction(0)) for column in zip(*of_relation, strict=True)])
