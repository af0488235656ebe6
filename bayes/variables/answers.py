"""Answers to questions about a variable: what its possible entities answer, each as likely as it is meant.

    p(w | v, r) = sum over e of q_v(e) p(w | e, r) / sum over e of q_v(e)

over the entities e that have a fact of the relation r, since the question says that there is one. After one definition
y by a source of mean reliability rho, without questions:

    p(w | v, r) = rho [kappa_r(y) = w] + (1 - rho) (share of the other entities with kappa_r = w)

p(w | e, r) is what somebody believes of the entity itself: `Priors.known` for known facts, or the credences of an
agent. The latter is exact as long as the agent's beliefs do not depend on what the variable means, so the questions
that led to q_v must be about facts without doubt. Shapes: E entities, F facts.
"""

from __future__ import annotations

import numpy as np

from worldgen.arrays import row_of_entry
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.sparse import Integers, sum_by_key
from worldgen.bayes.trust.priors import Priors


def answer(meaning: Distribution, fact: Integers, facts: Priors) -> Distribution:
    """Returns p(w | v, r) from q_v = `meaning`.

    `fact` [E] is each entity's fact of the relation, as `facts` numbers them, or -1. All facts have one number of
    objects. Raises ValueError where no possible entity has such a fact.
    """
    q = meaning.dense()
    asked = np.flatnonzero((fact >= 0) & (q > 0))
    if not len(asked):
        raise ValueError("no entity that the variable may stand for has a fact of this relation")
    of_entities = facts.where(fact[asked])
    weight = q[asked] / q[asked].sum()
    row = row_of_entry(of_entities.start)
    objects, (above,) = sum_by_key(
        of_entities.object, weight[row] * (of_entities.probability - of_entities.default[row])
    )
    default = float(weight @ of_entities.default)
    return Distribution(int(of_entities.M[0]), objects.astype(np.int32), default + above, default)
