"""Labels of a graph: which facts the formal language can say, and what is cut, merged or left out.

Object labels are cut to a few of the tokenizer's pieces. Objects with identical labels, also after the cut, are one
object; of subjects with identical labels the first is kept. "Identical" means the same pieces to the tokenizer, because
the model sees nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.errors import UserError
from worldgen.facts import Vocabulary
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.packed_names import Aliases, labels_of, texts_by_code
from worldgen.graphs.sources import Names, Rows, Source, TripleTable
from worldgen.graphs.spelling import Spelling
from worldgen.unspeakable import unspeakable


@dataclass(frozen=True)
class LabelReport:
    """The facts that were left out for their labels, with the reasons, and the labels that were changed."""

    unlabelled_facts: int
    """The number of facts with an id that has no label."""

    unlabelled_ids: tuple[str, ...]
    """The ids without a label, at most `REASONS_KEPT`."""

    unspeakable_facts: int
    """The number of facts with a label that the language cannot keep."""

    unspeakable_labels: dict[str, str]
    """The reason for each such label, at most `REASONS_KEPT`."""

    object_labels_cut: int
    object_labels_merged: int

    namesake_facts: int
    """The number of facts of subjects whose label an earlier subject has."""

    lone_facts: int
    """The number of facts that were the last one of their subject."""

    def first_reasons(self) -> str:
        """Returns the first three reasons in words, for a message."""
        reasons = [f"{label!r} {why}" for label, why in self.unspeakable_labels.items()]
        reasons += [f"{id_} has no label" for id_ in self.unlabelled_ids]
        return "; ".join(reasons[:3]) or "none was left out for its label"


REASONS_KEPT = 50


def speakable_graph(
    rows: Rows, table: TripleTable, source: Source, max_object_pieces: int, spelling: Spelling
) -> tuple[KnowledgeGraph, LabelReport]:
    """Returns the graph of the selected facts that the language can say, and a report of the others.

    `rows` are the selected rows of `table`. Object labels are cut to `max_object_pieces` of the tokenizer's pieces.
    Raises UserError if no fact has labels, or if no subject keeps two facts.
    """
    labelled, whole, ids_without_label = _labelled(rows, table, source)
    roles = replace(whole, objects=whole.objects.cut(spelling, max_object_pieces))
    subjects, relations, objects = roles.subjects, roles.relations, roles.objects
    reasons = _unspeakable_labels(roles, spelling)
    kept = labelled.where(relations.is_speakable(labelled.relation, reasons))
    kept = kept.where(subjects.is_speakable(kept.head, reasons) & objects.is_speakable(kept.tail, reasons))

    same_objects = objects.duplicates(kept.tail, spelling)
    merged = replace(kept, tail=_replaced(kept.tail, same_objects))
    namesakes = subjects.duplicates(kept.head, spelling)
    unique = merged.where(_replaced(merged.head, namesakes) == merged.head)
    connected = unique.of_connected_subjects()
    report = LabelReport(
        unlabelled_facts=len(rows) - len(labelled),
        unlabelled_ids=tuple(ids_without_label[:REASONS_KEPT]),
        unspeakable_facts=len(labelled) - len(kept),
        unspeakable_labels={label: why for (_, label), why in list(reasons.items())[:REASONS_KEPT]},
        object_labels_cut=sum(whole.objects.label[code] != label for code, label in objects.label.items()),
        object_labels_merged=len(same_objects),
        namesake_facts=len(merged) - len(unique),
        lone_facts=len(unique) - len(connected),
    )
    if not len(connected):
        raise UserError(
            f"no subject of this graph keeps two of the selected relations ({report.first_reasons()}): "
            f"raise graph.relations or mend the labels"
        )
    return _graph(connected, roles), report


@dataclass(frozen=True)
class _Role:
    """One role (subject, relation or object): the label and the source's id of each code, and the source's names."""

    kind: str
    label: dict[int, str]
    source_id: dict[int, str]
    names: Names

    def cut(self, spelling: Spelling, max_pieces: int) -> _Role:
        cut = spelling.cut(list(self.label.values()), max_pieces)
        return replace(self, label=dict(zip(self.label, cut, strict=True)))

    def is_speakable(self, codes: Ids, reasons: dict[tuple[str, str], str]) -> NDArray[np.bool_]:
        """Returns the mask of the codes whose labels are not in `reasons`."""
        return ~np.isin(codes, [code for code, label in self.label.items() if (self.kind, label) in reasons])

    def duplicates(self, codes: Ids, spelling: Spelling) -> dict[int, int]:
        """Returns the codes whose label an earlier code in `codes` has, to the tokenizer, with the first such code."""
        spelt = dict(zip(self.label, spelling.spelt(list(self.label.values())), strict=True))
        first: dict[Hashable, int] = {}
        in_order = pd.unique(codes).tolist()
        return {code: known for code in in_order if (known := first.setdefault(spelt[code], code)) != code}

    def vocabulary(self, codes: Ids) -> tuple[Vocabulary, Ids]:
        """Returns the vocabulary of the codes that occur in `codes`, and `codes` as ids of this vocabulary."""
        # Codes are small numbers, so that counting them is quicker than sorting millions of them.
        used = np.flatnonzero(np.bincount(codes))
        id_of = np.zeros(int(codes.max(initial=0)) + 1, dtype=np.int32)
        id_of[used] = np.arange(len(used))
        labels = tuple(self.label[code] for code in used.tolist())
        source_ids = tuple(self.source_id[code] for code in used.tolist())
        return Vocabulary(self.kind, labels, source_ids, Aliases(self.names, source_ids)), id_of[codes]


@dataclass(frozen=True)
class _Roles:
    """The three roles of a graph."""

    subjects: _Role
    relations: _Role
    objects: _Role


def _labelled(rows: Rows, table: TripleTable, source: Source) -> tuple[Rows, _Roles, list[str]]:
    """Returns the rows whose three ids all have labels, their roles, and the ids without a label."""
    entity_ids = texts_by_code(table.entity_ids, np.union1d(rows.head, rows.tail))
    relation_ids = texts_by_code(table.relation_ids, np.unique(rows.relation))
    entity_names = source.entity_names(entity_ids.values())
    relation_names = source.relation_names(relation_ids.values())
    no_entity = [code for code, id_ in entity_ids.items() if id_ not in entity_names]
    no_relation = [code for code, id_ in relation_ids.items() if id_ not in relation_names]
    ids_without_label = [entity_ids[code] for code in no_entity] + [relation_ids[code] for code in no_relation]
    labelled = rows.where(
        ~(np.isin(rows.head, no_entity) | np.isin(rows.tail, no_entity) | np.isin(rows.relation, no_relation))
    )
    if not len(labelled):
        raise UserError(
            f"none of the selected facts has labels (none for {', '.join(ids_without_label[:3])}): check the label "
            f"files (of a dump: graph.language)"
        )
    roles = _Roles(
        subjects=_role("subject", labelled.head, entity_ids, entity_names),
        relations=_role("relation", labelled.relation, relation_ids, relation_names),
        objects=_role("object", labelled.tail, entity_ids, entity_names),
    )
    return labelled, roles, ids_without_label


def _role(kind: str, codes: Ids, source_ids: dict[int, str], names: Names) -> _Role:
    """Returns the role of the codes that occur in `codes`, each with the first of its names as label."""
    used = (np.bincount(codes, minlength=max(source_ids) + 1) > 0).tolist()
    codes_used = [code for code in source_ids if used[code]]
    labels = labels_of(names, [source_ids[code] for code in codes_used])
    return _Role(kind, dict(zip(codes_used, labels, strict=True)), source_ids, names)


def _unspeakable_labels(roles: _Roles, spelling: Spelling) -> dict[tuple[str, str], str]:
    """Returns the labels that the language cannot keep: (kind, label) -> reason."""
    relation_labels, object_labels = list(roles.relations.label.values()), list(roles.objects.label.values())
    bad = unspeakable(roles.subjects.label.values(), relation_labels, object_labels)
    reasons = {("relation", label): why for label, why in bad.relations.items()}
    reasons |= {("subject", label): why for label, why in bad.subjects.items()}
    reasons |= {("object", label): why for label, why in bad.objects.items()}
    spelt = spelling.spelt(relation_labels)
    uses = Counter(spelt)
    for label, key in zip(relation_labels, spelt, strict=True):
        if uses[key] > 1:
            reasons.setdefault(("relation", label), "is the label of two relations")
    for label in _labels_begun_by_another(object_labels, spelling):
        reasons["object", label] = "begins with another object and its full stop"
    return reasons


def _labels_begun_by_another(labels: list[str], spelling: Spelling) -> list[str]:
    """Returns the labels whose first pieces are another label and a full stop."""
    with_stop = [label for label in labels if "." in label]
    stems = {label[:i] for label in with_stop for i, letter in enumerate(label) if letter == "."}
    keys = set(spelling.spelt(list(stems)))
    # Only labels that may be such a beginning are split into pieces, because there are millions of labels.
    beginnings = [label for label, key in zip(labels, spelling.spelt(labels), strict=True) if key in keys]
    whole = set(spelling.pieces(beginnings))
    return [
        label
        for label, parts in zip(with_stop, spelling.pieces(with_stop), strict=True)
        if any(part == "." and parts[:i] in whole for i, part in enumerate(parts))
    ]


def _replaced(codes: Ids, replacements: dict[int, int]) -> Ids:
    """Returns the codes, each with its replacement if it has one."""
    replacement = np.arange(codes.max(initial=-1) + 1, dtype=np.int32)
    replacement[list(replacements)] = list(replacements.values())
    return replacement[codes]


def _graph(rows: Rows, roles: _Roles) -> KnowledgeGraph:
    subject_names, subject = roles.subjects.vocabulary(rows.head)
    relation_names, relation = roles.relations.vocabulary(rows.relation)
    object_names, object_ = roles.objects.vocabulary(rows.tail)
    order = np.lexsort((relation, subject))
    return KnowledgeGraph(subject_names, relation_names, object_names, subject[order], relation[order], object_[order])
