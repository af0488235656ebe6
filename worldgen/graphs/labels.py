"""From codes to words: the facts whose labels the language can keep, and what was left out.

Identical object labels are one object; of subjects with identical labels the first is kept; object labels are
cut to a few pieces (and merged again). "Identical" means identical to the tokenizer: the model sees no more.
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
from worldgen.grammar import unspeakable
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.packed_names import Aliases, labels_of, some
from worldgen.graphs.sources import Names, Rows, Source, TripleTable
from worldgen.graphs.spelling import Spelling


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

    same_objects = objects.alike(kept.tail, spelling)
    merged = replace(kept, tail=_mapped(kept.tail, same_objects))
    namesakes = subjects.alike(kept.head, spelling)
    unique = merged.where(_mapped(merged.head, namesakes) == merged.head)
    connected = unique.of_connected_subjects()
    report = LabelReport(
        unlabelled_facts=len(rows) - len(named),
        unlabelled_ids=tuple(nameless[:REASONS_KEPT]),
        unspeakable_facts=len(named) - len(kept),
        unspeakable_labels={label: why for (_, label), why in list(reasons.items())[:REASONS_KEPT]},
        object_labels_cut=sum(whole_objects.label[code] != label for code, label in objects.label.items()),
        object_labels_merged=len(same_objects),
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

    def free_of(self, reasons: dict[tuple[str, str], str], codes: Ids) -> NDArray[np.bool_]:
        return ~np.isin(codes, [code for code, label in self.label.items() if (self.kind, label) in reasons])

    def alike(self, codes: Ids, spelling: Spelling) -> dict[int, int]:
        """The codes in use that are equal to earlier ones to the tokenizer, and of each the first."""
        spelt = dict(zip(self.label, spelling.spelt(list(self.label.values())), strict=True))
        first: dict[Hashable, int] = {}
        in_order = pd.unique(codes).tolist()
        return {code: known for code in in_order if (known := first.setdefault(spelt[code], code)) != code}

    def vocabulary(self, codes: Ids) -> tuple[Vocabulary, Ids]:
        """The vocabulary of the codes in use, and the codes as its ids."""
        # Codes are small numbers: counting them is quicker than sorting millions.
        used = np.flatnonzero(np.bincount(codes))
        id_of = np.zeros(int(codes.max(initial=0)) + 1, dtype=np.int32)
        id_of[used] = np.arange(len(used))
        labels = tuple(self.label[code] for code in used.tolist())
        source_ids = tuple(self.source_id[code] for code in used.tolist())
        return Vocabulary(self.kind, labels, source_ids, Aliases(self.names, source_ids)), id_of[codes]


def _named(rows: Rows, table: TripleTable, source: Source) -> tuple[Rows, _Role, _Role, _Role, list[str]]:
    """The rows of which every part has a label, the three roles, and the ids that have none."""
    entity_ids = some(table.entity_ids, np.union1d(rows.head, rows.tail))
    relation_ids = some(table.relation_ids, np.unique(rows.relation))
    entity_names = source.entity_names(entity_ids.values())
    relation_names = source.relation_names(relation_ids.values())
    no_entity = [code for code, id_ in entity_ids.items() if id_ not in entity_names]
    no_relation = [code for code, id_ in relation_ids.items() if id_ not in relation_names]
    nameless = [entity_ids[code] for code in no_entity] + [relation_ids[code] for code in no_relation]
    named = rows.where(
        ~(np.isin(rows.head, no_entity) | np.isin(rows.tail, no_entity) | np.isin(rows.relation, no_relation))
    )
    if not len(named):
        raise UserError(
            f"none of the selected facts has labels (none for {', '.join(nameless[:3])}): check the label files "
            f"(of a dump: graph.language)"
        )
    relations = _role("relation", named.relation, relation_ids, relation_names)
    subjects = _role("subject", named.head, entity_ids, entity_names)
    return named, relations, subjects, _role("object", named.tail, entity_ids, entity_names), nameless


def _role(kind: str, codes: Ids, source_ids: dict[int, str], names: Names) -> _Role:
    used = (np.bincount(codes, minlength=max(source_ids) + 1) > 0).tolist()
    codes_used = [code for code in source_ids if used[code]]
    labels = labels_of(names, [source_ids[code] for code in codes_used])
    return _Role(kind, dict(zip(codes_used, labels, strict=True)), source_ids, names)


def _reasons(subjects: _Role, relations: _Role, objects: _Role, spelling: Spelling) -> dict[tuple[str, str], str]:
    """(kind, label): why the language cannot keep it."""
    bad = unspeakable(subjects.label.values(), relations.label.values(), objects.label.values())
    reasons = {("relation", label): why for label, why in bad.relations.items()}
    reasons |= {("subject", label): why for label, why in bad.subjects.items()}
    reasons |= {("object", label): why for label, why in bad.objects.items()}
    spelt = spelling.spelt(list(relations.label.values()))
    uses = Counter(spelt)
    for label, key in zip(relations.label.values(), spelt, strict=True):
        if uses[key] > 1:
            reasons.setdefault(("relation", label), "is the label of two relations")
    for label in _begun_by_another(list(objects.label.values()), spelling):
        reasons["object", label] = "begins with another object and its full stop"
    return reasons


def _begun_by_another(labels: list[str], spelling: Spelling) -> list[str]:
    """The labels whose first pieces are those of another one and a full stop."""
    stopped = [label for label in labels if "." in label]
    stems = {label[:i] for label in stopped for i, letter in enumerate(label) if letter == "."}
    keys = set(spelling.spelt(list(stems)))
    begins = [label for label, key in zip(labels, spelling.spelt(labels), strict=True) if key in keys]
    whole = set(spelling.pieces(begins))  # only of labels that may be such a beginning: there are millions
    return [
        label
        for label, parts in zip(stopped, spelling.pieces(stopped), strict=True)
        if any(part == "." and parts[:i] in whole for i, part in enumerate(parts))
    ]


def _mapped(codes: Ids, to: dict[int, int]) -> Ids:
    """The codes with those of `to` replaced."""
    replacement = np.arange(codes.max(initial=-1) + 1, dtype=np.int32)
    replacement[list(to)] = list(to.values())
    return replacement[codes]


def _graph(rows: Rows, subjects: _Role, relations: _Role, objects: _Role) -> KnowledgeGraph:
    subject_names, subject = subjects.vocabulary(rows.head)
    relation_names, relation = relations.vocabulary(rows.relation)
    object_names, object_ = objects.vocabulary(rows.tail)
    order = np.lexsort((relation, subject))
    return KnowledgeGraph(subject_names, relation_names, object_names, subject[order], relation[order], object_[order])
