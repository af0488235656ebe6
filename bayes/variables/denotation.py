"""Definitions of variables as reports: the meaning that `bayes.trust` learns reliabilities from.

Variable v stands for one of E entities, z_v, all equally likely beforehand. Source k defines it as y, and nobody (a
source, too, with the reliability lambda) answers questions about it:

    p(v is y | z_v, rho_k)          = rho_k if y = z_v,                  else (1 - rho_k) / (E - 1)
    p(answer w to r | z_v, lambda)  = lambda if w = kappa_r(z_v),        else (1 - lambda) / (M_r - 1)

With lambda = 1 the answers leave the candidates S_v, and one definition y has the factor

    rho / |S_v| + (1 - 1 / |S_v|) (1 - rho) / (E - 1)   if y is in S_v, else (1 - rho) / (E - 1)

An entity without a fact of a relation cannot be what a question about the relation is about. The terms of a variable
are its reported entities, each by itself, and all others by the number of their right answers.
Shapes: E entities, V variables, K sources (nobody among them), T terms. Source: Krasheninnikov et al. 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers, sum_by_place
from worldgen.bayes.trust.factors import Factors
from worldgen.bayes.trust.reports import Reports
from worldgen.bayes.variables.questions import Entities, Questions


@dataclass(frozen=True)
class Denotation:
    """Independent variables, each of which stands for one entity. A group and a fact are a variable."""

    entities: Entities
    questions: Questions
    nobody: int
    """The number of the source that answers the questions."""

    def groups(self) -> Integers:
        """Returns all variables."""
        return np.arange(len(self.questions))

    def group_of(self, fact: int) -> int:
        """Returns the variable itself."""
        return fact

    def facts_of(self, group: int) -> tuple[int, ...]:
        """Returns the variable itself."""
        return (group,)

    def factors(self, reports: Reports, groups: Integers) -> Factors:
        """Returns the factors of sorted variables; `reports` define no other one.

        Raises ValueError for a variable or an entity that does not exist, for a definition by nobody, and for answers
        that no entity can have.
        """
        if not np.isin(reports.fact, groups).all() or (groups >= len(self.questions)).any():
            raise ValueError("a definition is of a variable that does not exist")
        if (reports.source == self.nobody).any():
            raise ValueError("nobody answers questions and defines no variable")
        return Factors.joined([self._factor(reports.of_facts([v]), v) for v in groups.tolist()], reports.K)

    def belief(self, reports: Reports, fact: int, q: Floats) -> Distribution:
        """Returns p(z_v = e) of a variable, from its definitions and the posterior `q` of its terms."""
        cells = self._cells(reports, fact)
        p = q[cells.term] * np.exp(cells.log_weight - cells.log_sum[cells.term])
        return Distribution(len(self.entities.answer), cells.entity.astype(np.int32), p, 0.0)

    def credence(self, reports: Reports, fact: int, object_: int, q: Floats) -> float:
        """Returns p(z_v = e) of one entity."""
        return self.belief(reports, fact, q)[object_]

    def _factor(self, reports: Reports, variable: int) -> Factors:
        """Returns the factor of one variable."""
        cells, E = self._cells(reports, variable), len(self.entities.answer)
        T = len(cells.log_sum)
        agree = np.zeros((T, reports.K), np.int64)
        np.add.at(agree, (cells.defined_term, reports.source[cells.definition]), reports.count[cells.definition])
        n = np.bincount(reports.source, weights=reports.count, minlength=reports.K).astype(np.int64)
        disagree = n - agree
        log_weight = cells.log_sum - np.log(E) - disagree.sum(axis=1) * np.log(E - 1.0)
        agree[:, self.nobody], disagree[:, self.nobody] = cells.right, cells.questions - cells.right
        return Factors(np.array([0, T]), log_weight, agree, disagree)

    def _cells(self, reports: Reports, variable: int) -> _Cells:
        """Returns the entities that a variable may stand for, each with its term."""
        E = len(self.entities.answer)
        if len(reports) and reports.object.max() >= E:
            raise ValueError(f"a definition names an entity outside 0 .. {E - 1}")
        fit = self.questions.fit(variable, self.entities)
        entity = np.flatnonzero(fit.possible)
        if not len(entity):
            raise ValueError(f"no entity has a fact for each question about variable {variable}")
        reported = np.intersect1d(reports.object, entity)
        key = np.where(np.isin(entity, reported), entity - E, fit.right[entity])  # reported entities come first
        keys, term = np.unique(key, return_inverse=True)
        log_weight = fit.log_wrong[entity]
        peak = np.full(len(keys), -np.inf)
        np.maximum.at(peak, term, log_weight)
        log_sum = peak + np.log(sum_by_place(term, np.exp(log_weight - peak[term]), len(keys)))
        right = np.where(keys < 0, fit.right[keys % E], keys)
        definition = np.flatnonzero(np.isin(reports.object, reported))
        defined_term = np.searchsorted(keys, reports.object[definition] - E)
        return _Cells(entity, term, log_weight, log_sum, right, fit.questions, definition, defined_term)


@dataclass(frozen=True)
class _Cells:
    """The entities that one variable may stand for, and its T terms."""

    entity: Integers
    """[n]."""
    term: Integers
    """[n]: the term that an entity belongs to."""
    log_weight: Floats
    """[n]: see `Fit.log_wrong`."""
    log_sum: Floats
    """[T]: the logarithm of the sum of the weights of a term's entities."""
    right: Integers
    """[T]: how many answers are right."""
    questions: int
    definition: Integers
    """[d]: the definitions that name a possible entity, as cells of the reports."""
    defined_term: Integers
    """[d]: the term of that entity."""
