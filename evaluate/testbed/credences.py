"""The agent's answers to every case at once: before its edit, after it, after one of the near certain weight.

Shapes: C cases, 3 minds (in that order).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import Beliefs, ask_beliefs, ask_roots
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.sparse import Integers
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.sites import SITE_FIELDS
from worldgen.worlds.world import World

Credences = NDArray[np.float64]  # [3, C]
MINDS = 3


@dataclass(frozen=True)
class Site:
    """A place that cases ask about: who, what, the objects by role, and the credence of each.

    `objects[role]` is [C]; `credence[role]` is [3, C].
    """

    subject: Integers
    relation: Integers
    objects: dict[str, Integers]
    credence: dict[str, Credences]


@dataclass(frozen=True)
class Labels:
    """`sites["s1r1"]` ...; `claims["requested"]`, "original" and "b": the credences of the statements, [3, C]."""

    sites: dict[str, Site]
    claims: dict[str, Credences]


def label(world: World, agent: Agent, cases: Sequence[Case], certain_weight: float) -> Labels:
    """Every label of the cases.

    At s1r1 by the root formula (the weight n' is defined by it), everywhere else p(o | s, r) as believed.
    """
    column = {name: np.array([getattr(case, name) for case in cases], dtype=np.int64) for name in _NUMBERS}
    weights = np.stack([np.zeros(len(cases)), column["weight"], np.full(len(cases), float(certain_weight))])

    subject, relation, requested = (np.tile(column[name], MINDS) for name in ("subject", "relation", "requested"))
    edits = EditSets.one_each(subject, relation, requested, weights.ravel())

    def ask(ask_all: Callable[[Agent, Queries], Beliefs], subject: str, relation: str) -> Beliefs:
        return ask_all(agent, Queries(np.tile(column[subject], MINDS), np.tile(column[relation], MINDS), edits))

    sites = {
        name: _site(
            world, column, (subject, relation), ask(ask_roots if name == "s1r1" else ask_beliefs, subject, relation)
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


def _site(world: World, column: dict[str, Integers], place: tuple[str, str], beliefs: Beliefs) -> Site:
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
    return Site(subject, relation, objects, {role: _credence(beliefs, chosen) for role, chosen in objects.items()})


def _credence(beliefs: Beliefs, objects: Integers) -> Credences:
    return beliefs.at(np.tile(objects, MINDS)[:, None]).reshape(MINDS, -1)
