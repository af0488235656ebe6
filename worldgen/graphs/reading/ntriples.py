"""Wikidata's `truthy` dump in N-Triples (`latest-truthy.nt`): one triple on each line, statements of best rank only.

Grammar: https://www.w3.org/TR/n-triples/. IRIs: https://www.mediawiki.org/wiki/Wikibase/Indexing/RDF_Dump_Format
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from worldgen.graphs.reading.dumps import DEFAULT_LANGUAGE, MalformedLineError, Term

_WD = rb"http://www\.wikidata\.org/"
_END = rb"[ \t]*\.[ \t]*(?:#.*)?"
_TEXT = rb'"([^"\\]*(?:\\(?:[tbnrf"\'\\]|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})[^"\\]*)*)"'
_TAG = rb"@([A-Za-z]+(?:-[A-Za-z0-9]+)*)"
_FACT = re.compile(
    rb"<%sentity/(Q[1-9][0-9]*)>[ \t]*<%sprop/direct/(P[1-9][0-9]*)>[ \t]*<%sentity/(Q[1-9][0-9]*)>%s"
    % (_WD, _WD, _WD, _END)
)
_NAME = re.compile(
    rb"<%sentity/([PQ][1-9][0-9]*)>[ \t]*"
    rb"<http://www\.w3\.org/(?:(2000/01/rdf-schema#label)|2004/02/skos/core#altLabel)>[ \t]*%s%s%s"
    % (_WD, _TEXT, _TAG, _END)
)
# Any triple. A triple that is not used is checked only for its shape, and its IRIs are not checked closely.
_TRIPLE = re.compile(
    rb"(?:<[^>]*>|_:[^ \t]+)[ \t]*<[^>]*>[ \t]*(?:<[^>]*>|_:[^ \t]+?|%s(?:%s|\^\^<[^>]*>)?)%s" % (_TEXT, _TAG, _END)
)
_ESCAPE_SEQUENCE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_LETTERS = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


@dataclass(frozen=True)
class NTriples:
    """A reader of an N-Triples dump's lines, for facts of `properties` (of all if empty) and names in `language`."""

    language: str
    properties: frozenset[str]

    def lines(self, numbered: Iterable[tuple[int, bytes]], name: str) -> Iterator[tuple[int, bytes]]:
        """Yields the triples' lines: those that are neither blank nor a comment."""
        return ((number, line) for number, line in numbered if line and not line.startswith(b"#"))

    def facts(self, line: bytes) -> list[tuple[str, str, str]]:
        """Returns the triple as (item, property, item); empty if it states something else."""
        if fact := _FACT.fullmatch(line):
            head, property_, tail = (part.decode() for part in fact.groups())
            return [(head, property_, tail)] if not self.properties or property_ in self.properties else []
        if not _TRIPLE.fullmatch(line):
            raise MalformedLineError("is no triple")
        if not line.isascii():
            _utf8(line)
        return []

    def terms(self, line: bytes, wanted: Callable[[str], bool]) -> list[Term]:
        """Returns the label or alias that the triple states, in the language or for all languages; empty for others."""
        if b"#label>" not in line and b"#altLabel>" not in line:
            return []
        name = _NAME.fullmatch(line)
        if not name or not wanted(id_ := name[1].decode()):
            return []
        language = name[4].decode().lower()
        if language not in (self.language, DEFAULT_LANGUAGE):
            return []
        return [Term(id_, name[2] is not None, language, unescaped(_utf8(name[3])))]


def unescaped(text: str) -> str:
    """Returns the text of an N-Triples literal. Raises MalformedLineError if an escape is no character."""
    if "\\" not in text:
        return text
    try:
        plain = _ESCAPE_SEQUENCE.sub(_character, text)
        # Some writers escape one character as two surrogates, as JSON does. Half of such a pair is no character.
        return plain.encode("utf-16", "surrogatepass").decode("utf-16")
    except (ValueError, OverflowError):
        raise MalformedLineError("escapes what is no character") from None


def _character(escape: re.Match[str]) -> str:
    if digits := escape[1] or escape[2]:
        return chr(int(digits, 16))
    return _LETTERS.get(escape[3], escape[3])


def _utf8(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise MalformedLineError(f"is not UTF-8 ({error.reason})") from None
