"""Model B: a report is genuine with the probability of its source's reliability, else it is drawn from a background.

    theta_f ~ Dirichlet with the mean m, the belief after the untagged sentences, and the strength A; A_o = A m_o
    a genuine report is an observation drawn from theta_f; another one says y with probability b_r(y)

m is the belief that a request of the fact is measured by (`Agent.belief_of_request`). Of a root it is the predictive:
A_o = a + n[s,r][o]. Of a downstream fact it is the marginal, or what the agent's reading makes of it, and A is kappa
plus what counts beside the marginal (`worldgen.bayes.reading`); in the reading `marginal` it is the root predictive.

The terms of a fact are the choices of how many reports of each cell (source k, object y, count c) are genuine, j:

    w_j = prod over cells of C(c, j) b_y^(c - j)  prod over objects of (A_o)_J_o / (A)_J     agree = j, disagree = c - j
    p(o | j) = (A_o + J_o) / (A + J)

with J_o and J the sums of j for an object and of all, and (x)_j = x (x + 1) .. (x + j - 1). In p(o | j) a genuine
report counts for `strength` observations, in w_j for one (E1). With every rho = 1 only the term is left in which all
reports are genuine, and the belief is today's agent's, to the bit.
Shapes: F facts, C cells, T terms, L (term, cell) pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from worldgen.arrays import gather_rows, ragged_arange, row_of_entry, row_starts
from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import ask_requests
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.edit_weights import strengths
from worldgen.bayes.batch.observed_facts import observe
from worldgen.bayes.batch.queries import Queries, check_unrevised
from worldgen.bayes.counts import NO_OBSERVATIONS
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers, sum_by_place
from worldgen.bayes.trust.factors import Factors
from worldgen.bayes.trust.reports import Reports

MOST_TERMS = 2**16
"""The greatest number of terms of a fact."""


@dataclass(frozen=True)
class Choices:
    """All choices of how many reports of each cell are genuine, fact by fact."""

    start: Integers
    """[F+1]: fact f has the terms start[f] .. start[f+1]-1."""
    term: Integers
    """[L]."""
    cell: Integers
    """[L]."""
    genuine: Integers
    """[L]: j, the number of genuine reports of this cell in this term."""


@dataclass(frozen=True)
class Genuine:
    """Facts (s, r) of an agent that has read the untagged sentences. A group is a fact."""

    agent: Agent
    subject: NDArray[np.integer]
    """[F]."""
    relation: NDArray[np.integer]
    """[F]."""
    background: tuple[Distribution, ...]
    """b_r of each relation."""

    def __post_init__(self) -> None:
        check_unrevised(self.agent)

    def groups(self) -> Integers:
        """Returns all groups."""
        return np.arange(len(self.subject))

    def group_of(self, fact: int) -> int:
        """Returns the group of a fact."""
        return fact

    def facts_of(self, group: int) -> tuple[int, ...]:
        """Returns the facts of a group."""
        return (group,)

    def factors(self, reports: Reports, groups: Integers) -> Factors:
        """Returns the factors of distinct, sorted groups; `reports` are about no other fact.

        Raises ValueError for a report of a fact or an object that does not exist, and for more than MOST_TERMS
        terms of a fact.
        """
        exists = np.isin(reports.fact, groups) & (reports.object < self.agent.K)
        if not exists.all() or not ((groups >= 0) & (groups < len(self.subject))).all():
            raise ValueError("a report or a question is about a fact or an object that does not exist")
        fact = np.searchsorted(groups, reports.fact)
        choices = choices_of(fact, reports.count, len(groups))
        T = int(choices.start[-1])
        key = choices.term * reports.K + reports.source[choices.cell]
        agree, said = (
            np.bincount(key, weights=each, minlength=T * reports.K).astype(np.int64).reshape(T, reports.K)
            for each in (choices.genuine, reports.count[choices.cell])
        )
        log_weight = self._log_background(reports, choices) + self._log_genuine(reports, groups, fact, choices)
        return Factors(choices.start, log_weight, agree, said - agree)

    def belief(self, reports: Reports, fact: int, q: Floats) -> Distribution:
        """Returns p(o) of a fact as of a request, from its reports and the posterior `q` of its terms."""
        s, r = int(self.subject[fact]), int(self.relation[fact])
        by_root, heard = self.agent.judges_by_root(s, r), []
        sets = self.genuine_edits(reports, np.array([fact]), q)
        for edits in map(sets.set_of, range(len(sets))):
            if by_root:  # as below, but without the rows of conditionals, which it does not need
                observed = self.agent.observations(s, r) or NO_OBSERVATIONS
                for edit in edits:
                    observed = observed.plus(edit.object, edit.weight)
                heard.append(observed.counts(self.agent.K).predictive(self.agent.a, self.agent.K))
            else:
                heard.append(self.agent.revise(*edits).belief_of_request(s, r))
        return mixed(q[q > 0], heard)

    def credence(self, reports: Reports, fact: int, object_: int, q: Floats) -> float:
        """Returns p(o) of one object, as `belief` but for rounding; a thousand terms cost one pass."""
        mass, strength = self.agent.weighed_request(int(self.subject[fact]), int(self.relation[fact]), object_)
        choices = choices_of(np.zeros(len(reports), np.int64), reports.count, 1)
        weight, is_object = choices.genuine * reports.strength[choices.cell], reports.object[choices.cell] == object_
        J_o = sum_by_place(choices.term, weight * is_object, len(q))
        J = sum_by_place(choices.term, weight, len(q))
        return float(q @ ((mass + J_o) / (strength + J)))

    def genuine_edits(self, reports: Reports, groups: Integers, q: Floats) -> EditSets:
        """Returns, for each term with q > 0, the genuine reports as edits of the agent. Arguments as in `factors`."""
        fact = np.searchsorted(groups, reports.fact)
        choices = choices_of(fact, reports.count, len(groups))
        line = np.flatnonzero((choices.genuine > 0) & (q[choices.term] > 0))
        cell, set_of_term = choices.cell[line], np.cumsum(q > 0) - 1
        start = row_starts(np.bincount(set_of_term[choices.term[line]], minlength=np.count_nonzero(q > 0)))
        subject, relation = (ids[reports.fact[cell]].astype(np.int64) for ids in (self.subject, self.relation))
        weight = choices.genuine[line] * reports.strength[cell]
        return EditSets(start, subject, relation, reports.object[cell], weight)

    def _log_background(self, reports: Reports, choices: Choices) -> Floats:
        """Returns [T]: log of prod over cells of C(c, j) b_y^(c - j)."""
        b, relation = np.zeros(len(reports)), self.relation[reports.fact]
        for r in np.unique(relation).tolist():
            b[relation == r] = self.background[r].at(reports.object[relation == r])
        c, j = reports.count[choices.cell], choices.genuine
        ways = log_rising(c - j + 1.0, j) - log_rising(np.ones(len(j)), j)
        return sum_by_place(choices.term, ways + xlogy(c - j, b[choices.cell]), int(choices.start[-1]))

    def _log_genuine(self, reports: Reports, groups: Integers, fact: Integers, choices: Choices) -> Floats:
        """Returns [T]: log of prod over objects of (A_o)_J_o / (A)_J."""
        agent, K, T = self.agent, self.agent.K, int(choices.start[-1])
        facts = Queries(
            self.subject[groups].astype(np.int64), self.relation[groups].astype(np.int64), EditSets.none(len(groups))
        )
        A = strengths(agent, facts, observe(agent.facts, K, facts.subject, facts.relation, facts.edits))
        m = ask_requests(agent, facts.where(fact)).at(reports.object[:, np.newaxis])[:, 0]
        object_of_cell = np.unique(fact * K + reports.object, return_inverse=True)[1]
        key, place = np.unique(choices.term * len(reports) + object_of_cell[choices.cell], return_inverse=True)
        J_o = np.bincount(place, choices.genuine, len(key)).astype(np.int64)
        cell_of_key = np.empty(len(key), np.int64)
        cell_of_key[place] = choices.cell
        term = key // max(len(reports), 1)
        of_objects = log_rising((A[fact] * m)[cell_of_key], J_o)
        J = np.bincount(term, J_o, T).astype(np.int64)
        return sum_by_place(term, of_objects, T) - log_rising(A[row_of_entry(choices.start)], J)


def choices_of(fact: Integers, count: Integers, F: int) -> Choices:
    """Returns the choices for cells sorted by fact. Shapes: fact, count [C]. Raises ValueError for too many."""
    cells = row_starts(np.bincount(fact, minlength=F))
    place, size = ragged_arange(np.diff(cells)), count + 1
    stride, terms = np.ones(len(fact), np.int64), np.ones(F)
    for i in range(int(place.max(initial=-1)) + 1):
        at = np.flatnonzero(place == i)
        stride[at] = terms[fact[at]]
        terms[fact[at]] *= size[at]
        if terms.max(initial=0) > MOST_TERMS:
            raise ValueError(f"a fact has more than {MOST_TERMS} choices of genuine reports: too many to be exact")
    start = row_starts(terms.astype(np.int64))
    cell, lengths = gather_rows(cells, row_of_entry(start))
    term = np.repeat(np.arange(start[-1]), lengths)
    genuine = ragged_arange(np.diff(start))[term] // stride[cell] % size[cell]
    return Choices(start, term, cell, genuine)


def log_rising(x: Floats, j: Integers) -> Floats:
    """Returns log of x (x + 1) .. (x + j - 1), as a sum: a difference of log-gammas would lose digits at large x."""
    total = np.zeros(len(x))
    for i in range(int(j.max(initial=0))):
        above = j > i
        total[above] += np.log(x[above] + i)
    return total


def mixed(weight: Floats, parts: Sequence[Distribution]) -> Distribution:
    """Returns sum over i of weight[i] parts[i]. Shape: weight [N]."""
    named = np.unique(np.concatenate([part.object for part in parts]))
    probability = sum(w * part.at(named) for w, part in zip(weight.tolist(), parts, strict=True))
    default = sum(w * part.default for w, part in zip(weight.tolist(), parts, strict=True))
    return Distribution(parts[0].K, named, np.asarray(probability), float(default))


def uniform_background(K: int, R: int) -> tuple[Distribution, ...]:
    """Returns the uniform distribution over K objects for each of R relations."""
    return (Distribution(K, np.zeros(0, np.int32), np.zeros(0), 1 / K),) * R


def marginal_background(agent: Agent, R: int) -> tuple[Distribution, ...]:
    """Returns p(o | ., r) for each of R relations: the objects as frequent as in the corpus."""
    return tuple(agent.unseen_subject(relation) for relation in range(R))
