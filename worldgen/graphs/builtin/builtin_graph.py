"""The built-in graph as a source of facts: it has the shape of Wikidata, and needs no download."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from worldgen.errors import UserError
from worldgen.graphs.builtin.drawn_facts import DrawnFacts, draw_facts
from worldgen.graphs.builtin.names import POOLS, distinct_aliases, short_forms
from worldgen.graphs.builtin.shape import SUBJECT_KINDS, shape_of
from worldgen.graphs.sources import Names, Rows, TripleTable

_FACTS_STAGE: Final = 1
_NAMES_STAGE: Final = 2


@dataclass(frozen=True)
class BuiltinGraph:
    """A graph of `facts` facts, or a few more to complete the last subject; a pure function of (facts, seed).

    Below 2,000 facts nearly every subject has the same four relations. From 2,000 on there are ten relations, and most
    subjects have two of them.
    """

    facts: int
    seed: int

    def __post_init__(self) -> None:
        if self.facts < 1:
            raise UserError(f"the built-in graph was asked for {self.facts} facts: ask for at least 1")

    def paths(self) -> list[Path]:
        """Returns no files, because the graph is drawn."""
        return []

    def triples(self, limit: int, strict: bool) -> TripleTable:
        """Returns the first `limit` triples, subject by subject; no line is ever malformed."""
        drawn = self._drawn
        lines = min(limit, len(drawn.tail))
        columns = (drawn.head, drawn.relation, drawn.tail)
        head, relation, tail = (column[:lines].astype(np.int32) for column in columns)
        relation_ids = tuple(relation.id for relation in shape_of(self.facts).relations)
        return TripleTable(Rows(head, relation, tail), tuple(self._names), relation_ids, lines)

    def entity_names(self, ids: Collection[str]) -> Names:
        """Returns the names of entities; an id that is not in the graph is left out."""
        return {id_: self._names[id_] for id_ in ids if id_ in self._names}

    def relation_names(self, ids: Collection[str]) -> Names:
        """Returns the names of relations; an id that is not in the graph is left out."""
        return {relation.id: relation.names for relation in shape_of(self.facts).relations if relation.id in ids}

    @cached_property
    def _drawn(self) -> DrawnFacts:
        return draw_facts(shape_of(self.facts), self.facts, _generator(self.seed, _FACTS_STAGE))

    @cached_property
    def _names(self) -> Names:
        labels: list[str] = []
        aliases: list[tuple[str, ...]] = []
        for stream, (role, present) in enumerate(self._drawn.entities):
            rng = _generator(self.seed, _NAMES_STAGE, stream)
            names = POOLS[role].draw(len(present), rng)
            if role in SUBJECT_KINDS:
                rng.shuffle(names)  # or the first subjects would have the shorter names
            forms = short_forms(role, names)
            kept = np.flatnonzero(present).tolist()
            labels += [names[i] for i in kept]
            aliases += [forms[i] for i in kept]
        distinct = distinct_aliases(labels, aliases)
        return {f"E{i}": (label, *distinct[i - 1]) for i, label in enumerate(labels, start=1)}


def _generator(seed: int, *stage: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, *stage]))
