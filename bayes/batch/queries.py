"""Many queries to the agent, each after edits of its own.

Shape: Q queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.fact_table import FactTable
from worldgen.bayes.sparse import Flags, Integers


@dataclass(frozen=True)
class Queries:
    """Q queries: query q asks for p(o | subject[q], relation[q]) after the edits of set q."""

    subject: Integers  # [Q]
    relation: Integers  # [Q]
    edits: EditSets

    def __len__(self) -> int:
        return len(self.subject)

    def where(self, chosen: NDArray) -> Queries:
        """Returns the chosen queries: a mask [Q], or query numbers."""
        return Queries(self.subject[chosen], self.relation[chosen], self.edits.where(chosen))

    def observed(self, facts: FactTable, relation: Integers) -> Flags:
        """Returns [Q]: whether (subject[q], relation[q]) was observed, in the evidence or by an edit of query q.

        `relation` [Q] takes the place of the relations asked about; -1 means no relation, and is never observed.
        """
        edited = np.zeros(len(self), dtype=bool)
        edited[self.edits.query[self.edits.falls_on(self.subject, relation)]] = True
        return (relation >= 0) & ((facts.fact_numbers(self.subject, relation) >= 0) | edited)

    def dependence(self, agent: Agent) -> tuple[Flags, Flags]:
        """Returns [Q], [Q]: whether each query's fact is downstream, and whether its upstream fact is so too."""
        parent = np.full(agent.facts.R + 1, -1)  # the last entry is the parent of "no relation", -1
        parent[list(agent.parent.keys())] = list(agent.parent.values())
        upstream = parent[self.relation]
        downstream = self.observed(agent.facts, upstream)
        return downstream, downstream & self.observed(agent.facts, parent[upstream])

    def belief(self, agent: Agent, q: int) -> Distribution:
        """Returns the belief that query q asks for, from the agent itself and not in a batch."""
        return agent.revise(*self.edits.set_of(q)).belief(int(self.subject[q]), int(self.relation[q]))


def check_unrevised(agent: Agent) -> None:
    """Raises ValueError for an agent that was revised already, because a batch reads the tables before any edit."""
    if agent.revision.observations:
        raise ValueError("queries bring their own edits: ask the agent before it is revised")
