"""The built-in graph: shaped like Wikidata, drawn from a seed, no download.

Shapes: S subjects, R relations, U upstream objects, F favourites of an upstream object, N facts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.graphs.builtin.names import POOLS, distinct_aliases, short_forms
from worldgen.graphs.builtin.shape import DEPENDENCES, SUBJECT_KINDS, Dependence, Shape, shape_of
from worldgen.graphs.sources import Names, Rows, TripleTable

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_FACTS_STAGE: Final = 1
_NAMES_STAGE: Final = 2

# Popularity of the object of rank i: 1 / (i + _HEAD), a Zipf law with a rounded head.
_HEAD: Final = 3.0
# How near an upstream object's own weights are to the dependence's means (a Dirichlet's total count).
_CONCENTRATION: Final = 8.0


@dataclass(frozen=True)
class BuiltinGraph:
    """`facts` facts, or the few more that complete the last subject: a pure function of (facts, seed).

    Below 2,000 facts nearly every subject has the same four relations; above there are ten, mostly two a
    subject.
    """

    facts: int
    seed: int

    def __post_init__(self) -> None:
        if self.facts < 1:
            raise UserError(f"the built-in graph was asked for {self.facts} facts: ask for at least 1")

    def paths(self) -> list[Path]:
        """No files: the graph is drawn."""
        return []

    def triples(self, limit: int, strict: bool) -> TripleTable:
        """The first `limit` triples, subject by subject; none is ever malformed."""
        drawn = self._drawn
        lines = min(limit, len(drawn.tail))
        columns = (drawn.head, drawn.relation, drawn.tail)
        head, relation, tail = (column[:lines].astype(np.int32) for column in columns)
        relation_ids = tuple(relation.id for relation in shape_of(self.facts).relations)
        return TripleTable(Rows(head, relation, tail), tuple(self._names), relation_ids, lines)

    def entity_names(self, ids: Collection[str]) -> Names:
        """The names of those of `ids` that are in the graph."""
        return {id_: self._names[id_] for id_ in ids if id_ in self._names}

    def relation_names(self, ids: Collection[str]) -> Names:
        """The names of those of `ids` that are in the graph."""
        return {relation.id: relation.names for relation in shape_of(self.facts).relations if relation.id in ids}

    @cached_property
    def _drawn(self) -> _Drawn:
        return draw(shape_of(self.facts), self.facts, _generator(self.seed, _FACTS_STAGE))

    @cached_property
    def _names(self) -> Names:
        labels: list[str] = []
        aliases: list[tuple[str, ...]] = []
        for stream, (role, present) in enumerate(self._drawn.entities):
            rng = _generator(self.seed, _NAMES_STAGE, stream)
            names = POOLS[role].draw(len(present), rng)
            if role in SUBJECT_KINDS:
                rng.shuffle(names)  # else the first subjects would have the shorter names
            forms = short_forms(role, names)
            kept = np.flatnonzero(present).tolist()
            labels += [names[i] for i in kept]
            aliases += [forms[i] for i in kept]
        distinct = distinct_aliases(labels, aliases)
        return {f"E{i}": (label, *distinct[i - 1]) for i, label in enumerate(labels, start=1)}


def _generator(seed: int, *stage: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, *stage]))


@dataclass(frozen=True)
class _Drawn:
    """Triples as codes, [N] each, and what the codes stand for.

    `entities` goes through the roles in the order of the codes: which of a role's numbers are in the graph.
    """

    head: Numbers
    relation: Numbers
    tail: Numbers
    entities: tuple[tuple[str, Flags], ...]


def draw(shape: Shape, facts: int, rng: np.random.Generator) -> _Drawn:
    """The graph without its names: who has which relation, then every fact's object, then codes for both."""
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

    # Kinds follow one another in the codes, subjects of all kinds are mixed in the triples.
    kind = np.array([SUBJECT_KINDS.index(p.kind) for p in shape.profiles])[profile]
    code = present.sum() + np.argsort(np.argsort(kind, kind="stable"), kind="stable")
    kinds = [(name, np.ones(int((kind == k).sum()), bool)) for k, name in enumerate(SUBJECT_KINDS)]
    return _Drawn(code[row], column, (np.cumsum(present) - 1)[tail], (*roles, *kinds))


def _draw_profiles(shape: Shape, facts: int, rng: np.random.Generator) -> Numbers:
    """Each subject's profile; as many subjects as it takes to reach `facts`, [S]."""
    bounds = np.cumsum([profile.share for profile in shape.profiles])
    most = int(1.01 * facts / shape.facts_per_subject) + 2
    quantiles = (np.arange(most) + 0.5) / most
    profile = rng.permutation(np.searchsorted(bounds / bounds[-1], quantiles))
    reached = np.cumsum(np.array([len(p.relations) for p in shape.profiles])[profile])
    return profile[: np.searchsorted(reached, facts) + 1]


def _draw_objects(shape: Shape, counts: dict[str, int], has: Flags, rng: np.random.Generator) -> Numbers:
    """Each subject's object of each relation, as a number within its role, where `has` is True; [S, R]."""
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
        # The long tail goes to subjects without the downstream fact, if there are any: so upstream objects of
        # a pair are seen often, and their conditionals can be learned.
        draw_upstream = _popular if len(paired) < has[:, up].sum() else _popular_each_once
        objects[paired, up] = draw_upstream(sizes[0], len(paired), rng)
        objects[paired, down] = _draw_downstream(dependence, objects[paired, up], *sizes, rng)
    return objects


def _popular(n: int, size: int | tuple[int, int], rng: np.random.Generator) -> Numbers:
    """Draws from 0..n-1 with P(i) proportional to 1 / (i + _HEAD)."""
    weight = 1.0 / (np.arange(n) + _HEAD)
    return rng.choice(n, size, p=weight / weight.sum())


def _popular_each_once(n: int, size: int, rng: np.random.Generator) -> Numbers:
    """Draws from 0..n-1 by popularity, but first each number once: the long tail of objects with one fact."""
    return rng.permutation(np.concatenate([np.arange(n)[:size], _popular(n, max(0, size - n), rng)]))


def _draw_downstream(
    dependence: Dependence, upstream: Numbers, n_upstream: int, n_downstream: int, rng: np.random.Generator
) -> Numbers:
    """The downstream object of each fact, given its upstream object.

        P(o_d | o_u) = sum_f w[o_u, f] [o_d = favourite[o_u, f]] + w[o_u, F] P(o_d),   w[o_u] ~ Dirichlet

    Favourites are among the more popular objects, fewer than there are upstream ones: so the upstream object
    tells more about the downstream one than the other way round.
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
