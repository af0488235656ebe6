"""A mind that is not sure which reports about a fact are genuine: one agent for each possibility (Model B).

    p(x) = sum over j of q_j  p(x; the agent that observed the genuine reports of j)

For the fact itself this is `Trust.belief`, exactly. For a fact that depends on it, with a known conditional,
`JointTruth` is exact. With an unknown one the exact belief is a sum over all assignments of all uncertain upstream
facts. Here is the testbed paper's recipe in its place, an approximation: the conditional is made of fractional counts
by observed upstream frequency, and a subject's own downstream sentences count for all subjects alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worldgen.bayes.agent import Agent
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Floats
from worldgen.bayes.trust.genuine import Genuine, mixed
from worldgen.bayes.trust.reports import Report
from worldgen.bayes.trust.trust import Trust


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
    model = trust.model
    if not isinstance(model, Genuine):
        raise ValueError("reports that may be genuine are those of Model B: `Genuine`")
    q = trust.terms(fact, edits)
    observed = model.genuine_edits(trust.heard(fact, edits), q)
    return MixedMind(q[q > 0], tuple(model.agent.revise(*genuine) for genuine in observed))


def paper_belief(trust: Trust, upstream: int, relation: int, edits: Sequence[Report] = ()) -> Distribution:
    """Returns the belief about the downstream fact (s, relation) of the subject s of the fact `upstream`.

    Of the reports only those about `upstream` count. With every reliability 1 this is today's agent, to the bit.
    Raises ValueError for another model than `Genuine`, and where `relation` does not depend on the fact's.
    """
    mind = mind_after(trust, upstream, edits)
    model = trust.model
    assert isinstance(model, Genuine)
    s, r_u = int(model.subject[upstream]), int(model.relation[upstream])
    if model.agent.parent.get(relation) != r_u:
        raise ValueError(f"relation {relation} does not depend on relation {r_u}")
    return mind.belief(s, relation)
