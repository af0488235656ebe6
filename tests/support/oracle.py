"""The oracle: a second rational agent, written to be obvious, with dense arrays, loops and exact fractions.

The tests compare `bayes` with it. It shares with `bayes` the records that hypothesis draws, and no code. Where `bayes`
has a table of weights, the oracle counts truth assignments. Where `bayes` has a closed form or a running sum, the
oracle adds up every term again.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product

from hypothesis import settings

from worldgen.bayes.agent import Edit
from worldgen.bayes.testing import MicroWorld, Sentence
from worldgen.corpus.sentences import Kind
from worldgen.facts import Fact

# For tests that compare with the oracle: at least 200 examples, more where the profile has more.
hundreds = settings(max_examples=max(200, settings().max_examples))

Vector = list[Fraction]  # K numbers


def holds(kind: Kind, values: tuple[bool, ...]) -> bool:
    """Returns whether a formula holds when its atoms have these truth values."""
    if kind == Kind.NOT:
        return not values[0]
    return any(values) if kind == Kind.OR else all(values)


def p_of_atom(sentence: Sentence, which: int) -> Fraction:
    """Returns P(atom `which` is true | the sentence is right), where all truth assignments are equally likely."""
    agreeing = [
        values
        for values in product([False, True], repeat=len(sentence.atoms))
        if holds(sentence.kind, values) == sentence.truth
    ]
    return Fraction(sum(values[which] for values in agreeing), len(agreeing))


class Oracle:
    """The agent of a micro-world after some edits."""

    def __init__(self, world: MicroWorld, *edits: Edit) -> None:
        self.world, self.edits = world, edits
        # (subject, relation) -> (K weights for, K weights against)
        self.evidence: dict[tuple[int, int], tuple[Vector, Vector]] = {}
        for sentence in world.sentences:
            for which, (s, r, o) in enumerate(sentence.atoms):
                share = p_of_atom(sentence, which)
                self._observe(s, r, o, world.multiplicity * share, world.multiplicity * (1 - share))
        for s, r, o, weight in edits:
            if weight > 0:
                self._observe(s, r, o, Fraction(weight), Fraction(0))
        self.conditional = cache(self._conditional)  # the naive sums are needed again and again
        self.belief = cache(self._belief)

    def _observe(self, s: int, r: int, o: int, positive: Fraction, negative: Fraction) -> None:
        K = self.world.K
        weights_for, weights_against = self.evidence.setdefault((s, r), ([Fraction(0)] * K, [Fraction(0)] * K))
        weights_for[o] += positive
        weights_against[o] += negative

    def counts(self, s: int, r: int) -> Vector:
        """Returns n[s,r]; a weight against an object is spread evenly over the others."""
        K = self.world.K
        if (s, r) not in self.evidence:
            return [Fraction(0)] * K
        weights_for, weights_against = self.evidence[s, r]
        others = [sum((weights_against[x] for x in range(K) if x != o), Fraction(0)) for o in range(K)]
        return [weights_for[o] + others[o] / (K - 1) for o in range(K)]

    def predictive(self, n: Vector) -> Vector:
        """Returns (a + n[o]) / (a K + N) of every o."""
        a, K = self.world.a, self.world.K
        return [(a + count) / (a * K + sum(n)) for count in n]

    def root(self, s: int, r: int) -> Vector:
        """Returns the root predictive."""
        return self.predictive(self.counts(s, r))

    def rho(self, s: int, r: int) -> Vector:
        """Returns the responsibilities, from the weights for objects alone; all zero if no weight is positive."""
        weights_for = self.evidence[s, r][0]
        return [w / sum(weights_for) if sum(weights_for) else Fraction(0) for w in weights_for]

    def upstream_of(self, s: int, r: int) -> int | None:
        """Returns the relation that a fact depends on, if it was observed of the subject."""
        for upstream, downstream in self.world.pairs:
            if downstream == r and (s, upstream) in self.evidence:
                return upstream
        return None

    def _conditional(self, r: int, o_u: int) -> Vector:
        """Returns p(. | r_d, r_u, o_u)."""
        (upstream,) = (u for u, d in self.world.pairs if d == r)
        C = [Fraction(0)] * self.world.K
        for s in {subject for subject, _ in self.evidence}:
            if (s, upstream) in self.evidence and (s, r) in self.evidence:
                share, n = self.rho(s, upstream)[o_u], self.counts(s, r)
                C = [c + share * count for c, count in zip(C, n, strict=True)]
        return self.predictive(C)

    def _belief(self, s: int, r: int) -> Vector:
        """Returns p(. | s, r): the root predictive, or the downstream belief given the upstream one."""
        upstream = self.upstream_of(s, r)
        return self.root(s, r) if upstream is None else self.downstream(s, r, self.belief(s, upstream))

    def downstream(self, s: int, r: int, above: Vector) -> Vector:
        """Returns p(. | s, r) of a downstream fact, from a distribution of its upstream object."""
        name, kappa = self.world.reading
        if name == "marginal":
            return self.marginal(r, above)
        others = Oracle(self.world, *(edit for edit in self.edits if edit[:2] != (s, r)))
        m = others.marginal(r, above)
        if name == "own":
            weight, told = Fraction(kappa), self.counts(s, r)
        else:
            weight = self.world.a * self.world.K + sum(others.counts(s, r))
            told = [
                sum((Fraction(e.weight) for e in self.edits if e[:3] == (s, r, o)), Fraction(0))
                for o in range(self.world.K)
            ]
        return [(weight * p + t) / (weight + sum(told)) for p, t in zip(m, told, strict=True)]

    def marginal(self, r: int, above: Vector) -> Vector:
        """Returns the sum over all upstream objects, seen or not."""
        K = self.world.K
        return [sum((self.conditional(r, o_u)[o] * above[o_u] for o_u in range(K)), Fraction(0)) for o in range(K)]

    def unseen_subject(self, r: int) -> Vector:
        """Returns p(. | ., r)."""
        total = [Fraction(0)] * self.world.K
        for s, relation in self.evidence:
            if relation == r:
                total = [t + count for t, count in zip(total, self.counts(s, r), strict=True)]
        return self.predictive(total)

    def frequency(self, s: int, r: int) -> Vector | None:
        """Returns the objects' shares among bare atoms, or None without a bare atom."""
        named = [
            f.object for k, _, (f, *_) in self.world.sentences if k == Kind.ATOM and (f.subject, f.relation) == (s, r)
        ]
        return [Fraction(named.count(o), len(named)) for o in range(self.world.K)] if named else None

    def request(self, s: int, r: int) -> Vector:
        """Returns the belief that n' is measured by: in the paper's reading the root predictive."""
        return self.root(s, r) if self.world.reading.name == "marginal" else self.belief(s, r)

    def least_weight(self, s: int, r: int, o: int, target: Fraction) -> int:
        """Returns n', the least whole n >= 1 after which the request is believed to the target.

        A credence above the target already must get half way to 1.
        """
        before = self.request(s, r)[o]
        goal = target if before <= target else (1 + before) / 2

        def reaches(weight: int) -> bool:
            return Oracle(self.world, *self.edits, Edit(s, r, o, weight)).request(s, r)[o] >= goal

        high = 1
        while not reaches(high):
            high *= 2
        low = high // 2  # fails, or is 0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reaches(middle) else (middle, high)
        return high

    # -- statements --------------------------------------------------------------------------------------------

    def p_atom(self, fact: Fact) -> Fraction:
        """Returns P(s r o)."""
        return self.belief(fact.subject, fact.relation)[fact.object]

    def p_not(self, fact: Fact) -> Fraction:
        """Returns P(not s r o)."""
        return 1 - self.p_atom(fact)

    def p_and(self, one: Fact, two: Fact) -> Fraction:
        """Returns P(A and B)."""
        if one.subject != two.subject:
            return self.p_atom(one) * self.p_atom(two)
        if one.relation == two.relation:
            return self.p_atom(one) if one.object == two.object else Fraction(0)
        for upper, lower in ((one, two), (two, one)):
            chain = self._chain_between(upper, lower)
            if chain is not None:
                return self.p_atom(upper) * self._given(upper.subject, chain, upper.object)[lower.object]
        return self.p_atom(one) * self.p_atom(two)

    def p_or(self, one: Fact, two: Fact) -> Fraction:
        """Returns P(A or B)."""
        return self.p_atom(one) + self.p_atom(two) - self.p_and(one, two)

    def _chain_between(self, upper: Fact, lower: Fact) -> list[int] | None:
        """Returns the relations below `upper` down to `lower`, or None if `lower` does not depend on `upper`."""
        chain: list[int] = []
        relation: int | None = lower.relation
        while relation is not None and relation != upper.relation:
            chain.insert(0, relation)
            relation = self.upstream_of(lower.subject, relation)
        return chain if relation == upper.relation else None

    def _given(self, subject: int, chain: list[int], start: int) -> Vector:
        """Returns p(. | start) of the subject at the end of the chain."""
        belief = [Fraction(o == start) for o in range(self.world.K)]
        for relation in chain:
            belief = self.downstream(subject, relation, belief)
        return belief
