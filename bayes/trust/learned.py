"""The posterior of all reliabilities, and of the terms of a group of facts (A0 to A3).

Sources are tied if they spoke of one group whose truth is not known, and ties hold on: a component is a set of tied
sources. Components are independent after the reports as before them, so the posterior is one grid for each.
With q_t the posterior of the terms t of some groups, P the factors of these groups that are in the posterior already,
and P' those that take their place (the same ones, or with more reports):

    q_t  is proportional to  w'_t prod over components c of E_c[ term'_t(rho) / P(rho) ]

Shapes: K sources, k of a component, n points of its grid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import betaln

from worldgen.arrays import gather_rows
from worldgen.bayes.sparse import Flags, Floats, Integers
from worldgen.bayes.trust.agreement import log_agreement_polynomial, log_posterior, marginal_mixture
from worldgen.bayes.trust.factors import Factors
from worldgen.bayes.trust.patterns import Patterns, common_powers, is_constant, patterns_of, reduced_factors
from worldgen.bayes.trust.quadrature import AT_ONCE, Grid, posterior_grid
from worldgen.bayes.trust.reliability import BetaMixture, Betas

ROOM = 8
"""Grids are made for so many more reports of each source; a question with more of them makes a grid of its own."""
MOST_JOINT_TERMS = 2**16
"""The greatest number of combinations of the terms of the groups in one question."""


@dataclass(frozen=True)
class Component:
    """Tied sources: their priors, with all conjugate reports in them, and the factors that tie them."""

    source: Integers
    """[k]."""
    a: Floats
    """[k]."""
    b: Floats
    """[k]."""
    factors: Factors
    """P patterns of these k sources."""
    times: Integers
    """[P]."""
    grid: Grid

    def with_room(self, room: Integers) -> Component:
        """Returns this component with a grid for more reports, or itself where there is room. Shape: room [k]."""
        if (room <= self.grid.room).all():
            return self
        room = np.maximum(room, self.grid.room)
        return replace(self, grid=posterior_grid(self.a, self.b, self.factors, self.times, room))


@dataclass(frozen=True)
class _Held:
    """The part of the posterior that the factors of G groups are."""

    agree: Integers
    """[G, K]: the powers of rho_k that all terms of a factor have in common."""
    disagree: Integers
    """[G, K]: those of 1 - rho_k."""
    reduced: Factors
    """The factors without their common powers."""

    @staticmethod
    def of(factors: Factors) -> _Held:
        return _Held(*common_powers(factors), reduced_factors(factors))

    @property
    def degree(self) -> Integers:
        """[G, K]: the degree in each reliability; constant factors are not in the posterior."""
        varies = ~is_constant(self.reduced)
        return self.agree + self.disagree + varies[:, np.newaxis] * self.reduced.degree

    def where(self, groups: Integers) -> _Held:
        """Returns some of the groups."""
        return _Held(self.agree[groups], self.disagree[groups], self.reduced.where(groups))

    def log_within(self, columns: Integers, grid: Grid) -> Floats:
        """Returns [n, G]: the logarithm of each factor in one component, but for a constant.

        The sources of a factor that varies lie in one component. Its common powers may lie in several.
        """
        inside = np.flatnonzero(self.reduced.degree[:, columns].any(axis=1))
        powers = grid.log_rho @ self.agree[:, columns].T + grid.log_wrong @ self.disagree[:, columns].T
        if len(inside):
            factors = self.reduced.where(inside).of_sources(columns)
            powers[:, inside] += factors.log_sums(grid.log_rho, grid.log_wrong)
        return powers


@dataclass(frozen=True)
class Learned:
    """The posterior of all reliabilities."""

    prior: Betas
    components: tuple[Component, ...]
    """The components of the sources whose reliability is not known."""
    log_evidence: float
    """The logarithm of the probability of all reports."""

    def mean(self) -> Floats:
        """Returns [K]: the posterior mean of each reliability."""
        mean = self.prior.mean.copy()
        for component in self.components:
            mean[component.source] = component.grid.mean()
        return mean

    def mixture(self, source: int) -> BetaMixture:
        """Returns the exact posterior of one reliability.

        Raises ValueError for a reliability that is known, for a source that does not exist, and where the agreement
        counts of tied sources are too many.
        """
        if not 0 <= source < len(self.prior.a) or self.prior.is_known[source]:
            raise ValueError(f"the reliability of source {source} is known, or there is no such source")
        (part,) = (part for part in self.components if source in part.source)
        log_weight = log_posterior(log_agreement_polynomial(part.factors, part.times), part.a, part.b)
        return marginal_mixture(log_weight, part.a, part.b, part.source.tolist().index(source))

    def joint_terms(self, before: Factors, after: Factors) -> Floats:
        """Returns the posterior of the terms of some groups, [terms of group 0, terms of group 1, ...].

        `before` are the factors of these groups that this posterior holds, `after` those with more reports that take
        their place. Raises ValueError for more than MOST_JOINT_TERMS, and for reports that are impossible.
        """
        before, possible = before.given(self.prior.known), after.given(self.prior.known)
        sizes = np.diff(possible.start)
        if np.prod(sizes.astype(np.float64)) > MOST_JOINT_TERMS:
            raise ValueError(f"more than {MOST_JOINT_TERMS} combinations of what may be true: ask with fewer reports")
        term = np.indices(sizes.tolist()).reshape(len(sizes), -1) + possible.start[:-1, None]  # [groups, combinations]
        log_q = possible.log_weight[term].sum(axis=0)
        agree, disagree = possible.agree[term].sum(axis=0), possible.disagree[term].sum(axis=0)
        held = _Held.of(before)
        room = (agree + disagree).max(axis=0) - held.degree.sum(axis=0)
        for component in self.components:
            columns = component.source
            if (agree[:, columns] + disagree[:, columns]).any():
                grid = component.with_room(room[columns]).grid
                joint = Factors(np.array([0, len(log_q)]), np.zeros(len(log_q)), agree, disagree).of_sources(columns)
                log_terms = joint.log_terms(grid.log_rho, grid.log_wrong)
                ratio = log_terms - held.log_within(columns, grid).sum(axis=1, keepdims=True)
                log_q = log_q + np.logaddexp.reduce(ratio + grid.log_weight[:, None], axis=0)
        return _all_terms(np.exp(log_q - np.logaddexp.reduce(log_q)).reshape(sizes), after, self.prior.known)

    def terms_of_each(self, before: Factors, after: Factors) -> Floats:
        """Returns [T]: for each group by itself the posterior of its terms, as `joint_terms` returns it for this group.

        Many groups at once; arguments and errors as in `joint_terms`.
        """
        held, possible = _Held.of(before.given(self.prior.known)), after.given(self.prior.known)
        room, log_q = (possible.degree - held.degree).max(axis=0, initial=0), possible.log_weight.copy()
        for component in self.components:
            columns, grid = component.source, component.with_room(room[component.source]).grid
            concerned = np.flatnonzero(possible.degree[:, columns].any(axis=1))
            most = int(np.diff(possible.start).max(initial=1)) * len(grid.log_weight)
            for groups in np.array_split(concerned, np.arange(0, len(concerned), max(1, AT_ONCE // most))[1:]):
                terms, lengths = gather_rows(possible.start, groups)
                some = possible.where(groups).of_sources(columns)
                log_terms = some.log_terms(grid.log_rho, grid.log_wrong) - some.log_weight
                ratio = log_terms - np.repeat(held.where(groups).log_within(columns, grid), lengths, axis=1)
                log_q[terms] += np.logaddexp.reduce(ratio + grid.log_weight[:, None], axis=0)
        log_q -= np.logaddexp.reduceat(log_q, possible.start[:-1])[possible.group_of_term]
        q = np.zeros(len(after.log_weight))
        q[_is_possible(after, self.prior.known)] = np.exp(log_q)
        return q


def learn(factors: Factors, prior: Betas) -> Learned:
    """Returns the posterior of the reliabilities after all groups.

    Raises ValueError for impossible reports, and for tied sources with too many reports to be exact.
    """
    patterns = patterns_of(factors.given(prior.known))
    posterior = prior.observe(patterns.agree, patterns.disagree)
    conjugate = (betaln(posterior.a, posterior.b) - betaln(prior.a, prior.b)).sum()
    components = tuple(_component(patterns, posterior, sources) for sources in _tied(patterns.factors, prior))
    log_evidence = patterns.log_constant + conjugate + sum(part.grid.log_evidence for part in components)
    return Learned(prior, components, float(log_evidence))


def _component(patterns: Patterns, posterior: Betas, sources: Integers) -> Component:
    active = patterns.factors.degree[:, sources].any(axis=1)
    factors, times = patterns.factors.where(np.flatnonzero(active)).of_sources(sources), patterns.times[active]
    a, b = posterior.a[sources], posterior.b[sources]
    grid = posterior_grid(a, b, factors, times, np.full(len(sources), ROOM))
    return Component(sources, a, b, factors, times, grid)


def _tied(factors: Factors, prior: Betas) -> list[Integers]:
    """Returns the components of the sources whose reliability is not known."""
    K = len(prior.a)
    pattern, source = np.nonzero(factors.degree)
    spoke = coo_array((np.ones(len(pattern)), (pattern, source)), shape=(len(factors), K))
    _, label = connected_components(spoke.T @ spoke, directed=False)
    label = np.where(prior.is_known, -1, label)
    return [np.flatnonzero(label == each) for each in np.unique(label[label >= 0])]


def _all_terms(q: Floats, after: Factors, known: Floats) -> Floats:
    """Returns q with zeros for the terms that the known reliabilities make impossible."""
    possible = _is_possible(after, known)
    full = np.zeros(np.diff(after.start))
    by_group = [np.flatnonzero(possible[first:last]) for first, last in zip(after.start, after.start[1:], strict=False)]
    full[np.ix_(*by_group)] = q
    return full


def _is_possible(factors: Factors, known: Floats) -> Flags:
    """Returns [T]: whether the known reliabilities leave each term possible."""
    is_known = ~np.isnan(known)
    never_right, never_wrong = is_known & (known == 0), is_known & (known == 1)
    impossible = (factors.agree[:, never_right] > 0).any(axis=1) | (factors.disagree[:, never_wrong] > 0).any(axis=1)
    return ~impossible & (factors.log_weight > -np.inf)
