"""The agent of set inclusion: which integer x_v does each variable stand for, and is x_v in a list?

    x_v uniform on n integers, independent;  rho_k ~ a Beta of its own for each tag k
    a definition by tag k says y      p(y | x_v, rho_k) = rho_k if y = x_v, else (1 - rho_k) / (n - 1)
    a question with answer a          p(a) = 1/2;  p(list | yes, x) = [x in list] / C(n-1, k-1)
                                                   p(list | no, x)  = [x not in list] / C(n-1, k)

Answered questions leave candidates S_v, all equally probable. Definitions are reports of Model A about facts with these
priors (`worldgen.bayes.trust.truth`), so the posterior q_v is exact. The list of a question without an answer is
evidence as well: with q = q_v(x in list),

    P(yes | list) = (q n / k) / (q n / k + (1 - q) n / (n - k))

which is 1/2 for a variable of which nothing is known. Source: the task of Krasheninnikov et al., 2024, appendix D.
Shapes: V variables, n integers, q questions of a variable, k integers of a list, D definitions, K tags.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Flags, Floats, Integers
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Reports
from worldgen.bayes.trust.trust import Trust, fit
from worldgen.bayes.trust.truth import Truth


@dataclass(frozen=True)
class SetMind:
    """A mind that has read answered questions and definitions."""

    q: Floats
    """[V, n]: the probability that variable v stands for integer x."""
    trust: Trust
    """What it has learned of the tags."""

    def p_member(self, variables: Integers, lists: NDArray[np.integer]) -> Floats:
        """Returns P(yes | list) of each question. Shapes: variables [N], lists [N, q, k] of different integers; [N, q].

        Raises ValueError for a list that holds all integers.
        """
        n, k = self.q.shape[1], lists.shape[2]
        if k >= n:
            raise ValueError(f"a list of {k} of {n} integers leaves none out")
        rows = self.q[variables]
        inside = np.take_along_axis(rows[:, None, :], lists.astype(np.int64), axis=2).sum(axis=2)
        outside = np.take_along_axis(rows[:, None, :], _others(lists, n), axis=2).sum(axis=2)
        yes, no = inside / k, outside / (n - k)
        return yes / (yes + no)


def candidates(lists: NDArray[np.integer], answers: Flags, n: int) -> Flags:
    """Returns [V, n]: the integers that answered questions leave. Shapes: lists [V, q, k]; answers [q].

    A yes leaves the integers of its list, a no the others.
    """
    left = np.ones((len(lists), n), bool)
    for place, yes in enumerate(answers.tolist()):
        inside = np.zeros_like(left)
        np.put_along_axis(inside, lists[:, place].astype(np.int64), True, axis=1)
        left &= inside if yes else ~inside
    return left


def read(left: Flags, variable: Integers, tag: Integers, integer: Integers, prior: Betas) -> SetMind:
    """Returns the mind that holds these candidates [V, n] possible and has read D definitions.

    Definition d says by tag[d] that variable[d] stands for integer[d]; a variable may have several. Raises ValueError
    for a variable without a candidate, and for definitions that are impossible.
    """
    if not left.any(axis=1).all():
        raise ValueError("the answers leave a variable no integer")
    prior_q = left / left.sum(axis=1, keepdims=True)
    reports = Reports.of(len(prior.a), variable, tag, integer)
    trust = fit(Truth(Priors.of([_sparse(row) for row in prior_q])), reports, prior)
    q = prior_q.copy()
    for v in np.unique(variable).tolist():
        q[v] = trust.belief(v).dense() if left[v].sum() > 1 else prior_q[v]
    return SetMind(q, trust)


def _sparse(row: Floats) -> Distribution:
    """Returns a distribution by its integers above zero."""
    named = np.flatnonzero(row).astype(np.int32)
    return Distribution(len(row), named, row[named], 0.0)


def _others(lists: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    """Returns [N, q, n-k]: the integers that are not in each list."""
    inside = np.zeros((*lists.shape[:2], n), bool)
    np.put_along_axis(inside, lists.astype(np.int64), True, axis=2)
    return np.argsort(inside, axis=2, kind="stable")[:, :, : n - lists.shape[2]]
