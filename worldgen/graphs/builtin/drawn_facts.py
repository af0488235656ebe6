"""Drawing the built-in graph's facts: who has which relation, and every fact's object.

Shapes: S subjects, R relations, U upstream objects, F favourites of an upstream object, N facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worldgen.graphs.builtin.shape import DEPENDENCES, SUBJECT_KINDS, Dependence, Shape

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# The popularity of the object of rank i is 1 / (i + _HEAD): a Zipf law with a rounded head.
_HEAD: Final = 3.0
# The total count of the Dirichlet from which each upstream object's weights are drawn: a larger one keeps the weights
# nearer to the dependence's means.
_CONCENTRATION: Final = 8.0


@dataclass(frozen=True)
class DrawnFacts:
    """Triples as codes, [N] each, and the entities that the codes stand for."""

    head: Numbers
    relation: Numbers
    tail: Numbers
    entities: tuple[tuple[str, Flags], ...]
    """For each role, in the order of the codes: which of the role's numbers are in the graph."""


def draw_facts(shape: Shape, facts: int, rng: np.random.Generator) -> DrawnFacts:
    """Draws each subject's relations, then each fact's object, then numbers objects and subjects by codes."""
    counts = shape.objects(facts)
    profile = _draw_profiles(shape, facts, rng)
    has = np.array([[r.id in p.relations for r in shape.relations] for p in shape.profiles])[profile]
    objects = _draw_objects(shape, counts, has, rng)

    row, column = np.nonzero(has)
    ends = np.cumsum(list(counts.values()))
    first = {role: int(end) - counts[role] for role, end in zip(counts, ends, strict=True)}
    offset = np.array([first[relation.role] for relation in shape.relations])
    tail = offset[column] + objects[row, column]
    present = np.bincount(tail, minlength=sum(counts.values())) > 0
    roles = [(role, present[first[role] : first[role] + count]) for role, count in counts.items()]

    # In the codes one kind of subject follows another; in the triples the kinds are mixed.
    kind = np.array([SUBJECT_KINDS.index(p.kind) for p in shape.profiles])[profile]
    code = present.sum() + np.argsort(np.argsort(kind, kind="stable"), kind="stable")
    kinds = [(name, np.ones(int((kind == k).sum()), bool)) for k, name in enumerate(SUBJECT_KINDS)]
    return DrawnFacts(code[row], column, (np.cumsum(present) - 1)[tail], (*roles, *kinds))


def _draw_profiles(shape: Shape, facts: int, rng: np.random.Generator) -> Numbers:
    """Draws each subject's profile, [S], for as many subjects as are needed to reach `facts`."""
    bounds = np.cumsum([profile.share for profile in shape.profiles])
    most = int(1.01 * facts / shape.facts_per_subject) + 2
    quantiles = (np.arange(most) + 0.5) / most
    profile = rng.permutation(np.searchsorted(bounds / bounds[-1], quantiles))
    reached = np.cumsum(np.array([len(p.relations) for p in shape.profiles])[profile])
    return profile[: np.searchsorted(reached, facts) + 1]


def _draw_objects(shape: Shape, counts: dict[str, int], has: Flags, rng: np.random.Generator) -> Numbers:
    """Draws each subject's object of each relation where `has` is True, [S, R], as a number within its role."""
    column = {relation.id: i for i, relation in enumerate(shape.relations)}
    size = {relation.id: counts[relation.role] for relation in shape.relations}
    objects = np.zeros(has.shape, np.int64)
    for dependence in DEPENDENCES:
        if dependence.upstream not in column:
            continue
        up, down = column[dependence.upstream], column[dependence.downstream]
        paired = np.flatnonzero(has[:, up] & has[:, down])
        sizes = size[dependence.upstream], size[dependence.downstream]
        for one, other, n in ((up, down, sizes[0]), (down, up, sizes[1])):
            alone = np.flatnonzero(has[:, one] & ~has[:, other])
            objects[alone, one] = _popular_each_once(n, len(alone), rng)
        # Rare upstream objects go to subjects without the downstream fact, if there are such subjects. Then the
        # upstream objects of pairs occur often, and their conditionals can be learned.
        draw_upstream = _popular if len(paired) < has[:, up].sum() else _popular_each_once
        objects[paired, up] = draw_upstream(sizes[0], len(paired), rng)
        objects[paired, down] = _draw_downstream(dependence, objects[paired, up], *sizes, rng)
    return objects


def _popular(n: int, size: int | tuple[int, int], rng: np.random.Generator) -> Numbers:
    """Draws numbers from 0..n-1 with P(i) proportional to 1 / (i + _HEAD)."""
    weight = 1.0 / (np.arange(n) + _HEAD)
    return rng.choice(n, size, p=weight / weight.sum())


def _popular_each_once(n: int, size: int, rng: np.random.Generator) -> Numbers:
    """Draws each number of 0..n-1 once, then further ones by popularity: a long tail of objects has one fact."""
    return rng.permutation(np.concatenate([np.arange(n)[:size], _popular(n, max(0, size - n), rng)]))


def _draw_downstream(
    dependence: Dependence, upstream: Numbers, n_upstream: int, n_downstream: int, rng: np.random.Generator
) -> Numbers:
    """Draws the downstream object of each fact, given its upstream object.

        P(o_d | o_u) = sum_f w[o_u, f] [o_d = favourite[o_u, f]] + w[o_u, F] P(o_d),   w[o_u] ~ Dirichlet

    There are fewer possible favourites, all of them popular objects, than upstream objects. So the upstream object
    tells more about the downstream object than the other way round.
    """
    means = np.array([*dependence.favourites, 1.0 - sum(dependence.favourites)])
    weights = rng.dirichlet(_CONCENTRATION * means, n_upstream)
    reach = min(n_downstream, max(2, n_upstream // 3))
    favourite = _popular(reach, (n_upstream, len(dependence.favourites)), rng)
    favourite = np.column_stack([favourite, np.zeros(n_upstream, np.int64)])

    drawn = rng.random(len(upstream))[:, None]
    slot = (np.cumsum(weights, axis=1)[upstream, :-1] < drawn).sum(axis=1)
    anyone = _popular(n_downstream, len(upstream), rng)
    return np.where(slot < len(means) - 1, favourite[upstream, slot], anyone)
