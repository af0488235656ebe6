"""Model A: each fact has one true object, and a report names it with the probability of its source's reliability.

    p(report y of source k | z, rho_k) = rho_k if y = z, else (1 - rho_k) / (M_f - 1)

    w_o = pi_f(o) prod_k (M_f - 1)^-(n_fk - c_fk(o))    agree = c_fk(o)    disagree = n_fk - c_fk(o)

The terms of a fact are its reported objects, and one term for all others together.
Shapes: F facts, C cells of reports, T terms, K sources.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldgen.arrays import row_starts
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers
from worldgen.bayes.trust.factors import Factors
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reports import Reports


@dataclass(frozen=True)
class Truth:
    """Independent facts, each with one true object. A group is a fact."""

    priors: Priors

    def groups(self) -> Integers:
        """Returns all groups."""
        return np.arange(len(self.priors))

    def group_of(self, fact: int) -> int:
        """Returns the group of a fact."""
        return fact

    def facts_of(self, group: int) -> tuple[int, ...]:
        """Returns the facts of a group."""
        return (group,)

    def factors(self, reports: Reports, groups: Integers) -> Factors:
        """Returns the factors of distinct, sorted groups; `reports` are about no other fact.

        Raises ValueError for a report of a fact or an object that does not exist.
        """
        priors, K, F = self.priors.where(groups), reports.K, len(groups)
        if not np.isin(reports.fact, groups).all():
            raise ValueError("a report is about a fact that does not exist")
        fact = np.searchsorted(groups, reports.fact)
        n = _sums_by_source(fact, reports, F)
        width = int(priors.M.max(initial=1))
        pair, place = np.unique(fact * width + reports.object, return_inverse=True)
        pair_fact, object_ = pair // width, pair % width
        agree = np.concatenate([_sums_by_source(place, reports, len(pair)), np.zeros((F, K), np.int64)])
        weight = np.concatenate(
            [
                priors.at(fact, reports.object)[np.unique(place, return_index=True)[1]],
                priors.mass_without(pair_fact, object_),
            ]
        )
        of_fact = np.concatenate([pair_fact, np.arange(F)])
        disagree = n[of_fact] - agree
        with np.errstate(divide="ignore"):
            log_weight = np.log(weight) - disagree.sum(axis=1) * np.log(priors.M[of_fact] - 1)
        order = np.argsort(of_fact, kind="stable")  # a fact's reported objects, then the others
        start = row_starts(np.bincount(of_fact, minlength=F))
        return Factors(start, log_weight[order], agree[order], disagree[order])

    def belief(self, reports: Reports, fact: int, q: Floats) -> Distribution:
        """Returns p(o) of a fact, from its reports and the posterior `q` of its terms."""
        return spread_over_objects(self.priors.of_fact(fact), np.unique(reports.object), q)

    def credence(self, reports: Reports, fact: int, object_: int, q: Floats) -> float:
        """Returns p(o) of one object."""
        return self.belief(reports, fact, q)[object_]


def spread_over_objects(prior: Distribution, reported: Integers, q: Floats) -> Distribution:
    """Returns p(o) = q of a reported object; the others share the last q in proportion to the prior.

    Shapes: reported [k], sorted; q [k+1].
    """
    named = np.union1d(prior.object, reported).astype(np.int32)
    is_reported = np.isin(named, reported)
    others = prior.at(named[~is_reported])
    mass = others.sum() + prior.default * (prior.K - len(named))
    share = q[-1] / mass if mass > 0 else 0.0
    probability = np.zeros(len(named))
    probability[is_reported], probability[~is_reported] = q[:-1], others * share
    return Distribution(prior.K, named, probability, prior.default * share)


def _sums_by_source(place: Integers, reports: Reports, size: int) -> Integers:
    """Returns [size, K]: the counts of cells that fall on each place, by source."""
    key = place * reports.K + reports.source
    sums = np.bincount(key, weights=reports.count, minlength=size * reports.K)  # whole numbers, exact below 2^53
    return sums.astype(np.int64).reshape(size, reports.K)
