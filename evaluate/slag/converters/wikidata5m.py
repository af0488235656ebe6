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

from worldgen.errors import UserError
from worldgen.evaluate.slag.converters.conversion import Conversion, LeftOut, Options, draw_some, filled
from worldgen.evaluate.slag.points import Asked, Neutral, Paraphrase, Point, Task
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.sources import Names, TripleTable
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
    triples = _triples_of(table)
    entity_names = graph.entity_names({id_ for head, _, tail in triples for id_ in (head, tail)})
    facts = _Facts.of(triples, _Named(entity_names, graph.relation_names(list(RELATIONS))))
    draws = generator(options.seed, "slag/wikidata5m")
    entities = [entity for entity, relations in facts.objects.items() if len(relations) > 1]
    count = 2 * len(entities) if options.count is None else options.count
    order = draw_some(2 * len(entities), count, "points", draws)  # refuses a count that is too large
    points = [
        point
        for number in draw_some(len(entities), -(-len(order) // 2), "entities", draws)
        for point in _points_of(entities[number], facts, options.template, draws)
    ][:count]
    left_out = (
        LeftOut("malformed lines", table.malformed, table.first_malformed),
        LeftOut("triples of these relations without names", len(triples) - facts.triples),
        LeftOut("entities with one of these relations only", len(facts.objects) - len(entities)),
        LeftOut(f"paraphrases, of {PARAPHRASES} a point", sum(PARAPHRASES - len(p.paraphrases) for p in points)),
    )
    return Conversion(points, tuple(each for each in left_out if each.count))


def _triples_of(table: TripleTable) -> list[tuple[str, str, str]]:
    """Returns the triples of the paper's relations as ids."""
    wanted = np.array([id_ in RELATIONS for id_ in table.relation_ids])
    rows = table.rows.where(wanted[table.rows.relation])
    return [
        (table.entity_ids[head], table.relation_ids[relation], table.entity_ids[tail])
        for head, relation, tail in zip(rows.head.tolist(), rows.relation.tolist(), rows.tail.tolist(), strict=True)
    ]


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

    def labels(self, entities: Iterable[str]) -> tuple[str, ...]:
        """Returns every name of every one of the entities, each once."""
        return tuple(dict.fromkeys(name for entity in entities for name in self.entity(entity)))


@dataclass(frozen=True)
class _Facts:
    """The triples whose three parts have names."""

    names: _Named
    objects: dict[str, dict[str, list[str]]]
    """objects[entity][relation]: the entities that complete the triple."""
    of_relation: dict[str, list[str]]
    """Every object of a relation, once."""
    triples: int

    @classmethod
    def of(cls, triples: Sequence[tuple[str, str, str]], names: _Named) -> _Facts:
        """Returns the facts of these triples, in their order."""
        objects: dict[str, dict[str, list[str]]] = {}
        of_relation: dict[str, dict[str, None]] = {}
        named = [t for t in triples if names.entity(t[0]) and names.relation(t[1]) and names.entity(t[2])]
        for head, relation, tail in named:
            objects.setdefault(head, {}).setdefault(relation, []).append(tail)
            of_relation.setdefault(relation, {})[tail] = None
        return cls(names, objects, {relation: list(tails) for relation, tails in of_relation.items()}, len(named))

    def question(self, entity: str, relation: str, template: str) -> Asked:
        """Returns the question by the first names. Every name of every object is right: a relation may have several."""
        prompt = _prompt(self.names.entity(entity)[0], self.names.relation(relation)[0], template)
        return Asked(prompt, self.names.labels(self.objects[entity][relation]))

    def paraphrases(self, entity: str, relation: str, template: str, draws: np.random.Generator) -> tuple[str, ...]:
        """Returns up to four drawn prompts in which both the entity and the relation have another name."""
        others = list(product(self.names.entity(entity)[1:], self.names.relation(relation)[1:]))
        return tuple(
            _prompt(others[i][0], others[i][1], template) for i in draws.permutation(len(others))[:PARAPHRASES]
        )

    def alternatives(self, entity: str, relation: str, draws: np.random.Generator) -> tuple[str, ...]:
        """Returns the first names of up to four drawn objects of the relation, none of them a right label."""
        right = set(self.names.labels(self.objects[entity][relation]))
        objects = self.of_relation[relation]
        enough = ALTERNATIVES + len(self.objects[entity][relation])  # even if every right object is drawn
        drawn = draws.choice(len(objects), min(enough, len(objects)), replace=False)
        labels = (self.names.entity(objects[i])[0] for i in drawn)
        return tuple(dict.fromkeys(label for label in labels if label not in right))[:ALTERNATIVES]


def _points_of(entity: str, facts: _Facts, template: str, draws: np.random.Generator) -> Iterator[Point]:
    """Yields the two points of an entity."""
    relations = list(facts.objects[entity])
    pair = [relations[i] for i in draws.permutation(len(relations))[:2]]
    questions = [facts.question(entity, relation, template) for relation in pair]
    for relation, main, other in zip(pair, questions, questions[::-1], strict=True):
        paraphrases = facts.paraphrases(entity, relation, template, draws)
        yield Point(
            f"{entity}/{relation}",
            Task.GEN,
            "test",
            entity,
            main,
            tuple(Paraphrase(Asked(prompt, main.eligible), "both") for prompt in paraphrases),
            neutral=(Neutral(other),),
            alternatives=facts.alternatives(entity, relation, draws),
        )


def _prompt(entity: str, relation: str, template: str) -> str:
    return filled(template, f"{entity} has relation '{relation}' to")


def _clean(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (name.strip() for name in names))))
