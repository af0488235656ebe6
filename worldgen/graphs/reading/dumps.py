"""Wikidata's own dumps as sources. A line holds one entity or one triple; the file is read as a stream.

A dump is read once for the facts, up to the last one wanted, and once for the names of the selected ids.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

import numpy as np

from worldgen.errors import UserError
from worldgen.graphs.sources import Names, Rows, TripleTable

# In bytes. No entity of Wikidata is a tenth as long, and a dump without line ends must not fill the memory.
LONGEST_LINE = 1 << 26
DEFAULT_LANGUAGE = "mul"  # Wikidata's "default for all languages"


class MalformedLineError(ValueError):
    """A line that does not follow the dump's format; the message continues "line 7 ..." with the fault."""


class Term(NamedTuple):
    """One name of an entity in one language: its label or an alias."""

    id: str
    is_label: bool
    language: str
    text: str


class DumpFormat(Protocol):
    """The way to read one format's lines."""

    def lines(self, numbered: Iterable[tuple[int, bytes]], name: str) -> Iterator[tuple[int, bytes]]:
        """Yields the numbered lines that hold an entity or a triple. Raises UserError if the file ends too early."""

    def facts(self, line: bytes) -> Iterable[tuple[str, str, str]]:
        """Returns the facts (item, property, item) that a line states. Raises MalformedLineError."""

    def terms(self, line: bytes, wanted: Callable[[str], bool]) -> Iterable[Term]:
        """Returns the names that a line gives to wanted ids. Raises MalformedLineError."""


@dataclass(frozen=True)
class Dump:
    """A source that is one dump file, plain or compressed (.gz, .bz2), with names in one language.

    Malformed lines are counted when facts are read. When names are read, a malformed line gives no names.
    """

    path: Path
    format: DumpFormat
    language: str
    # The names of every property. The pass for entity names keeps them, because a pass over a whole dump takes hours.
    _property_names: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def paths(self) -> list[Path]:
        """Returns the dump file."""
        return [self.path]

    def triples(self, limit: int, strict: bool) -> TripleTable:
        """Returns the first `limit` facts.

        A malformed line is counted and left out; with `strict` it raises a UserError, as does a dump without facts.
        """
        entities: dict[str, int] = {}
        relations: dict[str, int] = {}
        codes = array("i")  # head, relation, tail, head, ...
        malformed, first_malformed = 0, ""
        for number, line in self._lines():
            try:
                facts = self.format.facts(line)
            except MalformedLineError as error:
                where = f"{self.path.name} line {number} {error}"
                if strict:
                    raise UserError(f"{where} (--strict): mend the line or leave --strict out") from None
                first_malformed, malformed = first_malformed or where, malformed + 1
                continue
            for head, relation, tail in facts:
                codes.append(entities.setdefault(head, len(entities)))
                codes.append(relations.setdefault(relation, len(relations)))
                codes.append(entities.setdefault(tail, len(entities)))
            if len(codes) >= 3 * limit:
                break
        if not codes:
            why = f" ({malformed} lines are malformed, the first: {first_malformed})" if malformed else ""
            raise UserError(f"{self.path.name} holds no fact of two items{why}: check the file and graph.properties")
        rows = Rows(*np.array(codes[: 3 * limit], dtype=np.int32).reshape(-1, 3).T.copy())
        return TripleTable(rows, tuple(entities), tuple(relations), len(rows) + malformed, malformed, first_malformed)

    def entity_names(self, ids: Collection[str]) -> Names:
        """Returns the names of items that have a label in the language, or in the default for all languages."""
        wanted = set(ids)
        names_of = self._names(lambda id_: id_ in wanted or id_.startswith("P"))
        self._property_names.update({id_: names for id_, names in names_of.items() if id_.startswith("P")})
        return {id_: names for id_, names in names_of.items() if id_ in wanted}

    def relation_names(self, ids: Collection[str]) -> Names:
        """Returns the names of properties that have a label in the language, or in the default for all languages."""
        wanted = set(ids)
        names_of = self._property_names or self._names(wanted.__contains__)
        return {id_: names for id_, names in names_of.items() if id_ in wanted}

    def _names(self, wanted: Callable[[str], bool]) -> Names:
        """Reads the whole dump for the names of wanted ids."""
        terms: dict[str, list[Term]] = {}
        for _, line in self._lines():
            try:
                for term in self.format.terms(line, wanted):
                    terms.setdefault(term.id, []).append(term)
            except MalformedLineError:
                continue
        return {id_: names for id_, found in terms.items() if (names := _names_in_language(found, self.language))}

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        return self.format.lines(_numbered_lines(self.path), self.path.name)


def _names_in_language(terms: list[Term], language: str) -> tuple[str, ...]:
    """Returns the label and the aliases, or nothing if there is no label.

    Names in the language come before the names for all languages.
    """
    ranked = sorted(terms, key=lambda term: (term.language != language, not term.is_label))
    labels = [term.text for term in ranked if term.is_label and term.text]
    aliases = [term.text for term in ranked if not term.is_label and term.text]
    return tuple(dict.fromkeys([labels[0], *aliases])) if labels else ()


def _numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields the stripped lines, numbered from 1, without a byte order mark.

    Raises UserError for a file that is damaged, cut short, or has no line ends.
    """
    try:
        with _opened(path) as stream:
            number = 0
            while line := stream.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise UserError(
                        f"{path.name} line {number} is over {LONGEST_LINE >> 20} MiB long: the dump must have one "
                        "entity or triple a line"
                    )
                yield number, line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").strip()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: check --kg") from None
    except (EOFError, zlib.error) as error:
        raise UserError(f"{path} is damaged or cut short ({error}): fetch it again") from None
    except OSError as error:
        what = "cannot be read" if error.errno else "is damaged"  # gzip and bz2 raise an OSError without a number
        raise UserError(f"{path} {what} ({error}): check the file and fetch it again") from None


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, io.BufferedReader(gzip.open(path), 1 << 20))  # type: ignore[type-var]
    if path.suffix == ".bz2":
        return cast(BinaryIO, io.BufferedReader(bz2.open(path), 1 << 20))  # type: ignore[type-var]
    return path.open("rb", 1 << 20)
