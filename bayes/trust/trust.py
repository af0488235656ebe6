"""The agent that learns whom to trust.

    trust = fit(model, reports, prior)
    trust.reliability(k)               the posterior of a source's reliability
    trust.belief(fact, edits)          p(o) of a fact, as if these sources had said so, too

The model says what a report means: `Truth` (Model A), `JointTruth` (Model A, facts in twos, statements) or `Genuine`
(Model B). The reading says what equal reports of one source mean. Together they are the ways to read an edit:

    E1  a single assertion worth n observations if it is genuine    Genuine, assertion
    E2  n independent reports                                       any model, independent
    E3  a single report                                             Truth or JointTruth, assertion
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers
from worldgen.bayes.trust.factors import Factors
from worldgen.bayes.trust.learned import Learned, learn
from worldgen.bayes.trust.reliability import BetaMixture, Betas
from worldgen.bayes.trust.reports import Reading, Report, Reports


class Model(Protocol):
    """The meaning of reports. Facts that depend on each other form a group; its factor has one term a possibility."""

    def groups(self) -> Integers:
        """Returns all groups, sorted."""

    def group_of(self, fact: int) -> int:
        """Returns the group of a fact."""

    def facts_of(self, group: int) -> tuple[int, ...]:
        """Returns the facts of a group."""

    def factors(self, reports: Reports, groups: Integers) -> Factors:
        """Returns the factors of sorted groups, from the reports of their facts."""

    def belief(self, reports: Reports, fact: int, q: Floats) -> Distribution:
        """Returns p(o) of a fact, from the reports of its group and the posterior `q` of their terms."""

    def credence(self, reports: Reports, fact: int, object_: int, q: Floats) -> float:
        """Returns p(o) of one object, as `belief`."""


@dataclass(frozen=True)
class Trust:
    """A mind that has heard some reports. No value of it ever changes: `revise` returns another one."""

    model: Model
    reading: Reading
    reports: Reports
    """All reports but the edits', as they were counted."""
    edits: tuple[Report, ...]
    learned: Learned

    def reliability(self, source: int) -> BetaMixture:
        """Returns the exact posterior of a source's reliability.

        Raises ValueError for a reliability that is known, for a source that does not exist, and where tied sources have
        too many reports.
        """
        return self.learned.mixture(source)

    def mean_reliabilities(self) -> Floats:
        """Returns [K]: the posterior means, known reliabilities included."""
        return self.learned.mean()

    def belief(self, fact: int, edits: Sequence[Report] = ()) -> Distribution:
        """Returns p(o) of a fact, as if the edits had been heard, too; equal to `revise(*edits).belief(fact)`.

        Raises ValueError for ids that do not exist, impossible reports, and where the exact sum is too long.
        """
        return self.model.belief(self.heard(fact, edits), fact, self.terms(fact, edits))

    def credence(self, fact: int, object_: int, edits: Sequence[Report] = ()) -> float:
        """Returns p(o) of one object of a fact, as `belief`."""
        return self.model.credence(self.heard(fact, edits), fact, object_, self.terms(fact, edits))

    def heard(self, fact: int, edits: Sequence[Report] = ()) -> Reports:
        """Returns the reports of a fact's group, edits included, as the reading counts them."""
        return self._heard([self.model.group_of(fact)], edits)

    def terms(self, fact: int, edits: Sequence[Report] = ()) -> Floats:
        """Returns the posterior of the terms of a fact's group, edits included."""
        asked = self.model.group_of(fact)
        groups = sorted({asked, *(self.model.group_of(edit.fact) for edit in edits)})
        before, after = (self.model.factors(self._heard(groups, these), np.array(groups)) for these in ((), edits))
        others = tuple(i for i, group in enumerate(groups) if group != asked)
        return self.learned.joint_terms(before, after).sum(axis=others)

    def revise(self, *edits: Report) -> Trust:
        """Returns the mind that has also heard the edits; this one stays as it is."""
        return _fitted(self.model, self.reading, self.reports, (*self.edits, *edits), self.learned.prior)

    def retract(self, *edits: Report) -> Trust:
        """Returns the mind that never heard these edits, bit for bit: all is made anew from whole counts.

        Raises ValueError for an edit that was not made.
        """
        left = list(self.edits)
        for edit in edits:
            if edit not in left:
                raise ValueError(f"{edit} was not heard as an edit")
            left.remove(edit)
        return _fitted(self.model, self.reading, self.reports, tuple(left), self.learned.prior)

    def with_room(self, source: int, reports: int) -> Trust:
        """Returns the same mind, quick to ask under up to so many more reports of a source."""
        room = np.zeros(len(self.learned.prior.a), np.int64)
        room[source] = reports
        parts = tuple(part.with_room(room[part.source]) for part in self.learned.components)
        return replace(self, learned=replace(self.learned, components=parts))

    def _heard(self, groups: Sequence[int], edits: Sequence[Report]) -> Reports:
        facts = [fact for group in groups for fact in self.model.facts_of(group)]
        about = [edit for edit in (*self.edits, *edits) if edit.fact in facts]
        return self.reports.of_facts(facts).as_read(self.reading, about)


def fit(model: Model, reports: Reports, prior: Betas, reading: Reading = "assertion") -> Trust:
    """Returns the mind that has heard these reports.

    Raises ValueError for another number of priors than of sources, for ids that do not exist, for impossible reports,
    and where tied sources have too many reports to be exact.
    """
    if len(prior.a) != reports.K:
        raise ValueError(f"{reports.K} sources need as many priors, not {len(prior.a)}")
    return _fitted(model, reading, reports, (), prior)


def _fitted(model: Model, reading: Reading, reports: Reports, edits: tuple[Report, ...], prior: Betas) -> Trust:
    factors = model.factors(reports.as_read(reading, edits), model.groups())
    return Trust(model, reading, reports, edits, learn(factors, prior))
