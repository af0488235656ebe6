"""Wikidata's JSON dump (`latest-all.json`): an array with one entity a line.

Format: https://doc.wikimedia.org/Wikibase/master/php/docs_topics_json.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from worldgen.errors import UserError
from worldgen.graphs.reading.dumps import DEFAULT_LANGUAGE, MalformedLineError, Term

# The head of a line as the dumps have it; other orders of the keys are read too, only slower.
_HEAD = re.compile(rb'\{"type":"(?:item|property)",(?:"datatype":"[^"\\]*",)?"id":"([PQ][0-9]+)"')
_ITEM, _PROPERTY = re.compile("Q[1-9][0-9]*"), re.compile("P[1-9][0-9]*")
_SHAPE_ERRORS = (AttributeError, KeyError, TypeError)


@dataclass(frozen=True)
class JsonDump:
    """The lines of a JSON dump: facts of some properties (of all, where there are none), names in a language."""

    language: str
    properties: frozenset[str]

    def lines(self, numbered: Iterable[tuple[int, bytes]], name: str) -> Iterator[tuple[int, bytes]]:
        """The entities, without the array's brackets and commas. Raises UserError for an array left open."""
        is_open = False
        for number, line in numbered:
            if line in (b"[", b"]"):
                is_open = line == b"["
            elif entity := line.rstrip(b", \t"):
                yield number, entity
        if is_open:
            raise UserError(f"{name} is cut short (its array is not closed by a line with ]): fetch it again")

    def facts(self, line: bytes) -> list[tuple[str, str, str]]:
        """(item, property, item) of the statements of best rank; deprecated ones never."""
        entity = _entity(line)
        try:
            if entity["type"] != "item":
                return []
            item = _checked(_ITEM, entity["id"])
            claims = entity.get("claims") or {}  # old dumps have [] for {}
            return [
                (item, _checked(_PROPERTY, property_), target)
                for property_, statements in claims.items()
                if not self.properties or property_ in self.properties
                for target in _targets(statements)
            ]
        except _SHAPE_ERRORS as error:
            raise _other_shape(error) from None

    def terms(self, line: bytes, wanted: Callable[[str], bool]) -> list[Term]:
        """The label and aliases of an item or property, in the language and for all languages."""
        head = _HEAD.match(line)
        if head and not wanted(head[1].decode()):
            return []
        entity = _entity(line)
        try:
            id_ = entity["id"]
            if entity["type"] not in ("item", "property") or not wanted(id_):
                return []
            return list(self._names_of(id_, entity.get("labels") or {}, entity.get("aliases") or {}))
        except _SHAPE_ERRORS as error:
            raise _other_shape(error) from None

    def _names_of(self, id_: str, labels: dict, aliases: dict) -> Iterator[Term]:
        for language in dict.fromkeys((self.language, DEFAULT_LANGUAGE)):
            if language in labels:
                yield Term(id_, True, language, _text(labels[language]))
            for alias in aliases.get(language, ()):
                yield Term(id_, False, language, _text(alias))


def _entity(line: bytes) -> dict[str, Any]:
    try:
        entity = from_json(line, cache_strings="keys")
    except ValueError as error:  # broken JSON, bad UTF-8, half a surrogate pair, too deeply nested
        raise MalformedLineError(f"is not JSON ({error})") from None
    if not isinstance(entity, dict):
        raise MalformedLineError("is no JSON object")
    return entity


def _targets(statements: list[dict]) -> list[str]:
    """The items that a property's best statements have as values: the preferred ones, else the normal ones."""
    preferred = [statement for statement in statements if statement["rank"] == "preferred"]
    best = preferred or [statement for statement in statements if statement["rank"] == "normal"]
    return [target for statement in best if (target := _target(statement["mainsnak"]))]


def _target(snak: dict) -> str | None:
    """The item that a snak has as its value; None for values of other kinds, unknown ones and "no value"."""
    if snak["snaktype"] != "value" or snak.get("datatype", "wikibase-item") != "wikibase-item":
        return None
    value = snak["datavalue"]["value"]
    if snak["datavalue"]["type"] != "wikibase-entityid" or value["entity-type"] != "item":
        return None
    return _checked(_ITEM, value["id"] if "id" in value else f"Q{value['numeric-id']}")  # old dumps have no id


def _checked(pattern: re.Pattern, id_: str) -> str:
    if not pattern.fullmatch(id_):
        raise MalformedLineError(f"has {id_[:40]!r} where an id such as {pattern.pattern[0]}42 should be")
    return id_


def _text(term: dict) -> str:
    text = term["value"]
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text")
    return text


def _other_shape(error: Exception) -> MalformedLineError:
    return MalformedLineError(f"is no Wikidata entity ({type(error).__name__}: {error})")
