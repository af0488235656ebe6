"""The agent's answers to all cases at once.

Shapes: C cases; 3 minds: the agent before the edit, after it, and after an edit of the near certain weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import Beliefs, ask_beliefs, ask_requests
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.sparse import Integers
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.sites import SITE_FIELDS
from worldgen.worlds.world import World

Credences = NDArray[np.float64]
"""[3, C]"""
MINDS = 3


@dataclass(frozen=True)
class SiteLabels:
    """A site of all cases: its subjects and relations, an object for each role, and the credences in these objects."""

    subject: Integers
    """[C]"""
    relation: Integers
    """[C]"""
    objects: dict[str, Integers]
    """A role ("truth", "requested", "old_mode", "new_mode", at s1r1 "original" too) -> [C]"""
    credence: dict[str, Credences]
    """A role -> [3, C]"""


@dataclass(frozen=True)
class Labels:
    """The agent's answers to all cases."""

    sites: dict[str, SiteLabels]
    """A site's name -> its labels."""
    claims: dict[str, Credences]
    """A statement ("requested", "original" or "b") -> the credences in it."""


def label(world: World, agent: Agent, cases: Sequence[Case], certain_weight: float) -> Labels:
    """Returns the labels of the cases.

    They are p(o | s, r) as believed; at s1r1 they are as requests are believed (`Agent.belief_of_request`), which the
    weight n' is measured by.
    """
    column = {name: np.array([getattr(case, name) for case in cases], dtype=np.int64) for name in _NUMBERS}
    weights = np.stack([np.zeros(len(cases)), column["weight"], np.full(len(cases), float(certain_weight))])

    subject, relation, requested = (np.tile(column[name], MINDS) for name in ("subject", "relation", "requested"))
    edits = EditSets.one_each(subject, relation, requested, weights.ravel())

    def ask(ask_all: Callable[[Agent, Queries], Beliefs], subject: str, relation: str) -> Beliefs:
        return ask_all(agent, Queries(np.tile(column[subject], MINDS), np.tile(column[relation], MINDS), edits))

    sites = {
        name: _site(
            world, column, (subject, relation), ask(ask_requests if name == "s1r1" else ask_beliefs, subject, relation)
        )
        for name, (subject, relation) in SITE_FIELDS.items()
    }
    claim, second = ask(ask_beliefs, "subject", "relation"), ask(ask_beliefs, "b_subject", "b_relation")
    claims = {
        "requested": _credence(claim, column["requested"]),
        "original": _credence(claim, column["original_object"]),
        "b": _credence(second, column["b_object"]),
    }
    return Labels(sites, claims)


_NUMBERS = (
    "subject", "relation", "relation2", "subject2", "requested", "weight", "original_object", "b_subject", "b_relation",
    "b_object",
)  # fmt: skip


def _site(world: World, column: dict[str, Integers], place: tuple[str, str], beliefs: Beliefs) -> SiteLabels:
    subject, relation = (column[name] for name in place)
    before, after, _ = beliefs.modes.reshape(MINDS, -1)
    is_request = place == ("subject", "relation")
    truths = world.truth[[world.fact_of(s, r) for s, r in zip(subject.tolist(), relation.tolist(), strict=True)]]
    objects = {
        "truth": truths.astype(np.int64),
        "requested": column["requested"],
        "old_mode": before,
        "new_mode": column["requested"] if is_request else after,
    }
    if is_request:
        objects["original"] = column["original_object"]
    return SiteLabels(
        subject, relation, objects, {role: _credence(beliefs, chosen) for role, chosen in objects.items()}
    )


def _credence(beliefs: Beliefs, objects: Integers) -> Credences:
    return beliefs.at(np.tile(objects, MINDS)[:, None]).reshape(MINDS, -1)
