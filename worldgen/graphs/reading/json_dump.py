"""Wikidata's JSON dump (`latest-all.json`): an array with one entity on each line.

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

# The beginning of a line as the dumps write it. A line with another order of keys is read too, only more slowly.
_HEAD = re.compile(rb'\{"type":"(?:item|property)",(?:"datatype":"[^"\\]*",)?"id":"([PQ][0-9]+)"')
_ITEM, _PROPERTY = re.compile("Q[1-9][0-9]*"), re.compile("P[1-9][0-9]*")
_SHAPE_ERRORS = (AttributeError, KeyError, TypeError)


@dataclass(frozen=True)
class JsonDump:
    """A reader of a JSON dump's lines, for facts of `properties` (of all if empty) and names in `language`."""

    language: str
    properties: frozenset[str]

    def lines(self, numbered: Iterable[tuple[int, bytes]], name: str) -> Iterator[tuple[int, bytes]]:
        """Yields the entities without the array's brackets and commas. Raises UserError if the array is not closed."""
        is_open = False
        for number, line in numbered:
            if line in (b"[", b"]"):
                is_open = line == b"["
            elif entity := line.rstrip(b", \t"):
                yield number, entity
        if is_open:
            raise UserError(f"{name} is cut short (its array is not closed by a line with ]): fetch it again")

    def facts(self, line: bytes) -> list[tuple[str, str, str]]:
        """Returns (item, property, item) for each statement of its property's best rank; never for a deprecated one."""
        entity = _entity(line)
        try:
            if entity["type"] != "item":
                return []
            item = _matching(_ITEM, entity["id"])
            claims = entity.get("claims") or {}  # old dumps write [] for {}
            return [
                (item, _matching(_PROPERTY, property_), target)
                for property_, statements in claims.items()
                if not self.properties or property_ in self.properties
                for target in _targets(statements)
            ]
        except _SHAPE_ERRORS as error:
            raise _not_an_entity(error) from None

    def terms(self, line: bytes, wanted: Callable[[str], bool]) -> list[Term]:
        """Returns the labels and aliases of an item or property, in the language and for all languages."""
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
            raise _not_an_entity(error) from None

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
    """Returns the items that are values of the preferred statements, or if there are none, of the normal ones."""
    preferred = [statement for statement in statements if statement["rank"] == "preferred"]
    best = preferred or [statement for statement in statements if statement["rank"] == "normal"]
    return [target for statement in best if (target := _target(statement["mainsnak"]))]


def _target(snak: dict) -> str | None:
    """Returns the item that is a snak's value; None for a value of another kind, an unknown one, and "no value"."""
    if snak["snaktype"] != "value" or snak.get("datatype", "wikibase-item") != "wikibase-item":
        return None
    value = snak["datavalue"]["value"]
    if snak["datavalue"]["type"] != "wikibase-entityid" or value["entity-type"] != "item":
        return None
    return _matching(_ITEM, value["id"] if "id" in value else f"Q{value['numeric-id']}")  # old dumps write no "id"


def _matching(pattern: re.Pattern[str], id_: str) -> str:
    """Returns the id. Raises MalformedLineError if it does not match the pattern."""
    if not pattern.fullmatch(id_):
        raise MalformedLineError(f"has {id_[:40]!r} where an id such as {pattern.pattern[0]}42 should be")
    return id_


def _text(term: dict) -> str:
    text = term["value"]
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text")
    return text


def _not_an_entity(error: Exception) -> MalformedLineError:
    return MalformedLineError(f"is no Wikidata entity ({type(error).__name__}: {error})")
