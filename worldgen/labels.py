"""From codes to words: the facts whose labels the language can keep, and what was left out.

Identical object labels are one object; of subjects with identical labels the first is kept; object labels are
cut to a few pieces (and merged again). "Identical" means identical to the tokenizer: the model sees no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.facts import Vocabulary
from worldgen.grammar import unspeakable
from worldgen.graph import KnowledgeGraph
from worldgen.sources import Ids, Names, Rows, Source, TripleTable

Pieces = tuple[str, ...]


@dataclass(frozen=True)
class Spelling:
    """How the tokenizer sees labels: `cut(labels, most)` shortens them to `most` pieces, `pieces` splits them."""

    cut: Callable[[Sequence[str], int], list[str]]
    pieces: Callable[[Sequence[str]], list[Pieces]]


@dataclass(frozen=True)
class LabelReport:
    """Facts left out for their labels, with the reasons (label: why, at most `REASONS_KEPT`), and labels changed."""

    unlabelled_facts: int
    unlabelled_ids: tuple[str, ...]
    unspeakable_facts: int
    unspeakable_labels: dict[str, str]
    object_labels_cut: int
    object_labels_merged: int
    namesake_facts: int
    lone_facts: int

    def first_reasons(self) -> str:
        """The reasons in words, for a message."""
        reasons = [f"{label!r} {why}" for label, why in self.unspeakable_labels.items()]
        reasons += [f"{id_} has no label" for id_ in self.unlabelled_ids]
        return "; ".join(reasons[:3]) or "none was left out for its label"


REASONS_KEPT = 50


def speakable_graph(
    rows: Rows, table: TripleTable, source: Source, most: int, spelling: Spelling
) -> tuple[KnowledgeGraph, LabelReport]:
    """The graph of the facts that can be said, object labels cut to `most` pieces. Raises UserError if none can."""
    named, relations, subjects, whole_objects, nameless = _named(rows, table, source)
    objects = whole_objects.cut(spelling, most)
    reasons = _reasons(subjects, relations, objects, spelling)
    kept = named.where(relations.free_of(reasons, named.relation))
    kept = kept.where(subjects.free_of(reasons, kept.head) & objects.free_of(reasons, kept.tail))

    first_object = objects.first_alike(kept.tail, spelling)
    merged = replace(kept, tail=_mapped(kept.tail, first_object))
    first_subject = subjects.first_alike(kept.head, spelling)
    unique = merged.where(_mapped(merged.head, first_subject) == merged.head)
    connected = unique.of_connected_subjects()
    report = LabelReport(
        unlabelled_facts=len(rows) - len(named),
        unlabelled_ids=tuple(nameless[:REASONS_KEPT]),
        unspeakable_facts=len(named) - len(kept),
        unspeakable_labels={label: why for (_, label), why in list(reasons.items())[:REASONS_KEPT]},
        object_labels_cut=sum(whole_objects.label[code] != label for code, label in objects.label.items()),
        object_labels_merged=sum(code != first for code, first in first_object.items()),
        namesake_facts=len(merged) - len(unique),
        lone_facts=len(unique) - len(connected),
    )
    if not len(connected):
        raise UserError(
            f"no subject of this graph keeps two of the selected relations ({report.first_reasons()}): "
            f"lower graph.min_cooccurrence or mend the labels"
        )
    return _graph(connected, subjects, relations, objects), report


@dataclass(frozen=True)
class _Role:
    """What one role's codes are called: the label in use, the source's id, all the source's names."""

    kind: str
    label: dict[int, str]
    source_id: dict[int, str]
    names: Names

    def cut(self, spelling: Spelling, most: int) -> _Role:
        cut = spelling.cut(list(self.label.values()), most)
        return replace(self, label=dict(zip(self.label, cut, strict=True)))

    def pieces(self, spelling: Spelling) -> dict[int, Pieces]:
        return dict(zip(self.label, spelling.pieces(list(self.label.values())), strict=True))

    def free_of(self, reasons: dict[tuple[str, str], str], codes: Ids) -> NDArray[np.bool_]:
        return ~np.isin(codes, [code for code, label in self.label.items() if (self.kind, label) in reasons])

    def first_alike(self, codes: Ids, spelling: Spelling) -> dict[int, int]:
        """Of the codes in use, in the order they come: each one's first equal to the tokenizer."""
        pieces = self.pieces(spelling)
        in_order = codes[np.sort(np.unique(codes, return_index=True)[1])].tolist()
        first: dict[Pieces, int] = {}
        return {code: first.setdefault(pieces[code], code) for code in in_order}

    def vocabulary(self, codes: Ids) -> tuple[Vocabulary, Ids]:
        """The vocabulary of the codes in use, and the codes as its ids."""
        used, ids = np.unique(codes, return_inverse=True)
        labels = tuple(self.label[code] for code in used.tolist())
        source_ids = tuple(self.source_id[code] for code in used.tolist())
        aliases = tuple(self.names[id_][1:] for id_ in source_ids)
        return Vocabulary(self.kind, labels, source_ids, aliases), ids.astype(np.int32)


