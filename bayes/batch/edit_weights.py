"""The weights n' of many edits at once.

Shape: Q edits.
"""

from __future__ import annotations

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import ask_requests
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.observed_facts import ObservedFacts, observe
from worldgen.bayes.batch.queries import Queries, check_unrevised
from worldgen.bayes.dirichlet import least_weight, target_credence
from worldgen.bayes.sparse import Floats, Integers, look_up


def ask_weights(agent: Agent, subject: Integers, relation: Integers, objects: Integers, target: float) -> Floats:
    """Returns [Q]: n' of each edit (subject, relation, object) by itself, equal to `agent.weight_for`.

    Raises ValueError for an agent that was revised already, and for a target outside (0, 1).
    """
    check_unrevised(agent)
    queries = Queries(subject, relation, EditSets.none(len(subject)))
    seen = observe(agent.facts, agent.K, subject, relation, queries.edits)
    asked = np.arange(len(subject)) * agent.K + objects
    named, excess = look_up(seen.fact * agent.K + seen.object, seen.excess, asked)
    mass, strength = agent.a + (seen.default + np.where(named, excess, 0.0)), strengths(agent, queries, seen)
    p = ask_requests(agent, queries).at(objects[:, None])[:, 0]
    if agent.reading.name != "marginal":
        downstream, _ = queries.dependence(agent)
        mass = np.where(downstream, p * strength, mass)
    return np.asarray(least_weight(mass, strength, target_credence(p, target)))


def strengths(agent: Agent, queries: Queries, seen: ObservedFacts) -> Floats:
    """Returns [Q]: S of a request for each query's fact, see `Agent.weighed_request`. `seen` are these facts."""
    prior = np.full(len(queries), agent.a * agent.K)
    if agent.reading.name == "own":
        downstream, _ = queries.dependence(agent)
        prior[downstream] = agent.reading.kappa
    return prior + seen.total
