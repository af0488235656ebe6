"""Small dumps in Wikidata's real formats, made from triples and names."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Triple = tuple[str, str, str]
Names = Mapping[str, tuple[str, ...]]
WD = "http://www.wikidata.org"
RDF = {"label": "http://www.w3.org/2000/01/rdf-schema#label", "alias": "http://www.w3.org/2004/02/skos/core#altLabel"}


def statement(property_: str, target: str | None, rank: str = "normal", **snak: Any) -> dict[str, Any]:
    """A statement as the dumps have it; without a target its value is unknown."""
    main: dict[str, Any] = {"snaktype": "somevalue", "property": property_, "hash": "0" * 40}
    main |= {"datatype": "wikibase-item"}
    if target is not None:
        value = {"entity-type": "item", "numeric-id": int(target[1:]), "id": target}
        main |= {"snaktype": "value", "datavalue": {"value": value, "type": "wikibase-entityid"}}
    return {"mainsnak": main | snak, "type": "statement", "id": f"Q1$0000-{target}", "rank": rank, "references": []}


def entity(id_: str, names: Mapping[str, tuple[str, ...]], claims: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
    """An item or property with names by language (label first), the keys in the dumps' order."""
    kind = {"type": "item"} if id_.startswith("Q") else {"type": "property", "datatype": "wikibase-item"}
    by_property: dict[str, list] = {}
    for claim in claims:
        by_property.setdefault(claim["mainsnak"]["property"], []).append(claim)
    term = lambda language, text: {"language": language, "value": text}  # noqa: E731
    return kind | {
        "id": id_,
        "labels": {language: term(language, texts[0]) for language, texts in names.items() if texts},
        "descriptions": {"en": {"language": "en", "value": 'is "described" here, with [brackets], too'}},
        "aliases": {la: [term(la, text) for text in texts[1:]] for la, texts in names.items() if texts[1:]},
        "claims": by_property,
        "sitelinks": {"enwiki": {"site": "enwiki", "title": "x", "badges": []}},
        "lastrevid": 195301613,
    }


def json_dump(entities: Iterable[dict[str, Any] | str]) -> bytes:
    """The array, one entity a line; texts are lines as they are."""
    lines = [line if isinstance(line, str) else json.dumps(line, separators=(",", ":")) for line in entities]
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def json_of(triples: Iterable[Triple], entities: Names, properties: Names, language: str = "en") -> bytes:
    """A JSON dump of triples and names in one language; the properties stand at the end."""
    claims: dict[str, list] = {id_: [] for id_ in entities}
    for head, property_, tail in triples:
        claims.setdefault(head, []).append(statement(property_, tail))
    items = [entity(id_, {language: entities.get(id_, ())}, of) for id_, of in claims.items()]
    return json_dump([*items, *(entity(id_, {language: texts}) for id_, texts in properties.items())])


def literal(text: str, language: str) -> str:
    """A literal as Wikidata's dumps write it: in ASCII, the rest escaped."""
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    code = lambda c: f"\\u{ord(c):04X}" if ord(c) < 0x10000 else f"\\U{ord(c):08X}"  # noqa: E731
    return '"' + "".join(short.get(c) or (c if " " <= c <= "~" else code(c)) for c in text) + f'"@{language}'


def names_nt(id_: str, texts: tuple[str, ...], language: str = "en") -> list[str]:
    """The lines of an entity's label and aliases."""
    kinds = ["label"] + ["alias"] * (len(texts) - 1)
    return [f"<{WD}/entity/{id_}> <{RDF[k]}> {literal(t, language)} ." for k, t in zip(kinds, texts, strict=True)]


def fact_nt(head: str, property_: str, tail: str) -> str:
    """The line of a fact."""
    return f"<{WD}/entity/{head}> <{WD}/prop/direct/{property_}> <{WD}/entity/{tail}> ."


def nt_of(triples: Iterable[Triple], entities: Names, properties: Names, language: str = "en") -> bytes:
    """An N-Triples dump of triples and names in one language."""
    names = [line for id_, texts in {**entities, **properties}.items() for line in names_nt(id_, texts, language)]
    return "".join(f"{line}\n" for line in [*names, *(fact_nt(*triple) for triple in triples)]).encode()


def write(path: Path, data: bytes) -> Path:
    """The file, compressed as its name says."""
    packed = {".gz": gzip.compress(data), ".bz2": bz2.compress(data)}
    path.write_bytes(packed.get(path.suffix, data))
    return path
