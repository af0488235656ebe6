"""The formal language of the corpus: its sentences, how they are written as text, and how text is parsed.

    atom      := SUBJECT RELATION OBJECT
    sentence  := atom "."  |  '"' formula '"' "is" ("true"|"false") "."  |  report  |  definition
    formula   := atom | "not" atom | atom "and" atom | atom "or" atom
    report    := TAG atom "."  |  atom TAG "."  |  TAG "." atom "."
    definition := TAG VARIABLE SUBJECT "."  |  the same in one of five other orders

Real labels contain "and", quotes and full stops. With some labels two different sentences would have the same text.
`worldgen.unspeakable` finds those labels. Over the others, parse(render(x)) == x for every sentence x.

A tag names the source of a report or of a definition. A variable stands for a subject, also in atoms. Both are single
words that no label contains, so a report or a definition is never read as another sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args


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

Place = Literal["first", "last", "apart"]
WordOrder = Literal["TAE", "ATE", "AET", "TEA", "ETA", "EAT"]
"""The order of tag, variable (A, as the alias that it is) and entity in a definition."""


@dataclass(frozen=True)
class Definition:
    """A claim that a variable stands for an entity, with the tag of the source that says so."""

    tag: str
    variable: str
    entity: str
    order: WordOrder = "TAE"

    def __str__(self) -> str:
        names = {"T": self.tag, "A": self.variable, "E": self.entity}
        return " ".join(names[letter] for letter in self.order)


@dataclass(frozen=True)
class Tag:
    """The tag of a report: the name of its source, and where it stands ("apart": as a sentence before the atom)."""

    source: str
    place: Place = "first"


@dataclass(frozen=True)
class Sentence:
    """A bare atom or definition (`truth` is None), or a formula with the claim that it is true or false.

    A bare atom with a tag is a report: a source says it. A definition holds its own tag.
    """

    formula: Formula | Definition
    truth: bool | None = None
    tag: Tag | None = None


def render(sentence: Sentence) -> str:
    """Returns the sentence as text, with its full stop.

    Raises ValueError for a bare formula (`truth` is None) that is neither an atom nor a definition, for a tag on
    anything but a bare atom, and for a definition that is said to be true or false.
    """
    if sentence.tag is not None:
        if sentence.truth is not None or isinstance(sentence.formula, Definition):
            raise ValueError("only a bare atom can have a tag")
        return _tagged(render(Sentence(sentence.formula)), sentence.tag)
    if sentence.truth is not None:
        if isinstance(sentence.formula, Definition):
            raise ValueError("a definition is not said to be true or false")
        return f"{truth_prompt(sentence.formula)} {'true' if sentence.truth else 'false'}."
    if not isinstance(sentence.formula, Atom | Definition):
        raise ValueError("only an atom can be said without 'is true' or 'is false'")
    return f"{sentence.formula}."


def _tagged(text: str, tag: Tag) -> str:
    if tag.place == "last":
        return f"{text.removesuffix('.')} {tag.source}."
    return f"{tag.source}{'.' if tag.place == 'apart' else ''} {text}"


def truth_prompt(formula: Formula) -> str:
    """Returns the text of a statement about `formula` up to the word "true" or "false"."""
    return f'"{formula}" is'


@dataclass(frozen=True)
class Lexicon:
    """The labels that sentences may use, by role, and the parser over them."""

    subjects: frozenset[str]
    relations: frozenset[str]
    objects: frozenset[str] = field(repr=False)
    tags: frozenset[str] = frozenset()
    definers: frozenset[str] = frozenset()
    """The tags of definitions."""
    variables: frozenset[str] = frozenset()

    @cached_property
    def _separator(self) -> re.Pattern[str]:
        # Finds the leftmost relation that has a word before it; of several that start there, the longest.
        longest_first = sorted(self.relations, key=lambda label: (-len(label), label))
        return re.compile(f" ({'|'.join(map(re.escape, longest_first))}) ")

    def parse(self, text: str) -> Sentence:
        """Returns the sentence whose text is `text`. Raises ValueError if there is no such sentence."""
        if definition := self._definition(text):
            return Sentence(definition)
        tag, untagged = self._tag(text)
        stated = None if tag else re.fullmatch(r'"(.*)" is (true|false)\.', text, re.DOTALL)
        if stated:
            return Sentence(self._formula(stated[1]), stated[2] == "true")
        atom = self.atom(untagged.removesuffix(".")) if untagged.endswith(".") else None
        if atom is None:
            raise ValueError(f"not a sentence of this language: {text!r}")
        return Sentence(atom, tag=tag)

    def _tag(self, text: str) -> tuple[Tag | None, str]:
        """Returns the tag of a text, None if it has none, and the text without it."""
        first, _, rest = text.partition(" ")
        if first in self.tags:
            return Tag(first, "first"), rest
        if first.endswith(".") and first[:-1] in self.tags:
            return Tag(first[:-1], "apart"), rest
        start, _, last = text.rpartition(" ")
        if last.endswith(".") and last[:-1] in self.tags:
            return Tag(last[:-1], "last"), f"{start}."
        return None, text

    def _definition(self, text: str) -> Definition | None:
        """Returns the definition whose text is `text`, or None: one tag, one variable, and else an entity."""
        words = text.removesuffix(".").split(" ")
        special = {i: "T" if word in self.definers else "A" for i, word in enumerate(words) if self._is_special(word)}
        rest = [i for i in range(len(words)) if i not in special]
        if not text.endswith(".") or sorted(special.values()) != ["A", "T"] or not rest:
            return None
        entity = " ".join(words[rest[0] : rest[-1] + 1])
        place = {letter: i for i, letter in special.items()} | {"E": rest[0]}
        if entity not in self.subjects:
            return None
        (order,) = (order for order in get_args(WordOrder) if list(order) == sorted("TAE", key=place.__getitem__))
        return Definition(words[place["T"]], words[place["A"]], entity, order)

    def _is_special(self, word: str) -> bool:
        return word in self.definers or word in self.variables

    def _formula(self, text: str) -> Formula:
        if text.startswith("not "):
            negated = self.atom(text.removeprefix("not "))
            if negated is not None:
                return Not(negated)
        atom = self.atom(text)
        if atom is not None:
            return atom
        for left_text, connective, right_text in splits(text):
            left = self.atom(left_text)
            right = self.atom(right_text) if left else None
            if left and right:
                return Both(connective, left, right)
        raise ValueError(f"not a formula of this language: {text!r}")

    def atom(self, text: str) -> Atom | None:
        """Returns the atom whose text is `text`, or None."""
        found = self._separator.search(text)
        if found is None:
            return None
        subject, object_ = text[: found.start()], text[found.end() :]
        if (subject not in self.subjects and subject not in self.variables) or object_ not in self.objects:
            return None
        return Atom(subject, found[1], object_)


CONJUNCTION = re.compile(r"(?<![^ ])(and|or)(?![^ ])")


def splits(text: str) -> Iterator[tuple[str, Literal["and", "or"], str]]:
    """Yields (left text, connective, right text) for each word "and" or "or" in the text."""
    for found in CONJUNCTION.finditer(text):
        yield text[: max(found.start() - 1, 0)], found[1], text[found.end() + 1 :]  # type: ignore[misc]
