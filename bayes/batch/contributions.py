"""The contributions of edited subjects to the rows of a conditional, after their edits and before them.

The contribution of a subject s to row u of r_u -> r_d is rho[s](u) n[s, r_d]. An edit of (s, r_u) moves rho, an edit of
(s, r_d) is a new observation in n. So each edited subject takes its contribution before the edits back (share -rho)
and brings the one after them (share rho), however many edits it had.

Shapes: C contributors, each an edited subject of one query, before its edits or after them; N contributions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.observed_facts import ObservedFacts, observe
from worldgen.bayes.sparse import Floats, Integers


@dataclass(frozen=True)
class Contributions:
    """The contributions of edited subjects: row u = row[i] of query[i] gains share[i] n_c, where c = contributor[i]."""

    query_of_contributor: Integers
    """[C]."""
    downstream: ObservedFacts
    """The downstream facts of the C contributors; n_c are the counts of fact c."""
    contributor: Integers
    """[N]."""
    row: Integers
    """[N]: the upstream object u."""
    share: Floats
    """[N]: -rho(u) of a contributor before its edits, rho(u) of one after them."""

    @property
    def query(self) -> Integers:
        """[N]: the query of each contribution."""
        return self.query_of_contributor[self.contributor]


def contributions_of(agent: Agent, downstream: int, edits: EditSets) -> Contributions:
    """Returns how the edits of each query move the rows of r_d's conditional."""
    facts, K, upstream = agent.facts, agent.K, agent.parent[downstream]
    concerned = (edits.weight > 0) & np.isin(edits.relation, (upstream, downstream))
    pairs = np.stack([edits.query[concerned], edits.subject[concerned]], axis=1)
    query, subject = np.unique(pairs, axis=0).T if len(pairs) else pairs.T
    edited = len(query)
    r_u, r_d = np.full(edited, upstream), np.full(edited, downstream)
    no_edits, own_edits = EditSets.none(edited), edits.where(query)

    before, row_before, rho_before = observe(facts, K, subject, r_u, no_edits).responsibilities()
    after, row_after, rho_after = observe(facts, K, subject, r_u, own_edits).responsibilities()
    n_before, n_after = (observe(facts, K, subject, r_d, some) for some in (no_edits, own_edits))
    return Contributions(
        np.append(query, query),
        n_before.followed_by(n_after),
        np.append(before, edited + after),
        np.append(row_before, row_after),
        np.append(-rho_before, rho_after),
    )
