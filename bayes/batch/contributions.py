"""What edited subjects give to the rows of a conditional, less what they gave before their edits.

A subject's gift to row u is rho(o_u) n[s, r_d]. An edit upstream moves rho, one downstream is a new observation in n:
each edited subject takes its old gift back (share -rho) and gives its new one, however many edits it had.

Shapes: G givers, each a (question, subject) before the edits or after them; N gifts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Lines, observe
from worldgen.bayes.sparse import Floats, Integers


@dataclass(frozen=True)
class Gifts:
    """Row `row` of question `question` gains `share` times the counts own[giver]."""

    question_of_giver: Integers  # [G]
    own: Lines  # of G givers: what was observed of their downstream facts
    giver: Integers  # [N]
    row: Integers  # [N]
    share: Floats  # [N]

    @property
    def question(self) -> Integers:
        """[N]: whose row it is."""
        return self.question_of_giver[self.giver]


def gifts_of(agent: Agent, downstream: int, edits: EditSets) -> Gifts:
    """How the edits of each question move the rows of one relation's conditional."""
    facts, K, upstream = agent.facts, agent.K, agent.parent[downstream]
    concerned = (edits.weight > 0) & np.isin(edits.relation, (upstream, downstream))
    pairs = np.stack([edits.question[concerned], edits.subject[concerned]], axis=1)
    question, subject = np.unique(pairs, axis=0).T if len(pairs) else pairs.T
    D = len(question)
    above, below, seen = np.full(D, upstream), np.full(D, downstream), edits.where(question)

    giver, row, rho = observe(facts, K, subject, above, EditSets.none(D)).responsibilities()
    new_giver, new_row, new_rho = observe(facts, K, subject, above, seen).responsibilities()
    before, after = (observe(facts, K, subject, below, some) for some in (EditSets.none(D), seen))
    return Gifts(
        np.append(question, question),
        before.followed_by(after),
        np.append(giver, D + new_giver),
        np.append(row, new_row),
        np.append(-rho, new_rho),
    )
