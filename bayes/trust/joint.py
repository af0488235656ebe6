"""Model A for facts that depend on each other in twos: an upstream and a downstream fact, or two facts of an and / or.

    p(z_f, z_g) = pi_f(z_f) T(z_g | z_f)      a pair with a known conditional T
    p(z_f, z_g) = pi_f(z_f) pi_g(z_g)         two facts that a claim joins

Both truths are enumerated, the objects that nobody named in one class: so upstream reports speak of the downstream
fact and the other way round (both messages), and a claim is right or wrong in each term.
Shapes: M_f, M_g objects; c_f, c_g classes, the last of which holds all objects not named; T terms, K sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers
from worldgen.bayes.trust.factors import Factors
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reports import Reports
from worldgen.bayes.trust.statements import Claim, matched
from worldgen.bayes.trust.truth import Truth


class Pair(NamedTuple):
    """A downstream fact that depends on an upstream one by a known conditional."""

    upstream: int
    downstream: int
    T: Floats
    """[M_u, M_d]: T(o_d | o_u), each row sums to 1."""


@dataclass(frozen=True)
class JointTruth:
    """Facts in twos and by themselves, and what sources claim of statements. A group has its lowest fact's number."""

    priors: Priors
    """The prior of each fact; the priors of downstream facts are not used."""
    pairs: tuple[Pair, ...] = ()
    claims: tuple[Claim, ...] = ()

    def __post_init__(self) -> None:
        if len({frozenset(pair[:2]) for pair in self.pairs}) < len(self.pairs):
            raise ValueError("two facts are a pair twice")
        for pair in self.pairs:
            if not all(0 <= fact < len(self.priors) for fact in pair[:2]) or pair.upstream == pair.downstream:
                raise ValueError(
                    f"facts {pair[:2]} are no pair of two facts, which are numbered 0 .. {len(self.priors) - 1}"
                )
            shape = tuple(self.priors.M[[pair.upstream, pair.downstream]])
            if pair.T.shape != shape or (pair.T < 0).any() or not np.allclose(pair.T.sum(axis=1), 1, rtol=0, atol=1e-9):
                raise ValueError(f"the conditional of facts {pair[:2]} needs {shape} probabilities, rows summing to 1")
        _ = self._edge, self._claims_by_group  # made now, so that they refuse now

    @cached_property
    def _edge(self) -> Mapping[int, tuple[int, int]]:
        """The two facts, upstream first, for each fact that is joined to another."""
        edges = [pair[:2] for pair in self.pairs]
        for claim in self.claims:
            first, *second = (atom.fact for atom in claim.atoms())
            edges += [(first, fact) for fact in second if fact != first]
        return matched(edges)

    @cached_property
    def _claims_by_group(self) -> Mapping[int, list[Claim]]:
        found: dict[int, list[Claim]] = {}
        for claim in self.claims:
            if any(not (0 <= f < len(self.priors) and 0 <= o < self.priors.M[f]) for f, o in claim.atoms()):
                raise ValueError(f"{claim} names a fact or an object that does not exist")
            found.setdefault(self.group_of(claim.first.fact), []).append(claim)
        return found

    @cached_property
    def _pair_by_group(self) -> Mapping[int, Pair]:
        return {min(pair[:2]): pair for pair in self.pairs}

    def groups(self) -> Integers:
        """Returns all groups."""
        return np.setdiff1d(np.arange(len(self.priors)), [max(edge) for edge in self._edge.values()])

    def group_of(self, fact: int) -> int:
        """Returns the group of a fact."""
        return min(self._edge.get(fact, (fact,)))

    def facts_of(self, group: int) -> tuple[int, ...]:
        """Returns the facts of a group, the upstream one first."""
        return self._edge.get(group, (group,))

    def factors(self, reports: Reports, groups: Integers) -> Factors:
        """Returns the factors of distinct, sorted groups; `reports` are about no other fact.

        Raises ValueError for a report or claim by a source, or of an object, that does not exist.
        """
        is_joint = np.isin(groups, [*self._claims_by_group, *map(min, self._edge.values())])
        joint, alone = groups[is_joint].tolist(), groups[~is_joint]
        in_joint = np.isin(reports.fact, [fact for group in joint for fact in self.facts_of(group)])
        parts = [Truth(self.priors).factors(reports.where(~in_joint), alone)]
        parts += [self._factor(reports.of_facts(self.facts_of(group)), group) for group in joint]
        order = np.argsort(np.concatenate([alone, np.array(joint, dtype=np.int64)]))
        return Factors.joined(parts, reports.K).where(order)

    def belief(self, reports: Reports, fact: int, q: Floats) -> Distribution:
        """Returns p(o) of a fact, every object named, from its group's reports and the posterior `q` of their terms."""
        facts = self.facts_of(self.group_of(fact))
        H_f, H_g = self._classes(reports, facts)
        table = self._prior(facts, H_f, H_g)
        share = np.divide(q.reshape(table.shape), table, out=np.zeros_like(table), where=table > 0)
        if fact == facts[0]:
            p = (self._prior(facts, None, H_g) * (H_f @ share)).sum(axis=1)
        else:
            p = (self._prior(facts, H_f, None) * (share @ H_g.T)).sum(axis=0)
        return Distribution(len(p), np.arange(len(p), dtype=np.int32), p, 0.0)

    def credence(self, reports: Reports, fact: int, object_: int, q: Floats) -> float:
        """Returns p(o) of one object."""
        return self.belief(reports, fact, q)[object_]

    def _factor(self, reports: Reports, group: int) -> Factors:
        facts, K = self.facts_of(group), reports.K
        H = self._classes(reports, facts)
        table = self._prior(facts, *H)
        of_term = np.indices(table.shape).reshape(2, -1)  # the class of each fact in each term
        with np.errstate(divide="ignore"):
            log_weight = np.log(table.reshape(-1))
        right, wrong = np.zeros((2, table.size, K), np.int64)
        for fact, source, object_, count in zip(*self._columns(reports), strict=True):
            place = facts.index(fact)
            is_right = H[place][object_, of_term[place]] > 0
            right[:, source] += count * is_right
            wrong[:, source] += count * ~is_right
            log_weight = log_weight - count * ~is_right * np.log(self.priors.M[fact] - 1)
        for claim in self._claims_by_group.get(group, []):
            if not 0 <= claim.source < K:
                raise ValueError(f"{claim} is of a source outside 0 .. {K - 1}")
            places = [(facts.index(fact), object_) for fact, object_ in claim.atoms()]
            is_right = claim.right([H[place][object_, of_term[place]] > 0 for place, object_ in places])
            right[:, claim.source] += is_right
            wrong[:, claim.source] += ~is_right
        return Factors(np.array([0, table.size]), log_weight, right, wrong)

    def _columns(self, reports: Reports) -> list[list[int]]:
        return [column.tolist() for column in (reports.fact, reports.source, reports.object, reports.count)]

    def _classes(self, reports: Reports, facts: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Returns one-hot [M_f, c_f] and [M_g, c_g]: the class of every object; a second fact that is none has one."""
        claims = self._claims_by_group.get(self.group_of(facts[0]), [])
        claimed = [atom for claim in claims for atom in claim.atoms()]
        classes = []
        for fact in facts:
            named = [*reports.object[reports.fact == fact].tolist(), *(o for f, o in claimed if f == fact)]
            objects, M = np.unique(np.array(named, dtype=np.int64)), int(self.priors.M[fact])
            if len(objects) and objects[-1] >= M:
                raise ValueError(f"a report names object {objects[-1]}, which fact {fact} cannot have")
            class_ = np.full(M, len(objects))
            class_[objects] = np.arange(len(objects))
            classes.append(np.eye(len(objects) + 1)[class_])
        return (classes[0], classes[1]) if len(facts) == 2 else (classes[0], np.ones((1, 1)))

    def _prior(self, facts: tuple[int, ...], H_f: Floats | None, H_g: Floats | None) -> Floats:
        """Returns the prior of both facts by classes, [c_f, c_g]; None takes each object for itself."""
        pi_f = self.priors.of_fact(facts[0]).dense()
        pair = self._pair_by_group.get(min(facts))
        if pair is not None:
            joint = pi_f[:, None] * (pair.T if H_g is None else pair.T @ H_g)
            return joint if H_f is None else H_f.T @ joint
        pi_g = self.priors.of_fact(facts[1]).dense() if len(facts) == 2 else np.ones(1)
        return np.outer(pi_f if H_f is None else pi_f @ H_f, pi_g if H_g is None else pi_g @ H_g)
