"""The rational agent: exact Categorical-Dirichlet beliefs about every fact, and the same after an edit.

    root          p(o | s, r)            = (a + n[s,r][o]) / (a K + N[s,r])
    conditional   p(o_d | r_d, r_u, o_u) = (a + C[o_u][o_d]) / (a K + sum_o C[o_u][o])
    downstream    p(o_d | s, r_d)        = sum over all o_u of p(o_d | r_d, r_u, o_u) p(o_u | s, r_u)

A fact is downstream if its relation is the lower end of a pair whose upper end was observed of the subject.
Source: paper, section 6.3; docs/deviations.md says where its published code differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from worldgen.bayes.conditional import ConditionalTable, Sum
from worldgen.bayes.counts import NOTHING, Counts, FactTable, Observations
from worldgen.bayes.dirichlet import least_weight, target_credence
from worldgen.bayes.distribution import Distribution


class Edit(NamedTuple):
    """A requested belief: `weight` more observations of "subject relation object"."""

    subject: int
    relation: int
    object: int
    weight: float


class RowOf(NamedTuple):
    """One conditional distribution: the downstream relation and the upstream object."""

    relation: int
    upstream_object: int


@dataclass(frozen=True)
class Revision:
    """What edits have changed, over the base: facts, rows of conditionals, and the sums of those rows.

    `changes[row][s]` is what edited subject s gives to a row now less what it gave before any edit.
    """

    observations: Mapping[tuple[int, int], Observations] = field(default_factory=dict)
    changes: Mapping[RowOf, Mapping[int, Counts]] = field(default_factory=dict)
    rows: Mapping[RowOf, Counts] = field(default_factory=dict)
    sums: Mapping[int, Sum] = field(default_factory=dict)


@dataclass(frozen=True)
class Agent:
    """Beliefs over K objects; nothing in it ever changes, `revise` returns another agent.

    `a` is the prior count of every object, `parent[r_d]` the relation that r_d depends on.
    """

    K: int
    a: float
    parent: Mapping[int, int]
    facts: FactTable
    tables: Mapping[int, ConditionalTable]
    sums: Mapping[int, Sum]
    revision: Revision = Revision()

    # -- what the agent believes ---------------------------------------------------------------------------

    def belief(self, subject: int, relation: int) -> Distribution:
        """p(o | s, r): the downstream marginal where the upstream fact was observed, else the root predictive."""
        upstream = self.upstream_of(subject, relation)
        if upstream is None:
            return self.root(subject, relation)
        return self.marginal(relation, self.belief(subject, upstream))

    def root(self, subject: int, relation: int) -> Distribution:
        """The root formula, whether or not the fact is downstream: uniform if nothing was observed of it."""
        observed = self.observations(subject, relation)
        return (observed.counts(self.K) if observed else NOTHING).predictive(self.a, self.K)

    def conditional(self, relation: int, upstream_object: int) -> Distribution:
        """p(o_d | r_d, r_u, o_u): uniform for an o_u never observed. Raises KeyError if r_d depends on nothing."""
        return self._row(RowOf(relation, upstream_object)).predictive(self.a, self.K)

    def marginal(self, relation: int, upstream: Distribution) -> Distribution:
        """sum over all o_u of p(o_d | r_d, r_u, o_u) p(o_u), for any distribution of the upstream object.

        With d the default of p(o_u) and G the sum of all K conditionals: d G + sum over the named o_u of
        (p(o_u) - d) p(. | o_u), so that only named objects are visited.
        """
        everything = self.revision.sums.get(relation) or self.sums[relation]
        value, default = upstream.default * everything.value, upstream.default * everything.default
        for object_, probability in zip(upstream.object.tolist(), upstream.probability.tolist(), strict=True):
            row = self.conditional(relation, object_)
            share = probability - upstream.default
            value += share * row.default
            value[np.searchsorted(everything.object, row.object)] += share * (row.probability - row.default)
            default += share * row.default
        return Distribution(self.K, everything.object, value, default)

    def unseen_subject(self, relation: int) -> Distribution:
        """p(o | ., r): the belief about a subject never seen, from all subjects' evidence."""
        return self.counts_of_all_subjects(relation).predictive(self.a, self.K)

    def counts_of_all_subjects(self, relation: int) -> Counts:
        """n[., r]: what was observed of all subjects together."""
        facts = self.facts
        if not 0 <= relation < facts.R:
            raise ValueError(f"the world has no relation {relation}: there are {facts.R}")
        of_relation = facts.key % facts.R == relation
        edited = [s * facts.R + r for s, r in self.revision.observations if r == relation]
        lines = (of_relation & ~np.isin(facts.key, edited))[facts.fact_of_line]
        objects, place = np.unique(facts.object[lines], return_inverse=True)
        positive = np.bincount(place, weights=facts.positive[lines], minlength=len(objects))
        spread = np.bincount(place, weights=facts.spread[lines], minlength=len(objects))
        counts = Observations(objects, np.asarray(positive, float), np.asarray(spread, float)).counts(self.K)
        for (_, r), observed in self.revision.observations.items():
            if r == relation:
                counts = counts.plus(observed.counts(self.K))
        return counts

    def frequencies(self, subject: int, relation: int) -> Distribution:
        """The shares of objects among the corpus's atomic sentences alone. Raises ValueError without any."""
        lines = self.facts.lines(subject, relation)
        atomic = self.facts.atomic[lines] if lines else np.zeros(0, np.int64)
        if not atomic.sum():
            raise ValueError(f"no atomic sentence is about subject {subject} and relation {relation}")
        named = atomic > 0
        return Distribution(self.K, self.facts.object[lines][named], atomic[named] / atomic.sum(), 0.0)

    def upstream_of(self, subject: int, relation: int) -> int | None:
        """The relation that this fact depends on, or None for a root."""
        upstream = self.parent.get(relation)
        return upstream if upstream is not None and self.observations(subject, upstream) else None

    def observations(self, subject: int, relation: int) -> Observations | None:
        """What was observed of a fact, edits included, or None."""
        edited = self.revision.observations.get((subject, relation))
        return edited or self.facts.observations(subject, relation)

    # -- revision ------------------------------------------------------------------------------------------

    def weight_for(self, subject: int, relation: int, object_: int, target: float) -> int:
        """n': the least whole weight >= 1 of an edit that lifts p(o | s, r), by the root formula, to its goal.

        The goal is `target`, or half way to 1 for a belief above it already.
        """
        observed = self.observations(subject, relation)
        counts = observed.counts(self.K) if observed else NOTHING
        goal = target_credence(self.root(subject, relation)[object_], target)
        return int(least_weight(counts.of(object_), counts.total, self.a, self.K, goal))

    def revise(self, *edits: Edit) -> Agent:
        """The agent that has seen the edits too; this one is untouched. Raises ValueError for impossible edits."""
        agent = self
        for edit in edits:
            agent = agent._revised(edit)
        return agent

    def _revised(self, edit: Edit) -> Agent:
        subject, relation, object_, weight = edit
        if not (0 <= weight < np.inf and 0 <= object_ < self.K and 0 <= relation < self.facts.R and subject >= 0):
            raise ValueError(f"{edit} is no observation: weights are finite and not negative, ids are within the world")
        if weight == 0:
            return self
        observed = (self.observations(subject, relation) or _UNOBSERVED).plus(object_, weight)
        observations = {**self.revision.observations, (subject, relation): observed}
        seen = replace(self, revision=replace(self.revision, observations=observations))
        changes = {
            row: {**self.revision.changes.get(row, {}), subject: change}
            for downstream, upstream in self.parent.items()
            if relation in (upstream, downstream)
            for row, change in seen._changes_by(subject, upstream, downstream).items()
        }
        rows = {row: self._base_row(row).plus_all(by_subject.values()) for row, by_subject in changes.items()}
        revision = Revision(
            observations,
            {**self.revision.changes, **changes},
            {**self.revision.rows, **rows},
            {**self.revision.sums, **self._changed_sums(rows)},
        )
        return replace(self, revision=revision)

    def _changes_by(self, subject: int, upstream: int, downstream: int) -> dict[RowOf, Counts]:
        """What a subject gives to each row of a conditional now, less what it gave before any edit.

        Both are made from whole observations, never one from the other: so great weights leave no rounding behind.
        """
        facts, K = self.facts, self.K
        before = _given(facts.observations(subject, upstream), facts.observations(subject, downstream), K)
        now = _given(self.observations(subject, upstream), self.observations(subject, downstream), K)
        objects = dict.fromkeys([*before, *now])
        return {
            RowOf(downstream, object_): now.get(object_, NOTHING).plus(before.get(object_, NOTHING), -1.0)
            for object_ in objects
        }

    def _changed_sums(self, rows: Mapping[RowOf, Counts]) -> dict[int, Sum]:
        """The sums of the conditionals of which some rows are now these."""
        sums = {}
        for downstream in {row.relation for row in rows}:
            exchanged = {
                row.upstream_object: (self.conditional(*row), counts.predictive(self.a, self.K))
                for row, counts in rows.items()
                if row.relation == downstream
            }
            sums[downstream] = (self.revision.sums.get(downstream) or self.sums[downstream]).with_changes(exchanged)
        return sums

    def _row(self, row: RowOf) -> Counts:
        edited = self.revision.rows.get(row)
        return self._base_row(row) if edited is None else edited

    def _base_row(self, row: RowOf) -> Counts:
        return self.tables[row.relation].row(row.upstream_object)


_UNOBSERVED = Observations(np.zeros(0, np.int32), np.zeros(0), np.zeros(0))


def _given(upstream: Observations | None, downstream: Observations | None, K: int) -> dict[int, Counts]:
    """rho(o_u) n for each responsible upstream object; nothing where either relation was not observed."""
    if upstream is None or downstream is None:
        return {}
    counts = downstream.counts(K)
    objects, shares = upstream.responsibilities()
    return {o: NOTHING.plus(counts, share) for o, share in zip(objects.tolist(), shares.tolist(), strict=True)}
