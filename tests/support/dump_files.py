"""Small dumps in Wikidata's real formats, written from triples and names."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from graph_checks import Triple

from worldgen.graphs.reading.dumps import Dump
from worldgen.graphs.reading.opening import open_graph

Names = Mapping[str, tuple[str, ...]]
WD = "http://www.wikidata.org"
RDF = {"label": "http://www.w3.org/2000/01/rdf-schema#label", "alias": "http://www.w3.org/2004/02/skos/core#altLabel"}

TRIPLES = [("Q42", "P69", "Q691283"), ("Q42", "P106", "Q214917"), ("Q7", "P69", "Q691283"), ("Q7", "P106", "Q5")]
ENTITIES = {
    "Q42": ("Douglas Adams", "Douglas Noël Adams", 'D. "DNA" Adams'), "Q7": ("Ève\\Ada", "埃达", "𝔈ve"),
    "Q691283": ("St John's College",), "Q214917": ("playwright", "dramatist"), "Q5": ("human",),
}  # fmt: skip
PROPERTIES = {"P69": ("educated at", "alma mater"), "P106": ("occupation",)}


def statement(property_: str, target: str | None, rank: str = "normal", **snak: Any) -> dict[str, Any]:
    """Returns a statement as the dumps write it; without a target its value is unknown."""
    main: dict[str, Any] = {"snaktype": "somevalue", "property": property_, "hash": "0" * 40}
    main |= {"datatype": "wikibase-item"}
    if target is not None:
        value = {"entity-type": "item", "numeric-id": int(target[1:]), "id": target}
        main |= {"snaktype": "value", "datavalue": {"value": value, "type": "wikibase-entityid"}}
    return {"mainsnak": main | snak, "type": "statement", "id": f"Q1$0000-{target}", "rank": rank, "references": []}


def entity(id_: str, names: Mapping[str, tuple[str, ...]], claims: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
    """Returns an item or property with names by language (label first), its keys in the dumps' order."""
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
    """Returns the array, one entity on each line; a text is written as a line without change."""
    lines = [line if isinstance(line, str) else json.dumps(line, separators=(",", ":")) for line in entities]
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def json_of(triples: Iterable[Triple], entities: Names, properties: Names, language: str = "en") -> bytes:
    """Returns a JSON dump of triples and names in one language; the properties stand at the end."""
    claims: dict[str, list] = {id_: [] for id_ in entities}
    for head, property_, tail in triples:
        claims.setdefault(head, []).append(statement(property_, tail))
    items = [entity(id_, {language: entities.get(id_, ())}, of) for id_, of in claims.items()]
    return json_dump([*items, *(entity(id_, {language: texts}) for id_, texts in properties.items())])


def literal(text: str, language: str) -> str:
    """Returns a literal as Wikidata's dumps write it: in ASCII, with all other characters escaped."""
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    code = lambda c: f"\\u{ord(c):04X}" if ord(c) < 0x10000 else f"\\U{ord(c):08X}"  # noqa: E731
    return '"' + "".join(short.get(c) or (c if " " <= c <= "~" else code(c)) for c in text) + f'"@{language}'


def names_nt(id_: str, texts: tuple[str, ...], language: str = "en") -> list[str]:
    """Returns the lines of an entity's label and aliases."""
    kinds = ["label"] + ["alias"] * (len(texts) - 1)
    return [f"<{WD}/entity/{id_}> <{RDF[k]}> {literal(t, language)} ." for k, t in zip(kinds, texts, strict=True)]


def fact_nt(head: str, property_: str, tail: str) -> str:
    """Returns the line of a fact."""
    return f"<{WD}/entity/{head}> <{WD}/prop/direct/{property_}> <{WD}/entity/{tail}> ."


def nt_of(triples: Iterable[Triple], entities: Names, properties: Names, language: str = "en") -> bytes:
    """Returns an N-Triples dump of triples and names in one language."""
    names = [line for id_, texts in {**entities, **properties}.items() for line in names_nt(id_, texts, language)]
    return "".join(f"{line}\n" for line in [*names, *(fact_nt(*triple) for triple in triples)]).encode()


def write(path: Path, data: bytes) -> Path:
    """Writes a file, compressed as its name says; returns its path."""
    packed = {".gz": gzip.compress(data), ".bz2": bz2.compress(data)}
    path.write_bytes(packed.get(path.suffix, data))
    return path


MAKERS = {"json": json_of, "nt": nt_of}


def opened_dump(folder: Path, name: str, data: bytes, language: str = "en", properties: tuple[str, ...] = ()) -> Dump:
    """Writes a dump and opens it."""
    source = open_graph(write(folder / name, data), language, properties)
    assert isinstance(source, Dump)
    return source
