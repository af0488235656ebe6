"""Which relations of a world depend on which, and its deterministic rules.

Shapes: R relations, N pairs of a relation and an object.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from worldgen.evaluate.slag.making.mains import Integers
from worldgen.worlds.dependencies import Pair
from worldgen.worlds.world import NONE, World


@dataclass(frozen=True)
class Dependence:
    """The dependencies between R relations: each has at most one upstream and one downstream relation."""

    R: int
    pairs: tuple[Pair, ...]
    """Upper pairs of a chain come first."""

    @cached_property
    def downstream(self) -> Integers:
        """[R]: the relation that depends on each relation, or NONE."""
        below = np.full(self.R, NONE, dtype=np.int64)
        for upstream, downstream in self.pairs:
            below[upstream] = downstream
        return below

    @cached_property
    def all_downstream(self) -> dict[int, tuple[int, ...]]:
        """For each relation the relations that depend on it, straight or through others, from the top down."""
        found: dict[int, tuple[int, ...]] = {}
        for upstream, downstream in reversed(self.pairs):  # lower pairs of a chain first
            found[upstream] = (downstream, *found.get(downstream, ()))
        return found

    @cached_property
    def component(self) -> Integers:
        """[R]: the uppermost relation of each relation's chain; relations of two chains do not depend on each other."""
        upstream = {downstream: upstream for upstream, downstream in self.pairs}
        top = np.arange(self.R)
        for relation in range(self.R):
            while int(top[relation]) in upstream:
                top[relation] = upstream[int(top[relation])]
        return top


def dependence_of(world: World) -> Dependence:
    """Returns the dependencies between the relations of a world."""
    return Dependence(len(world.relations), world.pairs())


def facts_of_pairs(world: World, subject: Integers, relation: Integers) -> Integers:
    """Returns [N]: the world's fact of each (subject, relation), or NONE; a relation NONE has no fact."""
    R = len(world.relations)
    known = world.subject.astype(np.int64) * R + world.relation
    wanted = np.where(relation == NONE, -1, subject * R + relation)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, place, NONE)


def ruled_objects(world: World, relation: Integers, object_: Integers) -> Integers:
    """Returns [N]: g(o_u), the object that a deterministic rule gives to the downstream relation of (r_u, o_u).

    NONE where no relation depends on r_u, or no deterministic rule is about o_u.
    """
    g = np.full(len(relation), NONE, dtype=np.int64)
    table = world.conditionals
    for number, pair in enumerate(world.pairs()):
        rules = np.flatnonzero((table.dependency == number) & table.deterministic)
        asked = np.flatnonzero(relation == pair.upstream)
        if len(rules) and len(asked):
            known = table.upstream_object[rules]  # sorted, as the rows of a dependency are
            place = np.minimum(np.searchsorted(known, object_[asked]), len(rules) - 1)
            g[asked] = np.where(known[place] == object_[asked], table.mode[rules[place]], NONE)
    return g
