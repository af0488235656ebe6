"""Wikidata5m's triples and names as the paper uses them: facts of people, with paraphrases and local neutral facts.

A prompt is "entity has relation 'relation' to" (Hase et al., 2021, section 4, supplement B.3 and Table 15).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.evaluate.slag.converters.conversion import Conversion, LeftOut, Options, draw_some, filled
from worldgen.evaluate.slag.points import Asked, Neutral, Paraphrase, Point, Task
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.sources import Names, Rows, Source, TripleTable
from worldgen.randomness import generator

RELATIONS: Final = {
    "P19": "place of birth",
    "P166": "award received",
    "P509": "cause of death",
    "P20": "place of death",
    "P119": "place of burial",
    "P69": "educated at",
    "P40": "child",
    "P106": "occupation",
    "P26": "spouse",
    "P3373": "sibling",
}
"""The paper's ten relations, by their ids in Wikidata."""
PARAPHRASES: Final = 4
ALTERNATIVES: Final = 4
_WHOLE: Final = 1 << 40  # more triples than any file has


def wikidata5m_points(path: Path, options: Options) -> Conversion:
    """Returns two GEN points an entity: drawn facts of two of its relations, each the other's local neutral question.

    `path` is a folder of Wikidata5m's files, packed or not, or a TSV file of triples with its names beside it. An
    entity with one of the relations only gives no points. Up to four paraphrases change both names. Up to four
    alternatives are objects of the same relation of any entities. Raises UserError for files that cannot be read, and
    if there are fewer than `options.count` points.
    """
    if not path.exists():
        raise UserError(f"{path}: no such folder or file: give the folder of Wikidata5m's files")
    graph = open_graph(path)
    table = graph.triples(_WHOLE, strict=False)
    facts, nameless = _facts(graph, table)
    draws = generator(options.seed, "slag/wikidata5m")
    entities, single = facts.entities()
    count = 2 * len(entities) if options.count is None else options.count
    points = [
        point
        for number in draw_some(len(entities), -(-count // 2), "entities of two points each", draws)
        for point in _points_of(int(entities[number]), facts, options.template, draws)
    ][:count]
    left_out = (
        LeftOut("malformed lines", table.malformed, table.first_malformed),
        LeftOut("triples of these relations without names", nameless),
        LeftOut("entities with one of these relations only", single),
        LeftOut(f"paraphrases, of {PARAPHRASES} a point", sum(PARAPHRASES - len(p.paraphrases) for p in points)),
    )
    return Conversion(points, tuple(each for each in left_out if each.count))


@dataclass(frozen=True)
class _Named:
    """The names of entities and relations by their ids; the first is the one that the paper's main questions use."""

    entities: Names
    relations: Names

    def entity(self, id_: str) -> tuple[str, ...]:
        """Returns the names of an entity, each once and without blanks around it; () if it has none."""
        return _clean(self.entities.get(id_, ()))

    def relation(self, id_: str) -> tuple[str, ...]:
        """Returns the names of a relation, likewise."""
        return _clean(self.relations.get(id_, ()))


@dataclass(frozen=True)
class _Facts:
    """The triples of the paper's relations whose three parts have names, as codes of the table."""

    table: TripleTable
    rows: Rows
    """Sorted by head; of equal heads, in the file's order."""
    objects: dict[int, NDArray[np.integer]]
    """objects[relation]: every object of the relation, once, as ascending codes."""
    names: _Named

    def entities(self) -> tuple[NDArray[np.integer], int]:
        """Returns the heads with two relations or more, as ascending codes, and the number of those with one."""
        relations = len(self.table.relation_ids)
        pairs = np.unique(self.rows.head.astype(np.int64) * relations + self.rows.relation)
        heads, numbers = np.unique(pairs // relations, return_counts=True)
        return heads[numbers > 1], int((numbers == 1).sum())

    def of(self, entity: int) -> dict[int, list[int]]:
        """Returns the objects of each relation of an entity, in the file's order."""
        first, last = np.searchsorted(self.rows.head, [entity, entity + 1])
        found: dict[int, list[int]] = {}
        for relation, tail in zip(
            self.rows.relation[first:last].tolist(), self.rows.tail[first:last].tolist(), strict=True
        ):
            found.setdefault(relation, []).append(tail)
        return found

    def entity_names(self, entity: int) -> tuple[str, ...]:
        return self.names.entity(self.table.entity_ids[entity])

    def relation_names(self, relation: int) -> tuple[str, ...]:
        return self.names.relation(self.table.relation_ids[relation])

    def labels(self, entities: Iterable[int]) -> tuple[str, ...]:
        """Returns every name of every one of the entities, each once."""
        return tuple(dict.fromkeys(name for entity in entities for name in self.entity_names(entity)))

    def paraphrases(self, entity: int, relation: int, template: str, draws: np.random.Generator) -> tuple[str, ...]:
        """Returns up to four drawn prompts in which both the entity and the relation have another name."""
        others = list(product(self.entity_names(entity)[1:], self.relation_names(relation)[1:]))
        drawn = [others[i] for i in draws.permutation(len(others))[:PARAPHRASES]]
        return tuple(_prompt(entity_name, relation_name, template) for entity_name, relation_name in drawn)

    def alternatives(self, relation: int, right: Sequence[int], draws: np.random.Generator) -> tuple[str, ...]:
        """Returns the first names of up to four drawn objects of the relation, none of them a name of a right one."""
        objects, labels = self.objects[relation], set(self.labels(right))
        enough = min(ALTERNATIVES + len(right), len(objects))  # even if every right object is drawn
        drawn = objects[draws.choice(len(objects), enough, replace=False)].tolist()
        names = dict.fromkeys(self.entity_names(entity)[0] for entity in drawn)
        return tuple(name for name in names if name not in labels)[:ALTERNATIVES]


def _facts(graph: Source, table: TripleTable) -> tuple[_Facts, int]:
    """Returns the facts of a graph, and how many triples of the paper's relations lack a name."""
    wanted = np.array([id_ in RELATIONS for id_ in table.relation_ids])
    rows = table.rows.where(wanted[table.rows.relation])
    used = np.unique(np.concatenate([rows.head, rows.tail])).tolist()
    entity_names = graph.entity_names([table.entity_ids[code] for code in used])
    names = _Named(entity_names, graph.relation_names(list(RELATIONS)))
    known = np.zeros(len(table.entity_ids), dtype=bool)
    known[[code for code in used if names.entity(table.entity_ids[code])]] = True
    known_relation = np.array([bool(names.relation(id_)) for id_ in table.relation_ids])
    named = rows.where(known[rows.head] & known[rows.tail] & known_relation[rows.relation])
    named_rows = named.where(np.argsort(named.head, kind="stable"))
    objects = {r: np.unique(named.tail[named.relation == r]) for r in np.unique(named.relation).tolist()}
    return _Facts(table, named_rows, objects, names), len(rows) - len(named)


def _points_of(entity: int, facts: _Facts, template: str, draws: np.random.Generator) -> Iterator[Point]:
    """Yields the two points of an entity."""
    objects = facts.of(entity)
    relations = list(objects)
    pair = [relations[i] for i in draws.permutation(len(relations))[:2]]
    questions = [
        Asked(_prompt(facts.entity_names(entity)[0], facts.relation_names(r)[0], template), facts.labels(objects[r]))
        for r in pair
    ]
    id_ = facts.table.entity_ids[entity]
    for relation, main, other in zip(pair, questions, questions[::-1], strict=True):
        paraphrases = facts.paraphrases(entity, relation, template, draws)
        yield Point(
            f"{id_}/{facts.table.relation_ids[relation]}",
            Task.GEN,
            "test",
            id_,
            main,
            tuple(Paraphrase(Asked(prompt, main.eligible), "both") for prompt in paraphrases),
            neutral=(Neutral(other),),
            alternatives=facts.alternatives(relation, objects[relation], draws),
        )


def _prompt(entity: str, relation: str, template: str) -> str:
    return filled(template, f"{entity} has relation '{relation}' to")


def _clean(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (name.strip() for name in names))))
