"""Beliefs about a downstream fact whose conditional is learned, after a source has spoken of the upstream fact.

With a known conditional, `JointTruth` is exact. With an unknown one the exact belief is a sum over all assignments of
all uncertain upstream facts. Here is the testbed paper's recipe in its place, an approximation: the conditional is made
of fractional counts by observed upstream frequency, and a subject's own downstream sentences count for all subjects
alike. Each choice of genuine reports (Model B) is a mind of its own, which revises today's agent:

    p(o_d | s, r_d) = sum over j of q_j  p(o_d | s, r_d; the agent that observed the genuine reports of j)
"""

from __future__ import annotations

from collections.abc import Sequence

from worldgen.bayes.distribution import Distribution
from worldgen.bayes.trust.genuine import Genuine, mixed
from worldgen.bayes.trust.reports import Report
from worldgen.bayes.trust.trust import Trust


def paper_belief(trust: Trust, upstream: int, relation: int, edits: Sequence[Report] = ()) -> Distribution:
    """Returns the belief about the downstream fact (s, relation) of the subject s of the fact `upstream`.

    Of the reports only those about `upstream` count. With every reliability 1 this is today's agent, to the bit.
    Raises ValueError for another model than `Genuine`, and where `relation` does not depend on the fact's.
    """
    model = trust.model
    if not isinstance(model, Genuine):
        raise ValueError("the paper's recipe is for Model B: `Genuine`")
    agent, s, r_u = model.agent, int(model.subject[upstream]), int(model.relation[upstream])
    if agent.parent.get(relation) != r_u:
        raise ValueError(f"relation {relation} does not depend on relation {r_u}")
    q = trust.terms(upstream, edits)
    minds = model.genuine_edits(trust.heard(upstream, edits), q)
    return mixed(q[q > 0], [agent.revise(*genuine).belief(s, relation) for genuine in minds])
