"""Micro-worlds of sources that hypothesis draws, and the same worlds as `bayes/trust` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from trust_oracle import GenuineWorld, Said, Source, TruthWorld, Vector

from worldgen.arrays import Ids
from worldgen.bayes.agent import Agent
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.evidence import evidence_from_lines
from worldgen.bayes.fitting import fit as fit_agent
from worldgen.bayes.trust.genuine import Genuine
from worldgen.bayes.trust.joint import JointTruth, Pair
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Reports
from worldgen.bayes.trust.statements import Atom, Claim
from worldgen.bayes.trust.truth import Truth

# -- strategies --------------------------------------------------------------------------------------------------


@st.composite
def sources(draw: st.DrawFn, M: int, K: int) -> tuple[Source, ...]:
    """Draws priors: Beta(1, 1), skeptical, after calibration, or known, 0, 1 and 1 / M among them."""
    kinds = [
        Source(),
        Source(Fraction(2, M), 2 - Fraction(2, M)),
        Source(Fraction(9), Fraction(2)),
        Source(Fraction(1, 2), Fraction(1, 2)),
        *(Source(rho=rho) for rho in (Fraction(0), Fraction(1), Fraction(1, M), Fraction(3, 4))),
    ]
    to_learn = st.sampled_from(kinds[:4])
    return tuple(draw(st.one_of(to_learn, to_learn, st.sampled_from(kinds))) for _ in range(K))


@st.composite
def vectors(draw: st.DrawFn, M: int) -> Vector:
    """Draws a distribution: uniform, certain, or any with whole proportions, zeros among them."""
    true = draw(st.integers(0, M - 1))
    uniform, known = [1] * M, [int(o == true) for o in range(M)]
    some = draw(st.lists(st.integers(0, 5), min_size=M, max_size=M).filter(any))
    weights = draw(st.sampled_from([uniform, uniform, known, some]))
    return [Fraction(w, sum(weights)) for w in weights]


@st.composite
def reports(draw: st.DrawFn, F: int, M: int, K: int, most: int = 5) -> tuple[Said, ...]:
    """Draws reports, often several of a fact, duplicates among them."""
    one = st.builds(Said, st.integers(0, F - 1), st.integers(0, K - 1), st.integers(0, M - 1))
    return tuple(draw(st.lists(one, max_size=most)))


@st.composite
def truth_worlds(draw: st.DrawFn) -> TruthWorld:
    """Draws a world of independent facts."""
    F, M, K = draw(st.integers(1, 3)), draw(st.integers(2, 3)), draw(st.integers(1, 3))
    priors = tuple(draw(vectors(M)) for _ in range(F))
    return TruthWorld(draw(sources(M, K)), priors, draw(reports(F, M, K, most=6)))


@st.composite
def claims(draw: st.DrawFn, facts: Sequence[int], M: int, K: int) -> Claim:
    """Draws a claim about one fact or two of these."""
    atom = st.builds(Atom, st.sampled_from(list(facts)), st.integers(0, M - 1))
    source, truth = st.integers(0, K - 1), st.booleans()
    alone = st.builds(Claim, source, truth, st.sampled_from(["", "not"]), atom, st.none())
    joined = st.builds(Claim, source, truth, st.sampled_from(["and", "or"]), atom, atom)
    return draw(st.one_of(alone, joined))


@st.composite
def joint_worlds(draw: st.DrawFn) -> TruthWorld:
    """Draws a world whose facts 0 and 1 are a pair, or joined by claims, or not; fact 2 is by itself."""
    M, K = draw(st.integers(2, 3)), draw(st.integers(1, 2))
    up, down = draw(st.permutations([0, 1]))
    T = tuple(draw(vectors(M)) for _ in range(M))
    pairs = ((up, down, T),) if draw(st.booleans()) else ()
    said = draw(reports(3, M, K, most=5))
    claimed = draw(st.lists(st.one_of(claims([0, 1], M, K), claims([2], M, K)), max_size=3))
    return TruthWorld(draw(sources(M, K)), tuple(draw(vectors(M)) for _ in range(3)), said, pairs, tuple(claimed))


@st.composite
def genuine_worlds(draw: st.DrawFn) -> GenuineWorld:
    """Draws a world of Model B, whose untagged counts are whole and whose background is uniform or any."""
    F, M, K = draw(st.integers(1, 3)), draw(st.integers(2, 3)), draw(st.integers(1, 3))
    a = draw(st.sampled_from([Fraction(1, M), Fraction(1)]))
    counts = [draw(st.lists(st.integers(0, 4), min_size=M, max_size=M)) for _ in range(F)]
    background = draw(vectors(M))
    A = tuple([a + count for count in row] for row in counts)
    return GenuineWorld(draw(sources(M, K)), A, (background,) * F, draw(reports(F, M, K, most=5)))


# -- as bayes/trust takes them -----------------------------------------------------------------------------------


def betas(priors: Sequence[Source]) -> Betas:
    """Returns the priors of the sources."""
    a, b = (np.array([float(getattr(source, name)) for source in priors]) for name in ("a", "b"))
    return Betas(a, b, np.array([np.nan if source.rho is None else float(source.rho) for source in priors]))


def counted(said: Sequence[Said], K: int) -> Reports:
    """Returns the reports."""
    return Reports.of(K, *np.array(said, dtype=np.int64).reshape(-1, 3).T)


def distribution(p: Vector) -> Distribution:
    """Returns a distribution that names the objects whose probability is not the last one's."""
    named = np.array([o for o in range(len(p)) if p[o] != p[-1]], dtype=np.int32)
    return Distribution(len(p), named, np.array([float(p[o]) for o in named]), float(p[-1]))


def priors_of(world: TruthWorld) -> Priors:
    """Returns pi_f of every fact."""
    return Priors.of([distribution(p) for p in world.priors])


def truth_of(world: TruthWorld) -> Truth:
    """Returns Model A of independent facts."""
    return Truth(priors_of(world))


def joint_of(world: TruthWorld) -> JointTruth:
    """Returns Model A of facts in twos."""
    pairs = tuple(Pair(up, down, np.array(T, dtype=np.float64)) for up, down, T in world.pairs)
    return JointTruth(priors_of(world), pairs, world.claims)


def agent_of(world: GenuineWorld) -> Agent:
    """Returns today's agent of the untagged counts; fact f is subject f, relation 0."""
    M = len(world.A[0])
    a = min(A % 1 or Fraction(1) for A in world.A[0])
    lines = [
        (f, 0, o, 3 * int(A - a), 0, int(A - a)) for f, row in enumerate(world.A) for o, A in enumerate(row) if a < A
    ]
    columns = np.array(lines, dtype=np.int64).reshape(-1, 6).T
    return fit_agent(evidence_from_lines(*columns), M, 1, [], float(a))


def genuine_of(world: GenuineWorld) -> Genuine:
    """Returns Model B."""
    F = len(world.A)
    subject: Ids = np.arange(F, dtype=np.int32)
    return Genuine(agent_of(world), subject, np.zeros(F, np.int32), (distribution(world.background[0]),))
