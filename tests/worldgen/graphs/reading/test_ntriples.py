"""Wikidata's N-Triples dump: the triples that state facts and names, escapes, and malformed triples."""

from __future__ import annotations

from pathlib import Path

import pytest
from dump_files import (
    WD,
    fact_nt,
    literal,
    names_nt,
    opened_dump,
)
from graph_checks import EVERYTHING, refusal, triples_of
from hypothesis import given
from hypothesis import strategies as st

from worldgen.graphs.reading.ntriples import unescaped

BAD_NT = {
    "no stop": fact_nt("Q1", "P1", "Q2")[:-1], "two parts": f"<{WD}/entity/Q1> <{WD}/prop/direct/P1> .",
    "words": "a b c .",
    "open text": f'<{WD}/entity/Q1> <{WD}/x> "text@en .', "bad escape": f'<{WD}/entity/Q1> <{WD}/x> "\\x"@en .',
    "after": fact_nt("Q1", "P1", "Q2") + " more", "half an escape": f'<{WD}/entity/Q1> <{WD}/x> "\\u12"@en .',
    "a fact as text": f'"{WD}/entity/Q1" <{WD}/prop/direct/P1> <{WD}/entity/Q2> .',
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_NT)
def test_malformed_triples_are_counted_or_refused(tmp_path: Path, kind: str) -> None:
    lines = ["# a comment", "", fact_nt("Q1", "P1", "Q2"), BAD_NT[kind], BAD_NT[kind], fact_nt("Q3", "P1", "Q2")]
    source = opened_dump(tmp_path, "a.nt", "\n".join([*lines, *names_nt("Q3", ("Ada",))]).encode())
    table = source.triples(EVERYTHING, strict=False)
    assert triples_of(table) == [("Q1", "P1", "Q2"), ("Q3", "P1", "Q2")]
    assert (table.lines, table.malformed, table.first_malformed) == (4, 2, "a.nt line 4 is no triple")
    assert refusal(source.triples, EVERYTHING, True).startswith("a.nt line 4 is no triple (--strict)")
    assert source.entity_names({"Q3"}) == {"Q3": ("Ada",)}


def test_a_line_that_is_not_utf8_is_malformed(tmp_path: Path) -> None:
    latin = names_nt("Q1", ("Eve",))[0].encode().replace(b"E", b"\xc8")
    source = opened_dump(tmp_path, "a.nt", latin + b"\n" + fact_nt("Q1", "P1", "Q2").encode())
    assert source.triples(EVERYTHING, strict=False).first_malformed.startswith("a.nt line 1 is not UTF-8")
    assert source.entity_names({"Q1"}) == {}


def test_other_triples_give_no_facts_and_no_names(tmp_path: Path) -> None:
    q42, direct = f"<{WD}/entity/Q42>", f"{WD}/prop/direct"
    lines = [
        f"<https://www.wikidata.org/wiki/Special:EntityData/Q42> <http://schema.org/about> {q42} .",
        f'{q42} <{direct}/P569> "1952-03-11T00:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime> .',
        f'{q42} <{direct}/P345> "nm0010930" .',
        f"{q42} <{direct}/P22> _:a1b2c3 .",
        f"{q42} <{direct}/P22> <{WD}/.well-known/genid/9c1b5d> .",
        f"{q42} <{WD}/prop/direct-normalized/P214> <http://viaf.org/viaf/113230702> .",
        f"{q42} <{WD}/prop/P69> <{WD}/entity/statement/q42-0E9C4724> .",
        f"{q42} <http://schema.org/description> {literal('English writer . # and more', 'en')} .",
        f"{q42} <http://schema.org/name> {literal('Name', 'en')} .",
        f"<{WD}/entity/P69> <{direct}/P31> <{WD}/entity/Q1> .",
        f"{q42} <{direct}/P9999> <{WD}/entity/L5> .",
        f"<{WD}/entity/L5> <{direct}/P1> {q42} .",
        '<http://en.wikipedia.org/> <http://wikiba.se/ontology#wikiGroup> "wikipedia" .',
        f"<{WD}/entity/Q1>\t<{direct}/P69>\t<{WD}/entity/Q2>\t. # a comment",
        f"<{WD}/entity/Q3><{direct}/P69><{WD}/entity/Q2>.",
    ]
    source = opened_dump(tmp_path, "a.nt", "\n".join(lines).encode())
    assert triples_of(source.triples(EVERYTHING, strict=True)) == [("Q1", "P69", "Q2"), ("Q3", "P69", "Q2")]
    assert source.entity_names({"Q42"}) == {}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_text_survives_its_escapes(text: str) -> None:
    escaped = literal(text, "en").removeprefix('"').removesuffix('"@en')
    assert escaped.isascii()
    assert unescaped(escaped) == text
    pairs = "".join(f"\\u{unit:04x}" for unit in memoryview(text.encode("utf-16-le")).cast("H"))
    assert unescaped(pairs) == text


@pytest.mark.parametrize("escaped", [r"\uD83D", r"\uDE00\uD83D", r"\U00110000", r"\UFFFFFFFF"])
def test_an_escape_that_is_no_character_gives_no_name(tmp_path: Path, escaped: str) -> None:
    lines = names_nt("Q1", ("x", "alias"))
    lines[0] = lines[0].replace('"x"', f'"{escaped}"')
    assert opened_dump(tmp_path, "a.nt", "\n".join(lines).encode()).entity_names({"Q1"}) == {}
