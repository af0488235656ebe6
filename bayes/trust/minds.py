"""A mind that is not sure which reports about a fact are genuine: one agent for each possibility (Model B).

    p(x) = sum over j of q_j  p(x; the agent that observed the genuine reports of j)

`mind_after` makes one mind, `minds_after` many at once, whose questions are asked in one batch.
For the fact itself this is `Trust.belief`, exactly. For a fact that depends on it, with a known conditional,
`JointTruth` is exact. With an unknown one the exact belief is a sum over all assignments of all uncertain upstream
facts. Here is the testbed paper's recipe in its place, an approximation: the conditional is made of fractional counts
by observed upstream frequency, and a subject's own downstream sentences count for all subjects alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import gather_rows, row_of_entry, row_starts
from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import Beliefs, ask_beliefs, ask_requests
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats, Integers
from worldgen.bayes.trust.genuine import Genuine, mixed
from worldgen.bayes.trust.reports import Report
from worldgen.bayes.trust.trust import Trust

AnyIds = NDArray[np.integer]


@dataclass(frozen=True)
class MixedMind:
    """Agents, each with the probability that it has observed what is genuine."""

    weight: Floats
    """[N]: the probabilities; they add up to 1."""
    agents: tuple[Agent, ...]
    """[N]."""

    def belief(self, subject: int, relation: int) -> Distribution:
        """Returns p(o | s, r), see `Agent.belief`."""
        return mixed(self.weight, [agent.belief(subject, relation) for agent in self.agents])

    def belief_of_request(self, subject: int, relation: int) -> Distribution:
        """Returns p(o | s, r) of a requested fact, see `Agent.belief_of_request`."""
        return mixed(self.weight, [agent.belief_of_request(subject, relation) for agent in self.agents])


def mind_after(trust: Trust, fact: int, edits: Sequence[Report] = ()) -> MixedMind:
    """Returns the mind that has heard the reports about one fact, edits included, and no others.

    Raises ValueError for another model than `Genuine`, and as `Trust.belief` does.
    """
    model, q = _model_b(trust), trust.terms(fact, edits)
    sets = model.genuine_edits(trust.heard(fact, edits), np.array([fact]), q)
    return MixedMind(q[q > 0], tuple(model.agent.revise(*sets.set_of(i)) for i in range(len(sets))))


@dataclass(frozen=True)
class MixedBeliefs:
    """Q beliefs, each a mixture: belief q is that of the rows start[q] .. start[q+1]-1, weighted."""

    start: Integers
    """[Q+1]."""
    weight: Floats
    """[N]."""
    rows: Beliefs
    """N beliefs of single agents."""

    def at(self, objects: NDArray[np.integer]) -> NDArray[np.float64]:
        """Returns [Q, J]: the credences in the objects asked about, [Q, J]."""
        credences = self.weight[:, np.newaxis] * self.rows.at(objects[row_of_entry(self.start)].astype(np.int64))
        return np.add.reduceat(credences, self.start[:-1], axis=0)

    def distributions(self) -> list[Distribution]:
        """Returns [Q]: every belief whole."""
        rows, ends = self.rows.distributions(), zip(self.start, self.start[1:], strict=False)
        return [mixed(self.weight[first:last], rows[first:last]) for first, last in ends]


@dataclass(frozen=True)
class MixedMinds:
    """M minds as `MixedMind`: mind m mixes the agents start[m] .. start[m+1]-1."""

    agent: Agent
    """The agent before any report."""
    start: Integers
    """[M+1]."""
    weight: Floats
    """[N]: the probability of each agent within its mind."""
    edits: EditSets
    """The genuine reports that each of the N agents has observed."""

    def beliefs(self, mind: Integers, subject: AnyIds, relation: AnyIds) -> MixedBeliefs:
        """Returns p(o | s, r) of each query, asked of the mind with that number. Shapes: all [Q]."""
        return self._asked(ask_beliefs, mind, subject, relation)

    def requests(self, mind: Integers, subject: AnyIds, relation: AnyIds) -> MixedBeliefs:
        """Returns the belief about each query's fact as of a request (`Agent.belief_of_request`)."""
        return self._asked(ask_requests, mind, subject, relation)

    def _asked(
        self, ask: Callable[[Agent, Queries], Beliefs], mind: Integers, subject: AnyIds, relation: AnyIds
    ) -> MixedBeliefs:
        agents, lengths = gather_rows(self.start, mind)
        s, r = (np.repeat(ids, lengths).astype(np.int64) for ids in (subject, relation))
        queries = Queries(s, r, self.edits.where(agents))
        return MixedBeliefs(row_starts(lengths), self.weight[agents], ask(self.agent, queries))


def minds_after(trust: Trust, facts: Integers, edits: Sequence[Sequence[Report]]) -> MixedMinds:
    """Returns the mind of each question, as `mind_after(trust, facts[m], edits[m])`: [M] both.

    Each question's fact is a fact of its own, with all its reports. Raises ValueError as `mind_after`, and for an edit
    of another fact than its question's.
    """
    model, fact = _model_b(trust), facts.astype(np.int64)
    if any(edit.fact != f for f, those in zip(fact.tolist(), edits, strict=True) for edit in those):
        raise ValueError("each question is about the fact of its edits")
    asked, numbers = replace(model, subject=model.subject[fact], relation=model.relation[fact]), np.arange(len(fact))
    before, heard = (
        trust.reports.renumbered(fact).as_read(
            trust.reading,
            [
                edit._replace(fact=m)
                for m, f in enumerate(fact.tolist())
                for edit in (*trust.edits, *more[m])
                if edit.fact == f
            ],
        )
        for more in ([()] * len(fact), edits)
    )
    q = trust.learned.terms_of_each(asked.factors(before, numbers), (after := asked.factors(heard, numbers)))
    start = row_starts(np.add.reduceat(q > 0, after.start[:-1], dtype=np.int64))
    return MixedMinds(model.agent, start, q[q > 0], asked.genuine_edits(heard, numbers, q))


def paper_belief(trust: Trust, upstream: int, relation: int, edits: Sequence[Report] = ()) -> Distribution:
    """Returns the belief about the downstream fact (s, relation) of the subject s of the fact `upstream`.

    Of the reports only those about `upstream` count. With every reliability 1 this is today's agent, to the bit.
    Raises ValueError for another model than `Genuine`, and where `relation` does not depend on the fact's.
    """
    mind, model = mind_after(trust, upstream, edits), _model_b(trust)
    s, r_u = int(model.subject[upstream]), int(model.relation[upstream])
    if model.agent.parent.get(relation) != r_u:
        raise ValueError(f"relation {relation} does not depend on relation {r_u}")
    return mind.belief(s, relation)


def _model_b(trust: Trust) -> Genuine:
    if not isinstance(trust.model, Genuine):
        raise ValueError("reports that may be genuine are those of Model B: `Genuine`")
    return trust.model