def _named(rows: Rows, table: TripleTable, source: Source) -> tuple[Rows, _Role, _Role, _Role, list[str]]:
    """The rows of which every part has a label, the three roles, and the ids that have none."""
    entities = np.union1d(rows.head, rows.tail)
    entity_names = source.entity_names({table.entity_ids[i] for i in entities})
    relation_names = source.relation_names({table.relation_ids[i] for i in np.unique(rows.relation)})
    no_entity = [i for i in entities.tolist() if table.entity_ids[i] not in entity_names]
    no_relation = [i for i in np.unique(rows.relation).tolist() if table.relation_ids[i] not in relation_names]
    nameless = [table.entity_ids[i] for i in no_entity] + [table.relation_ids[i] for i in no_relation]
    named = rows.where(
        ~(np.isin(rows.head, no_entity) | np.isin(rows.tail, no_entity) | np.isin(rows.relation, no_relation))
    )
    if not len(named):
        raise UserError(
            f"none of the selected facts has labels (none for {', '.join(nameless[:3])}): check the label files "
            f"(of a dump: graph.language)"
        )
    relations = _role("relation", named.relation, table.relation_ids, relation_names)
    subjects = _role("subject", named.head, table.entity_ids, entity_names)
    return named, relations, subjects, _role("object", named.tail, table.entity_ids, entity_names), nameless


def _role(kind: str, codes: Ids, source_ids: Sequence[str], names: Names) -> _Role:
    ids = {code: source_ids[code] for code in np.unique(codes).tolist()}
    return _Role(kind, {code: names[id_][0] for code, id_ in ids.items()}, ids, names)


def _reasons(subjects: _Role, relations: _Role, objects: _Role, spelling: Spelling) -> dict[tuple[str, str], str]:
    """(kind, label): why the language cannot keep it."""
    bad = unspeakable(subjects.label.values(), relations.label.values(), objects.label.values())
    reasons = {("relation", label): why for label, why in bad.relations.items()}
    reasons |= {("subject", label): why for label, why in bad.subjects.items()}
    reasons |= {("object", label): why for label, why in bad.objects.items()}
    spelt = relations.pieces(spelling)
    uses = Counter(spelt.values())
    for code, parts in spelt.items():
        if uses[parts] > 1:
            reasons.setdefault(("relation", relations.label[code]), "is the label of two relations")
    pieces = objects.pieces(spelling)
    whole = set(pieces.values())
    for code, parts in pieces.items():
        if any(part == "." and parts[:i] in whole for i, part in enumerate(parts)):
            reasons["object", objects.label[code]] = "begins with another object and its full stop"
    return reasons


def _mapped(codes: Ids, to: dict[int, int]) -> Ids:
    known, position = np.unique(codes, return_inverse=True)
    return np.array([to[code] for code in known.tolist()], dtype=np.int32)[position]


def _graph(rows: Rows, subjects: _Role, relations: _Role, objects: _Role) -> KnowledgeGraph:
    subject_names, subject = subjects.vocabulary(rows.head)
    relation_names, relation = relations.vocabulary(rows.relation)
    object_names, object_ = objects.vocabulary(rows.tail)
    order = np.lexsort((relation, subject))
    return KnowledgeGraph(subject_names, relation_names, object_names, subject[order], relation[order], object_[order])
