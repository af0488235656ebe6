"""The rational agent: exact Categorical-Dirichlet beliefs about every fact, before and after edits.

    root          p(o | s, r)            = (a + n[s,r][o]) / (a K + N[s,r])
    conditional   p(o_d | r_d, r_u, o_u) = (a + C[o_u][o_d]) / (a K + sum_o C[o_u][o])
    marginal      m(o_d | s, r_d)        = sum over all o_u of p(o_d | r_d, r_u, o_u) p(o_u | s, r_u)

A fact (s, r_d) is downstream if a pair r_u -> r_d exists and (s, r_u) was observed; every other fact is a root. A root
is believed by its predictive, a downstream fact by its marginal and, in two of three readings, by what was told of it
(`worldgen.bayes.reading`).
Source: paper, section 6.3; docs/deviations.md says where its published code differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

from worldgen.bayes.conditional import ConditionalTable, RowKey, RowSum, contributions
from worldgen.bayes.counts import NO_COUNTS, NO_OBSERVATIONS, Counts, Observations
from worldgen.bayes.dirichlet import least_weight, target_credence
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.fact_table import FactTable
from worldgen.bayes.reading import USUAL, Reading, ReadingName, Told
from worldgen.bayes.sparse import sum_by_place


class Edit(NamedTuple):
    """A request to believe a fact: `weight` more observations of "subject relation object"."""

    subject: int
    relation: int
    object: int
    weight: float


@dataclass(frozen=True)
class Revision:
    """The values that edits have changed: these observations, rows and sums stand in place of those before any edit."""

    observations: Mapping[tuple[int, int], Observations] = field(default_factory=dict)
    """Observations of the edited facts (s, r), edits included."""
    told: Mapping[tuple[int, int], Observations] = field(default_factory=dict)
    """The edits of these facts alone."""
    changes: Mapping[RowKey, Mapping[int, Counts]] = field(default_factory=dict)
    """changes[row][s]: the contribution rho[s](o_u) n[s,r_d] of edited subject s to a row now, minus the one before."""
    rows: Mapping[RowKey, Counts] = field(default_factory=dict)
    """The changed rows C[o_u]."""
    sums: Mapping[int, RowSum] = field(default_factory=dict)
    """sums[r_d]: the sum G of all rows, for each r_d with a changed row."""


@dataclass(frozen=True)
class Agent:
    """A mind that has seen some evidence. No value of it ever changes: `revise` returns another agent."""

    K: int
    """The number of objects."""
    a: float
    """The prior count of every object."""
    parent: Mapping[int, int]
    """parent[r_d] = r_u, the relation that r_d depends on."""
    facts: FactTable
    """The evidence, edits excluded."""
    tables: Mapping[int, ConditionalTable]
    """tables[r_d]: the rows C of r_d's conditional, edits excluded."""
    sums: Mapping[int, RowSum]
    """sums[r_d]: the sum G of the rows' predictives, edits excluded."""
    reading: Reading = USUAL
    """How a downstream fact is believed that was told itself."""
    revision: Revision = Revision()
    """The values that edits have changed."""

    # -- beliefs -------------------------------------------------------------------------------------------

    def belief(self, subject: int, relation: int) -> Distribution:
        """Returns p(o | s, r), by the formula that `formula` names. Raises ValueError for impossible ids."""
        upstream = self.upstream_of(subject, relation)
        if upstream is None:
            return self.root(subject, relation)
        return self.belief_given(subject, relation, self.belief(subject, upstream))

    def belief_given(self, subject: int, relation: int, upstream: Distribution) -> Distribution:
        """Returns p(o | s, r_d) of a downstream fact, for any distribution `upstream` of the subject's o_u."""
        m = self.source_of_marginal(subject, relation).marginal(relation, upstream)
        return self.told(subject, relation).added_to(m)

    def belief_of_request(self, subject: int, relation: int) -> Distribution:
        """Returns the belief about a fact that the weight n' of a request for it is measured by.

        It is p(o | s, r), but in the reading `marginal` the root predictive of every fact, as in the paper.
        """
        return self.root(subject, relation) if self.reading.name == "marginal" else self.belief(subject, relation)

    def root(self, subject: int, relation: int) -> Distribution:
        """Returns the root predictive of any fact, downstream facts included; uniform without an observation.

        Raises ValueError for impossible ids.
        """
        return self.counts(subject, relation).predictive(self.a, self.K)

    def conditional(self, relation: int, upstream_object: int) -> Distribution:
        """Returns p(o_d | r_d, r_u, o_u), which is uniform for an o_u never observed.

        Raises KeyError for a relation that depends on nothing, IndexError for an o_u outside 0 .. K-1.
        """
        return self.row(RowKey(relation, upstream_object)).predictive(self.a, self.K)

    def marginal(self, relation: int, upstream: Distribution) -> Distribution:
        """Returns sum over all o_u of p(o_d | r_d, r_u, o_u) p(o_u), for any distribution `upstream` of o_u.

        With d the default of p(o_u) and G the sum of all K rows, only the named o_u are visited:

            d G(o_d) + sum over the named o_u of (p(o_u) - d) p(o_d | r_d, r_u, o_u)
        """
        G, d = self.sum_of_rows(relation), upstream.default
        value, default = d * G.value, d * G.default
        for o_u, p in zip(upstream.object.tolist(), upstream.probability.tolist(), strict=True):
            row, w = self.conditional(relation, o_u), p - d
            value += w * row.default
            value[np.searchsorted(G.object, row.object)] += w * (row.probability - row.default)
            default += w * row.default
        return Distribution(self.K, G.object, value, default)

    def unseen_subject(self, relation: int) -> Distribution:
        """Returns p(o | ., r), the belief about a subject never seen: the root formula on all subjects' evidence.

        Raises ValueError for an impossible relation.
        """
        return self.counts_of_all_subjects(relation).predictive(self.a, self.K)

    def frequencies(self, subject: int, relation: int) -> Distribution:
        """Returns each object's share of the corpus's bare atoms about a fact: the root formula with a = 0.

        Raises ValueError for a fact without a bare atom, and for impossible ids.
        """
        lines = self.facts.lines(subject, relation)
        atomic = self.facts.atomic[lines] if lines else np.zeros(0, np.int64)
        if not atomic.sum():
            raise ValueError(f"no atomic sentence is about subject {subject} and relation {relation}")
        named = atomic > 0
        return Distribution(self.K, self.facts.object[lines][named], atomic[named] / atomic.sum(), 0.0)

    # -- the numbers of the formulas, edits included -------------------------------------------------------

    def upstream_of(self, subject: int, relation: int) -> int | None:
        """Returns the relation r_u that a fact (s, r) depends on, or None for a root."""
        upstream = self.parent.get(relation)
        return upstream if upstream is not None and self.observations(subject, upstream) else None

    def formula(self, subject: int, relation: int) -> Literal["root"] | ReadingName:
        """Returns which formula the belief about a fact is by. `edits` without an edit of the fact is `marginal`."""
        if self.upstream_of(subject, relation) is None:
            return "root"
        return self.reading.name if self.told(subject, relation).counts.total else "marginal"

    def told(self, subject: int, relation: int) -> Told:
        """Returns the observations of a downstream fact that count beside its marginal, none in `marginal`."""
        if self.reading.name == "own":
            return Told(self.reading.kappa, self.counts(subject, relation))
        corpus = self.facts.observations(subject, relation) or NO_OBSERVATIONS
        edits = self.revision.told.get((subject, relation)) if self.reading.name == "edits" else None
        return Told(self.a * self.K + corpus.counts(self.K).total, edits.counts(self.K) if edits else NO_COUNTS)

    def source_of_marginal(self, subject: int, relation: int) -> Agent:
        """Returns the agent whose conditional makes the marginal of a downstream fact.

        In `marginal` it is this agent. Else it has not seen the edits of the fact itself, which are observations on top
        of the marginal and must not count twice.
        """
        fact = subject, relation
        if self.reading.name == "marginal" or fact not in self.revision.told:
            return self
        observations, told = (
            {k: v for k, v in edited.items() if k != fact}
            for edited in (self.revision.observations, self.revision.told)
        )
        return self._seeing(*fact, observations, told)

    def observations(self, subject: int, relation: int) -> Observations | None:
        """Returns the observations of a fact, or None if there are none. Raises ValueError for impossible ids."""
        edited = self.revision.observations.get((subject, relation))
        return edited or self.facts.observations(subject, relation)

    def counts(self, subject: int, relation: int) -> Counts:
        """Returns n[s,r], all zero without an observation. Raises ValueError for impossible ids."""
        observed = self.observations(subject, relation)
        return observed.counts(self.K) if observed else NO_COUNTS

    def counts_of_all_subjects(self, relation: int) -> Counts:
        """Returns n[., r], the sum of n[s,r] over all subjects. Raises ValueError for an impossible relation."""
        facts = self.facts
        if not 0 <= relation < facts.R:
            raise ValueError(f"the world has no relation {relation}: there are {facts.R}")
        of_relation = facts.key % facts.R == relation
        edited = [s * facts.R + r for s, r in self.revision.observations if r == relation]
        lines = (of_relation & ~np.isin(facts.key, edited))[facts.fact_of_line]
        objects, place = np.unique(facts.object[lines], return_inverse=True)
        positive = sum_by_place(place, facts.positive[lines], len(objects))
        spread = sum_by_place(place, facts.spread[lines], len(objects))
        counts = Observations(objects, positive, spread).counts(self.K)
        for (_, r), observed in self.revision.observations.items():
            if r == relation:
                counts = counts.plus(observed.counts(self.K))
        return counts

    def row(self, row: RowKey) -> Counts:
        """Returns a row C[o_u] of a conditional. Raises KeyError and IndexError as `conditional`."""
        edited = self.revision.rows.get(row)
        return self._row_before_edits(row) if edited is None else edited

    def sum_of_rows(self, relation: int) -> RowSum:
        """Returns G, the sum of all K rows of r_d's conditional."""
        return self.revision.sums.get(relation) or self.sums[relation]

    # -- revision ------------------------------------------------------------------------------------------

    def weight_for(self, subject: int, relation: int, object_: int, target: float) -> int:
        """Returns n', the least whole weight >= 1 of an edit that lifts the belief in its request to a goal.

            n' = max(1, ceil(S (goal - p(o)) / (1 - goal)))

        p is `belief_of_request`, S its strength. The goal is `target`, or half way to 1 for a credence above it
        already. Raises ValueError for impossible ids, and for a target outside (0, 1).
        """
        p = self.belief_of_request(subject, relation)[object_]
        return int(least_weight(*self.weighed_request(subject, relation, object_), target_credence(p, target)))

    def weighed_request(self, subject: int, relation: int, object_: int) -> tuple[float, float]:
        """Returns (S p(o), S): the belief p in a request and its strength S, in observations.

        An edit of the request with the weight n adds n to both. S is a K + N[s,r], and kappa + N[s,r] of a downstream
        fact in `own`. Raises ValueError for impossible ids.
        """
        n = self.counts(subject, relation)
        if self.judges_by_root(subject, relation):
            return self.a + n[object_], self.a * self.K + n.total
        strength = self.told(subject, relation).strength
        return self.belief(subject, relation)[object_] * strength, strength

    def judges_by_root(self, subject: int, relation: int) -> bool:
        """Returns whether `belief_of_request` is the root predictive."""
        return self.reading.name == "marginal" or self.upstream_of(subject, relation) is None

    def revise(self, *edits: Edit) -> Agent:
        """Returns the agent that has also seen the edits; this agent stays as it is, to the bit.

        For an edit (s, r, o, n):

            n[s,r][o] grows by n.
            Where r is upstream of r_d, rho[s] is computed anew, and the rows C[o_u] of r_d with it.
            Where r is downstream, C[o_u] gains rho[s](o_u) n on o.

        Raises ValueError for ids outside the world, and for a weight that is negative or not finite.
        Source: paper, section 6.3; design: bayes, section 6.
        """
        agent = self
        for edit in edits:
            agent = agent._revised(edit)
        return agent

    def _revised(self, edit: Edit) -> Agent:
        """Returns the agent that has also seen one edit."""
        subject, relation, object_, weight = edit
        if not (0 <= weight < np.inf and 0 <= object_ < self.K and 0 <= relation < self.facts.R and subject >= 0):
            raise ValueError(f"{edit} is no observation: weights are finite and not negative, ids are within the world")
        if weight == 0:
            return self
        fact = subject, relation
        observed = (self.observations(*fact) or NO_OBSERVATIONS).plus(object_, weight)
        told = self.revision.told.get(fact, NO_OBSERVATIONS).plus(object_, weight)
        return self._seeing(*fact, {**self.revision.observations, fact: observed}, {**self.revision.told, fact: told})

    def _seeing(
        self,
        subject: int,
        relation: int,
        observations: Mapping[tuple[int, int], Observations],
        told: Mapping[tuple[int, int], Observations],
    ) -> Agent:
        """Returns the agent with these edits, which differ from its own in one fact."""
        seen = replace(self, revision=replace(self.revision, observations=observations))
        changes = {
            row: {**self.revision.changes.get(row, {}), subject: change}
            for downstream, upstream in self.parent.items()
            if relation in (upstream, downstream)
            for row, change in seen._changes_by(subject, upstream, downstream).items()
        }
        rows = {row: self._row_before_edits(row).plus_all(by_subject.values()) for row, by_subject in changes.items()}
        revision = Revision(
            observations,
            told,
            {**self.revision.changes, **changes},
            {**self.revision.rows, **rows},
            {**self.revision.sums, **self._sums_with(rows)},
        )
        return replace(self, revision=revision)

    def _changes_by(self, subject: int, upstream: int, downstream: int) -> dict[RowKey, Counts]:
        """Returns a subject's contribution to each row of a conditional now, minus the one before any edit.

        Both are made from whole observations, never one from the other: so great weights leave no rounding behind.
        """
        facts, K = self.facts, self.K
        before = contributions(facts.observations(subject, upstream), facts.observations(subject, downstream), K)
        now = contributions(self.observations(subject, upstream), self.observations(subject, downstream), K)
        # A row that only an edit which is now taken back had changed has no contribution before and none now.
        changed = (row for row, by_subject in self.revision.changes.items() if subject in by_subject)
        objects = dict.fromkeys(
            [*before, *now, *(row.upstream_object for row in changed if row.relation == downstream)]
        )
        return {
            RowKey(downstream, o_u): now.get(o_u, NO_COUNTS).plus(before.get(o_u, NO_COUNTS), -1.0) for o_u in objects
        }

    def _sums_with(self, rows: Mapping[RowKey, Counts]) -> dict[int, RowSum]:
        """Returns the sum G of each conditional that `rows` belong to, with these rows in place of this agent's."""
        sums = {}
        for downstream in {row.relation for row in rows}:
            exchanged = {
                row.upstream_object: (self.conditional(*row), counts.predictive(self.a, self.K))
                for row, counts in rows.items()
                if row.relation == downstream
            }
            sums[downstream] = self.sum_of_rows(downstream).with_rows_exchanged(exchanged)
        return sums

    def _row_before_edits(self, row: RowKey) -> Counts:
        return self.tables[row.relation].row(row.upstream_object)
