"""The formal language of the corpus: its sentences, how they are written as text, and how text is parsed.

    atom      := SUBJECT RELATION OBJECT
    sentence  := atom "."  |  '"' formula '"' "is" ("true"|"false") "."
    formula   := atom | "not" atom | atom "and" atom | atom "or" atom

Real labels contain "and", quotes and full stops. With some labels two different sentences would have the same text.
`unspeakable` finds those labels. Over the others, parse(render(x)) == x for every sentence x.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal


@dataclass(frozen=True)
class Atom:
    """A plain statement "subject relation object", as labels."""

    subject: str
    relation: str
    object: str

    def __str__(self) -> str:
        return f"{self.subject} {self.relation} {self.object}"


@dataclass(frozen=True)
class Not:
    """The negation of an atom."""

    atom: Atom

    def __str__(self) -> str:
        return f"not {self.atom}"


@dataclass(frozen=True)
class Both:
    """Two atoms joined by "and" or "or"."""

    connective: Literal["and", "or"]
    left: Atom
    right: Atom

    def __str__(self) -> str:
        return f"{self.left} {self.connective} {self.right}"


Formula = Atom | Not | Both


@dataclass(frozen=True)
class Sentence:
    """A bare atom (`truth` is None), or a formula with the claim that it is true or false."""

    formula: Formula
    truth: bool | None = None


def render(sentence: Sentence) -> str:
    """Returns the sentence as text, with its full stop.

    Raises ValueError for a bare formula (`truth` is None) that is not an atom.
    """
    if sentence.truth is not None:
        return f"{truth_prompt(sentence.formula)} {'true' if sentence.truth else 'false'}."
    if not isinstance(sentence.formula, Atom):
        raise ValueError("only an atom can be said without 'is true' or 'is false'")
    return f"{sentence.formula}."


def truth_prompt(formula: Formula) -> str:
    """Returns the text of a statement about `formula` up to the word "true" or "false"."""
    return f'"{formula}" is'


@dataclass(frozen=True)
class Lexicon:
    """The labels that sentences may use, by role, and the parser over them."""

    subjects: frozenset[str]
    relations: frozenset[str]
    objects: frozenset[str] = field(repr=False)

    @cached_property
    def _separator(self) -> re.Pattern[str]:
        # Finds the leftmost relation that has a word before it; of several that start there, the longest.
        longest_first = sorted(self.relations, key=lambda label: (-len(label), label))
        return re.compile(f" ({'|'.join(map(re.escape, longest_first))}) ")

    def parse(self, text: str) -> Sentence:
        """Returns the sentence whose text is `text`. Raises ValueError if there is no such sentence."""
        stated = re.fullmatch(r'"(.*)" is (true|false)\.', text, re.DOTALL)
        if stated:
            return Sentence(self._formula(stated[1]), stated[2] == "true")
        atom = self._atom(text.removesuffix(".")) if text.endswith(".") else None
        if atom is None:
            raise ValueError(f"not a sentence of this language: {text!r}")
        return Sentence(atom)

    def _formula(self, text: str) -> Formula:
        if text.startswith("not "):
            negated = self._atom(text.removeprefix("not "))
            if negated is not None:
                return Not(negated)
        atom = self._atom(text)
        if atom is not None:
            return atom
        for left_text, connective, right_text in _splits(text):
            left = self._atom(left_text)
            right = self._atom(right_text) if left else None
            if left and right:
                return Both(connective, left, right)
        raise ValueError(f"not a formula of this language: {text!r}")

    def _atom(self, text: str) -> Atom | None:
        found = self._separator.search(text)
        if found is None:
            return None
        subject, object_ = text[: found.start()], text[found.end() :]
        if subject not in self.subjects or object_ not in self.objects:
            return None
        return Atom(subject, found[1], object_)


_CONJUNCTION = re.compile(r"(?<![^ ])(and|or)(?![^ ])")


def _splits(text: str) -> Iterator[tuple[str, Literal["and", "or"], str]]:
    """Yields (left text, connective, right text) for each word "and" or "or" in the text."""
    for found in _CONJUNCTION.finditer(text):
        yield text[: max(found.start() - 1, 0)], found[1], text[found.end() + 1 :]  # type: ignore[misc]


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
    heads = {left for relation in lexicon.relations for left, _, _ in _splits(relation)}
    for label in sorted(lexicon.objects):
        if label.endswith(('" is true', '" is false')) or ("is" in lexicon.relations and label in ("true", "false")):
            bad[label] = 'ends like a statement that something "is true"'
        elif any(f"{label} ".startswith(f"{tail} ") or tail.startswith(f"{label} ") for tail in tails):
            bad[label] = "continues one relation into another"
        elif "." in label and any(label[:i] in lexicon.objects for i, letter in enumerate(label) if letter == "."):
            bad[label] = "begins with another object and its full stop"
        elif any(lexicon._atom(right) for _, _, right in _splits(label)):
            bad[label] = "holds a whole statement"
        elif any(right.endswith(f" {head}") for _, _, right in _splits(label) for head in heads):
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
        for label in filter(_CONJUNCTION.search, lexicon.objects)
        for left, _, right in _splits(label)
        if left in lexicon.objects
    }
    return {
        label: "can be read as the end of an object and a shorter subject"
        for label in sorted(filter(_CONJUNCTION.search, lexicon.subjects))
        for left, _, right in _splits(label)
        if left in shared and (not right or right in lexicon.subjects)
    }
