"""The labels, and the tags, that the language cannot use: with them some sentence would have two readings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from worldgen.grammar import CONJUNCTION, Lexicon, splits

RESERVED_WORDS = ("<unk>", "<s>", "</s>")
"""Words that tokenizers keep for themselves."""

_LONGEST_LABEL = 1000  # characters


@dataclass(frozen=True)
class Unspeakable:
    """The labels that the language cannot use, by role: label -> reason."""

    subjects: dict[str, str]
    relations: dict[str, str]
    objects: dict[str, str]


def unspeakable(subjects: Collection[str], relations: Collection[str], objects: Collection[str]) -> Unspeakable:
    """Returns the labels to leave out, so that every sentence over the others has one reading and one end.

    One end: no object with its full stop is the beginning of another object. Then "the answer is o." is a set of
    disjoint events over the objects o. Some labels are left out for their spelling alone (a control character, for
    example); among the others the check is exact. Leaving a label out never makes another label unspeakable.
    """
    bad_relations = {label: why for label in relations if (why := _misspelt(label) or _odd_relation(label))}
    good_relations = frozenset(relations) - bad_relations.keys()
    bad_subjects = {label: why for label in subjects if (why := _misspelt(label))}
    bad_objects = {label: why for label in objects if (why := _misspelt(label))}
    if not good_relations:
        return Unspeakable(bad_subjects, bad_relations, bad_objects)
    draft = Lexicon(_without(bad_subjects, subjects), good_relations, _without(bad_objects, objects))
    bad_subjects |= _odd_subjects(draft)
    lexicon = Lexicon(_without(bad_subjects, draft.subjects), good_relations, draft.objects)
    bad_objects |= _odd_objects(lexicon)
    lexicon = Lexicon(lexicon.subjects, good_relations, _without(bad_objects, lexicon.objects))
    bad_subjects |= _double_conjunctions(lexicon)
    return Unspeakable(bad_subjects, bad_relations, bad_objects)


def _without(bad: dict[str, str], labels: Iterable[str]) -> frozenset[str]:
    return frozenset(label for label in labels if label not in bad)


def _misspelt(label: str) -> str:
    if not label:
        return "is empty"
    # `isprintable` refuses all white space but the blank.
    if not label.isprintable() or "  " in label or label[0] == " " or label[-1] == " ":
        return "has white space other than single blanks, or a control character"
    if len(label) > _LONGEST_LABEL:
        return f"has more than {_LONGEST_LABEL:,} characters"
    if any(word in label for word in RESERVED_WORDS):
        return "has a word that tokenizers keep for themselves"
    return ""


def _odd_relation(label: str) -> str:
    if '"' in label or "." in label:
        return "has a quote or a full stop"
    words = label.split(" ")
    return 'begins or ends with "and" or "or"' if {"and", "or"} & {words[0], words[-1]} else ""


def _odd_subjects(lexicon: Lexicon) -> dict[str, str]:
    """Returns the subjects with which the parser would find the relation at a wrong place, with reasons."""
    bad = {}
    heads = "|".join(sorted({re.escape(relation.split(" ")[0]) for relation in lexicon.relations}))
    # A quick test picks the few suspects out of millions of subjects.
    suspect = re.compile(rf"not(?![^ ])|.* ({heads})(?![^ ])", re.DOTALL)
    for subject in sorted(filter(suspect.match, lexicon.subjects)):
        if subject == "not" or subject.startswith("not "):
            bad[subject] = 'begins with "not"'
        elif early := _early_relation(subject, lexicon.relations):
            bad[subject] = f"reads as if it held the relation {early!r}"
    return bad


def _early_relation(subject: str, relations: frozenset[str]) -> str | None:
    """Returns a relation that the parser can find in "subject relation ..." too early, or None."""
    for blank in re.finditer(" ", subject):
        for following in sorted(relations):
            rest = f"{subject[blank.end() :]} {following} "
            for relation in sorted(relations):
                if rest.startswith(f"{relation} ") or f"{relation} ".startswith(rest):
                    return relation
    return None


def _odd_objects(lexicon: Lexicon) -> dict[str, str]:
    """Returns the objects with which a sentence could be read in two ways or end early, with reasons."""
    bad = {}
    tails = _relation_tails(lexicon.relations)
    heads = {left for relation in lexicon.relations for left, _, _ in splits(relation)}
    for label in sorted(lexicon.objects):
        if label.endswith(('" is true', '" is false')) or ("is" in lexicon.relations and label in ("true", "false")):
            bad[label] = 'ends like a statement that something "is true"'
        elif any(f"{label} ".startswith(f"{tail} ") or tail.startswith(f"{label} ") for tail in tails):
            bad[label] = "continues one relation into another"
        elif "." in label and any(label[:i] in lexicon.objects for i, letter in enumerate(label) if letter == "."):
            bad[label] = "begins with another object and its full stop"
        elif any(lexicon.atom(right) for _, _, right in splits(label)):
            bad[label] = "holds a whole statement"
        elif any(right.endswith(f" {head}") for _, _, right in splits(label) for head in heads):
            bad[label] = "ends like the first part of a relation"
    return bad


def _relation_tails(relations: Iterable[str]) -> set[str]:
    """Returns the rests of relations that begin with another relation: "team" for "sports team" and "sports"."""
    labels = set(relations)
    return {long.removeprefix(f"{short} ") for short in labels for long in labels if long.startswith(f"{short} ")}


def _double_conjunctions(lexicon: Lexicon) -> dict[str, str]:
    """Returns the subjects with which "o and s" has two readings, with reasons.

    An example: o + "and" + (y and s) is the same text as (o and y) + "and" + s.
    """
    shared = {
        right
        for label in filter(CONJUNCTION.search, lexicon.objects)
        for left, _, right in splits(label)
        if left in lexicon.objects
    }
    return {
        label: "can be read as the end of an object and a shorter subject"
        for label in sorted(filter(CONJUNCTION.search, lexicon.subjects))
        for left, _, right in splits(label)
        if left in shared and (not right or right in lexicon.subjects)
    }


def words_of(labels: Iterable[str]) -> set[str]:
    """Returns the words of labels, cut at blanks, quotes and full stops, and the words of the language itself.

    None of them may be a tag.
    """
    return {"is", "true", "false", "not", "and", "or"}.union(*(re.split(r'[ ".]', label) for label in labels))
