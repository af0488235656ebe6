"""Wikidata's JSON dump: ranks, values and names, and malformed entities."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dump_files import (
    ENTITIES,
    PROPERTIES,
    TRIPLES,
    entity,
    json_dump,
    json_of,
    opened_dump,
    statement,
)
from graph_checks import EVERYTHING, refusal, triples_of

GOOD = entity("Q42", {"en": ("Adams",)}, [statement("P69", "Q1")])
BAD_JSON = {
    "broken": '{"type":"item"', "no object": "[1,2]", "a text": '"Q42"',
    "half a pair": '{"type":"item","id":"\\ud83d"}',
    "no type": '{"id":"Q1"}', "bad id": json.dumps(GOOD | {"id": "42"}), "id of a kind": json.dumps(GOOD | {"id": 42}),
    "bad property": json.dumps(GOOD | {"claims": {"educated at": [statement("P69", "Q1")]}}),
    "bad target": json.dumps(GOOD).replace('"id": "Q1"', '"id": "x"'),
    "no rank": json.dumps(GOOD).replace('"rank"', '"rang"'), "claims": json.dumps(GOOD | {"claims": {"P69": 3}}),
    "claim": json.dumps(GOOD | {"claims": {"P69": ["x"]}}), "no value": json.dumps(GOOD).replace('"datavalue"', '"x"'),
    "deep": "[" * 100_000, "nothing": "null", "two": json.dumps(GOOD) * 2,
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_JSON)
def test_malformed_entities_are_counted_or_refused(tmp_path: Path, kind: str) -> None:
    other = entity("Q7", {"en": ("Ada",)}, [statement("P69", "Q1")])
    source = opened_dump(tmp_path, "a.json.gz", json_dump([GOOD, BAD_JSON[kind], BAD_JSON[kind], other]))
    table = source.triples(EVERYTHING, strict=False)
    assert triples_of(table) == [("Q42", "P69", "Q1"), ("Q7", "P69", "Q1")]
    assert (table.lines, table.malformed) == (4, 2)
    assert table.first_malformed.startswith("a.json.gz line 3 ")
    message = refusal(source.triples, EVERYTHING, True)
    assert message.startswith("a.json.gz line 3 ")
    assert "(--strict)" in message
    assert source.triples(1, strict=True).malformed == 0, "what follows the last one wanted is not read"
    assert source.entity_names({"Q7"}) == {"Q7": ("Ada",)}


def test_an_entity_that_is_not_utf8_is_malformed(tmp_path: Path) -> None:
    data = json_dump([GOOD, GOOD | {"id": "Q7"}]).replace(b'"Adams"', b'"\xc8"', 1)
    source = opened_dump(tmp_path, "a.json", data)
    assert source.triples(EVERYTHING, strict=False).first_malformed.startswith("a.json line 2 is not JSON")
    assert source.entity_names({"Q42", "Q7"}) == {"Q7": ("Adams",)}


def test_an_array_that_is_not_closed_is_refused(tmp_path: Path) -> None:
    data = json_of(TRIPLES, ENTITIES, PROPERTIES).removesuffix(b"]\n")
    assert "is cut short" in refusal(opened_dump(tmp_path, "a.json", data).entity_names, {"Q42"})
    # One entity a line without an array is as good.
    plain = data.removeprefix(b"[\n").replace(b",\n", b"\n")
    assert triples_of(opened_dump(tmp_path, "a.json", plain).triples(EVERYTHING, strict=True)) == TRIPLES


def test_only_items_of_the_best_rank_are_facts(tmp_path: Path) -> None:
    """The facts are those of the truthy dumps: each property's statements of best rank whose value is an item."""
    date = {"value": {"time": "+1952-03-11T00:00:00Z", "precision": 11}, "type": "time"}
    lexeme = {"value": {"entity-type": "lexeme", "numeric-id": 5, "id": "L5"}, "type": "wikibase-entityid"}
    numeric = {"value": {"entity-type": "item", "numeric-id": 77}, "type": "wikibase-entityid"}
    claims = [
        statement("P1", "Q1"), statement("P1", "Q2", "preferred"), statement("P1", "Q3", "preferred"),
        statement("P2", "Q4", "deprecated"), statement("P2", "Q5"), statement("P2", "Q6"),
        statement("P3", "Q7", "deprecated"),
        statement("P4", None), statement("P4", "Q8"),
        statement("P5", None, "preferred"), statement("P5", "Q9"),
        statement("P6", None, snaktype="novalue"),
        statement("P569", "Q1", datatype="time", datavalue=date),
        statement("P7", "Q1", datatype="wikibase-lexeme", datavalue=lexeme),
        statement("P8", "Q1", datavalue=numeric),
    ]  # fmt: skip
    old = statement("P9", "Q10")
    del old["mainsnak"]["datatype"]
    lines = [
        entity("Q42", {"en": ("Adams",)}, [*claims, old]), entity("P69", {"en": ("x",)}, [statement("P31", "Q1")]),
        {"type": "lexeme", "id": "L1", "lemmas": {}, "claims": {"P1": [statement("P1", "Q1")]}},
        entity("Q43", {}) | {"labels": [], "aliases": [], "claims": []},
    ]  # fmt: skip
    source = opened_dump(tmp_path, "a.json", json_dump(lines))
    assert triples_of(source.triples(EVERYTHING, strict=True)) == [
        ("Q42", property_, target)
        for property_, target in [
            ("P1", "Q2"), ("P1", "Q3"), ("P2", "Q5"), ("P2", "Q6"), ("P4", "Q8"), ("P8", "Q77"), ("P9", "Q10"),
        ]
    ]  # fmt: skip
    assert source.entity_names({"Q42", "Q43"}) == {"Q42": ("Adams",)}


def test_another_order_of_keys_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    backwards = [dict(reversed(entity(id_, {"en": names}).items())) for id_, names in ENTITIES.items()]
    data = b"\xef\xbb\xbf" + json_dump([*backwards, GOOD]).replace(b"\n", b"\r\n")
    source = opened_dump(tmp_path, "a.json", data)
    assert source.triples(EVERYTHING, strict=True).lines == 1
    assert source.entity_names({"Q7", "Q5"}) == {id_: ENTITIES[id_] for id_ in ("Q7", "Q5")}


@pytest.mark.parametrize("label", ["", 3, None, ["x"], {"value": "x"}])
def test_a_label_that_is_no_text_gives_no_name(tmp_path: Path, label: object) -> None:
    odd = entity("Q1", {"en": ("x", "alias")}) | {"labels": {"en": {"language": "en", "value": label}}}
    source = opened_dump(tmp_path, "a.json", json_dump([odd, entity("Q2", {"en": ("two",)})]))
    assert source.entity_names({"Q1", "Q2"}) == {"Q2": ("two",)}
