"""Wikidata's dumps as sources: what is read of them, and what is said of those that cannot be read."""

from __future__ import annotations

import bz2
import gzip
import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from dump_files import WD, entity, fact_nt, json_dump, json_of, literal, names_nt, nt_of, statement, write
from hypothesis import given
from hypothesis import strategies as st

from worldgen import cli
from worldgen.errors import UserError
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.reading import dumps
from worldgen.graphs.reading.dumps import Dump
from worldgen.graphs.reading.ntriples import unescaped
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.selection import select
from worldgen.graphs.sources import TripleTable
from worldgen.settings import GraphConfig

EVERYTHING = 10**9
FIXTURE = Path(__file__).parents[4] / "fixtures" / "mini-graph"
TRIPLES = [("Q42", "P69", "Q691283"), ("Q42", "P106", "Q214917"), ("Q7", "P69", "Q691283"), ("Q7", "P106", "Q5")]
ENTITIES = {
    "Q42": ("Douglas Adams", "Douglas Noël Adams", 'D. "DNA" Adams'), "Q7": ("Ève\\Ada", "埃达", "𝔈ve"),
    "Q691283": ("St John's College",), "Q214917": ("playwright", "dramatist"), "Q5": ("human",),
}  # fmt: skip
PROPERTIES = {"P69": ("educated at", "alma mater"), "P106": ("occupation",)}
MAKERS = {"json": json_of, "nt": nt_of}
ENDINGS = ["json", "json.gz", "json.bz2", "nt", "nt.gz", "nt.bz2"]


def triples_of(table: TripleTable) -> list[tuple[str, str, str]]:
    columns = (table.rows.head, table.rows.relation, table.rows.tail)
    names = (table.entity_ids, table.relation_ids, table.entity_ids)
    return list(zip(*([n[i] for i in c] for n, c in zip(names, columns, strict=True)), strict=True))


def refused(action: Callable, *arguments: object) -> str:
    with pytest.raises(UserError) as raised:
        action(*arguments)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def dump(folder: Path, name: str, data: bytes, language: str = "en", properties: tuple[str, ...] = ()) -> Dump:
    source = open_graph(write(folder / name, data), language, properties)
    assert isinstance(source, Dump)
    return source


# --- both formats -------------------------------------------------------------------------------------------


@pytest.fixture(params=ENDINGS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Dump:
    make = MAKERS[request.param.split(".")[0]]
    return dump(tmp_path, f"latest-all.{request.param}", make(TRIPLES, ENTITIES, PROPERTIES))


def test_facts_and_names(source: Dump) -> None:
    table = source.triples(EVERYTHING, strict=True)
    assert triples_of(table) == TRIPLES
    assert (table.lines, table.malformed, table.first_malformed) == (4, 0, "")
    assert source.entity_names({"Q42", "Q7", "Q99"}) == {id_: ENTITIES[id_] for id_ in ("Q42", "Q7")}
    assert source.relation_names({"P69", "P999"}) == {"P69": PROPERTIES["P69"]}
    assert source.paths() == [source.path]
    # Again, and in another order.
    again = open_graph(source.path)
    assert again.relation_names({"P106"}) == {"P106": ("occupation",)}
    assert again.entity_names({"Q5"}) == {"Q5": ("human",)}
    assert triples_of(again.triples(EVERYTHING, strict=True)) == TRIPLES


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_only_the_first_facts_are_read(source: Dump, limit: int) -> None:
    table = source.triples(limit, strict=True)
    assert triples_of(table) == TRIPLES[:limit]
    assert table.lines == limit


@pytest.mark.parametrize("ending", ["json", "nt"])
def test_only_some_properties(tmp_path: Path, ending: str) -> None:
    data = MAKERS[ending](TRIPLES, ENTITIES, PROPERTIES)
    some = dump(tmp_path, f"a.{ending}", data, properties=("P69",))
    # The limit counts what passes the filter.
    assert triples_of(some.triples(2, strict=True)) == [triple for triple in TRIPLES if triple[1] == "P69"]
    none = dump(tmp_path, f"a.{ending}", data, properties=("P1",))
    assert "graph.properties" in refused(none.triples, EVERYTHING, False)


@pytest.mark.parametrize("ending", ["json", "nt"])
@pytest.mark.parametrize("language", ["pt-br", "PT-BR"])
def test_another_language(tmp_path: Path, ending: str, language: str) -> None:
    data = MAKERS[ending](TRIPLES, {"Q42": ("Adams, D.",)}, PROPERTIES, "pt-br")
    assert dump(tmp_path, f"a.{ending}", data, language).entity_names({"Q42"}) == {"Q42": ("Adams, D.",)}
    assert dump(tmp_path, f"a.{ending}", data, "pt").entity_names({"Q42"}) == {}
    assert dump(tmp_path, f"a.{ending}", data).entity_names({"Q42"}) == {}


NAMES_BY_LANGUAGE = {
    "Q1": {"mul": ("Ada", "A. L.", "Countess"), "de": ("Ada auf Deutsch",)},
    "Q2": {"mul": ("Londinium", "Lon"), "en": ("London", "The Smoke", "Lon")},
    "Q3": {"de": ("nur Deutsch",), "en-gb": ("colour",)},
}


def in_json(names: dict[str, dict[str, tuple[str, ...]]]) -> bytes:
    return json_dump([entity(id_, by_language) for id_, by_language in names.items()])


def in_nt(names: dict[str, dict[str, tuple[str, ...]]]) -> bytes:
    lines = [line for id_, by in names.items() for la, texts in by.items() for line in names_nt(id_, texts, la)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(("ending", "make"), [("json", in_json), ("nt", in_nt)])
def test_the_default_of_all_languages(tmp_path: Path, ending: str, make: Callable) -> None:
    source = dump(tmp_path, f"a.{ending}", make(NAMES_BY_LANGUAGE))
    assert source.entity_names({"Q1", "Q2", "Q3"}) == {
        "Q1": ("Ada", "A. L.", "Countess"),
        "Q2": ("London", "The Smoke", "Lon"),
    }
    mul = dump(tmp_path, f"a.{ending}", make(NAMES_BY_LANGUAGE), "mul")
    assert mul.entity_names({"Q2"}) == {"Q2": ("Londinium", "Lon")}


def test_a_dump_cut_short_anywhere(tmp_path: Path) -> None:
    many = [(f"Q{i * 7919 % 10007 + 1}", f"P{i % 13 + 1}", f"Q{i * 104729 % 9973 + 1}") for i in range(3000)]
    for ending in ("json.gz", "json.bz2", "nt.gz", "nt.bz2"):
        make = MAKERS[ending.split(".")[0]]
        source = dump(tmp_path, f"a.{ending}", make(many, {}, PROPERTIES))
        packed = source.path.read_bytes()
        for length in (1, 5, 10, 20, 100, len(packed) // 2, len(packed) - 1):
            source.path.write_bytes(packed[:length])
            assert "fetch it again" in refused(source.triples, EVERYTHING, False), (ending, length)
            assert "fetch it again" in refused(source.entity_names, {"Q1"}), (ending, length)
        source.path.write_bytes(packed[:40] + bytes(40) + packed[80:])
        assert "fetch it again" in refused(source.triples, EVERYTHING, False)
        source.path.write_bytes(b"<html>not found</html>")
        assert "is damaged" in refused(source.triples, EVERYTHING, False)
        source.path.write_bytes(b"")
        message = refused(source.triples, EVERYTHING, False)  # to gzip, nothing is whole
        assert "no fact of two items" in message or "cut short" in message
        source.path.unlink()
        assert "does not exist" in refused(source.triples, EVERYTHING, False)


def test_streams_in_several_parts(tmp_path: Path) -> None:
    """Wikidata's dumps are packed by programs that work on several parts at once."""
    data = nt_of(TRIPLES, ENTITIES, PROPERTIES)
    for ending, pack in {"gz": gzip.compress, "bz2": bz2.compress}.items():
        path = tmp_path / f"a.nt.{ending}"
        path.write_bytes(b"".join(pack(data[i : i + 100]) for i in range(0, len(data), 100)))
        assert triples_of(open_graph(path).triples(EVERYTHING, strict=True)) == TRIPLES


def test_an_array_left_open(tmp_path: Path) -> None:
    data = json_of(TRIPLES, ENTITIES, PROPERTIES).removesuffix(b"]\n")
    assert "is cut short" in refused(dump(tmp_path, "a.json", data).entity_names, {"Q42"})
    # One entity a line without an array is as good.
    plain = data.removeprefix(b"[\n").replace(b",\n", b"\n")
    assert triples_of(dump(tmp_path, "a.json", plain).triples(EVERYTHING, strict=True)) == TRIPLES


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumps, "LONGEST_LINE", 1 << 16)
    tracemalloc.start()
    source = dump(tmp_path, "a.json.gz", b"[\n" + b" " * (1 << 22))
    tracemalloc.reset_peak()
    assert "line 2 is over" in refused(source.triples, EVERYTHING, False)
    # The reader's own buffer is 1 MiB; decompressed blocks lie beside it.
    assert tracemalloc.get_traced_memory()[1] < 6 << 20
    tracemalloc.stop()


def test_memory_does_not_grow_with_what_is_not_selected(tmp_path: Path) -> None:
    def peak(extra: int) -> int:
        others = {f"Q{10**6 + i}": (f"somebody {i}", f"someone {i}") for i in range(extra)}
        source = dump(tmp_path, "a.nt", nt_of(TRIPLES, ENTITIES | others, PROPERTIES))
        tracemalloc.start()
        source.triples(EVERYTHING, strict=True)
        source.entity_names({"Q42"})
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(20_000) < peak(10) + (1 << 18)


# --- malformed lines ----------------------------------------------------------------------------------------

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
BAD_NT = {
    "no stop": fact_nt("Q1", "P1", "Q2")[:-1], "two parts": f"<{WD}/entity/Q1> <{WD}/prop/direct/P1> .",
    "words": "a b c .",
    "open text": f'<{WD}/entity/Q1> <{WD}/x> "text@en .', "bad escape": f'<{WD}/entity/Q1> <{WD}/x> "\\x"@en .',
    "after": fact_nt("Q1", "P1", "Q2") + " more", "half an escape": f'<{WD}/entity/Q1> <{WD}/x> "\\u12"@en .',
    "a fact as text": f'"{WD}/entity/Q1" <{WD}/prop/direct/P1> <{WD}/entity/Q2> .',
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_JSON)
def test_malformed_json(tmp_path: Path, kind: str) -> None:
    other = entity("Q7", {"en": ("Ada",)}, [statement("P69", "Q1")])
    source = dump(tmp_path, "a.json.gz", json_dump([GOOD, BAD_JSON[kind], BAD_JSON[kind], other]))
    table = source.triples(EVERYTHING, strict=False)
    assert triples_of(table) == [("Q42", "P69", "Q1"), ("Q7", "P69", "Q1")]
    assert (table.lines, table.malformed) == (4, 2)
    assert table.first_malformed.startswith("a.json.gz line 3 ")
    message = refused(source.triples, EVERYTHING, True)
    assert message.startswith("a.json.gz line 3 ")
    assert "(--strict)" in message
    assert source.triples(1, strict=True).malformed == 0, "what follows the last one wanted is not read"
    assert source.entity_names({"Q7"}) == {"Q7": ("Ada",)}


@pytest.mark.parametrize("kind", BAD_NT)
def test_malformed_triples(tmp_path: Path, kind: str) -> None:
    lines = ["# a comment", "", fact_nt("Q1", "P1", "Q2"), BAD_NT[kind], BAD_NT[kind], fact_nt("Q3", "P1", "Q2")]
    source = dump(tmp_path, "a.nt", "\n".join([*lines, *names_nt("Q3", ("Ada",))]).encode())
    table = source.triples(EVERYTHING, strict=False)
    assert triples_of(table) == [("Q1", "P1", "Q2"), ("Q3", "P1", "Q2")]
    assert (table.lines, table.malformed, table.first_malformed) == (4, 2, "a.nt line 4 is no triple")
    assert refused(source.triples, EVERYTHING, True).startswith("a.nt line 4 is no triple (--strict)")
    assert source.entity_names({"Q3"}) == {"Q3": ("Ada",)}


def test_lines_that_are_not_utf8(tmp_path: Path) -> None:
    latin = names_nt("Q1", ("Eve",))[0].encode().replace(b"E", b"\xc8")
    source = dump(tmp_path, "a.nt", latin + b"\n" + fact_nt("Q1", "P1", "Q2").encode())
    assert source.triples(EVERYTHING, strict=False).first_malformed.startswith("a.nt line 1 is not UTF-8")
    assert source.entity_names({"Q1"}) == {}
    data = json_dump([GOOD, GOOD | {"id": "Q7"}]).replace(b'"Adams"', b'"\xc8"', 1)
    source = dump(tmp_path, "a.json", data)
    assert source.triples(EVERYTHING, strict=False).first_malformed.startswith("a.json line 2 is not JSON")
    assert source.entity_names({"Q42", "Q7"}) == {"Q7": ("Adams",)}


def test_a_file_of_something_else(tmp_path: Path) -> None:
    for name in ("a.json", "a.nt"):
        message = refused(dump(tmp_path, name, b"a\tb\tc\nd\te\tf\n").triples, EVERYTHING, False)
        assert "2 lines are malformed, the first: a." in message


# --- JSON ---------------------------------------------------------------------------------------------------


def test_ranks_and_values(tmp_path: Path) -> None:
    """What the truthy dumps hold: of each property the statements of best rank, where they name an item."""
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
    source = dump(tmp_path, "a.json", json_dump(lines))
    assert triples_of(source.triples(EVERYTHING, strict=True)) == [
        ("Q42", property_, target)
        for property_, target in [
            ("P1", "Q2"), ("P1", "Q3"), ("P2", "Q5"), ("P2", "Q6"), ("P4", "Q8"), ("P8", "Q77"), ("P9", "Q10"),
        ]
    ]  # fmt: skip
    assert source.entity_names({"Q42", "Q43"}) == {"Q42": ("Adams",)}


def test_keys_in_another_order_and_windows_line_ends(tmp_path: Path) -> None:
    backwards = [dict(reversed(entity(id_, {"en": names}).items())) for id_, names in ENTITIES.items()]
    data = b"\xef\xbb\xbf" + json_dump([*backwards, GOOD]).replace(b"\n", b"\r\n")
    source = dump(tmp_path, "a.json", data)
    assert source.triples(EVERYTHING, strict=True).lines == 1
    assert source.entity_names({"Q7", "Q5"}) == {id_: ENTITIES[id_] for id_ in ("Q7", "Q5")}


@pytest.mark.parametrize("label", ["", 3, None, ["x"], {"value": "x"}])
def test_labels_that_are_none(tmp_path: Path, label: object) -> None:
    odd = entity("Q1", {"en": ("x", "alias")}) | {"labels": {"en": {"language": "en", "value": label}}}
    source = dump(tmp_path, "a.json", json_dump([odd, entity("Q2", {"en": ("two",)})]))
    assert source.entity_names({"Q1", "Q2"}) == {"Q2": ("two",)}


# --- N-Triples ----------------------------------------------------------------------------------------------


def test_other_triples_say_nothing(tmp_path: Path) -> None:
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
    source = dump(tmp_path, "a.nt", "\n".join(lines).encode())
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
def test_what_is_no_character_is_no_name(tmp_path: Path, escaped: str) -> None:
    lines = names_nt("Q1", ("x", "alias"))
    lines[0] = lines[0].replace('"x"', f'"{escaped}"')
    assert dump(tmp_path, "a.nt", "\n".join(lines).encode()).entity_names({"Q1"}) == {}


# --- a whole world from a dump ------------------------------------------------------------------------------


def names_in(file: str) -> dict[str, tuple[str, ...]]:
    rows = (line.split("\t") for line in (FIXTURE / file).read_text().splitlines())
    return {id_: tuple(dict.fromkeys(names)) for id_, *names in rows}


FIXTURE_TRIPLES = [
    (row[0], row[1], row[2])
    for row in (line.split("\t") for line in (FIXTURE / "wikidata5m_transductive_train.txt").read_text().splitlines())
]
SETTINGS = (
    "graph.min_cooccurrence=20", "graph.relations=4", "world.facts=200", "corpus.shard_subjects=64",
    "corpus.draws=4", "corpus.min_truths=2", "corpus.shuffles=1", "cases.cases=4",
)  # fmt: skip


def built(run: Path, kg: Path, *settings: str) -> int:
    options = [part for setting in (*SETTINGS, *settings) for part in ("--set", setting)]
    with pytest.MonkeyPatch.context() as patch:
        command = ["worldgen", "build", str(run), "--preset", "tiny", "--kg", str(kg), "--quiet", "--strict"]
        patch.setattr(sys, "argv", [*command, *options])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
    return int(exit_.value.code or 0)


def told(run: Path) -> set[tuple[str, str, str]]:
    graph = KnowledgeGraph.load(run / "graph")
    rows = zip(graph.subject.tolist(), graph.relation.tolist(), graph.object.tolist(), strict=True)
    return {(graph.subjects[s], graph.relations[r], graph.objects[o]) for s, r, o in rows}


@pytest.fixture(scope="module")
def from_wikidata5m(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "wikidata5m"
    assert built(run, FIXTURE) == 0
    return run


@pytest.mark.parametrize("ending", ["json.gz", "json.bz2", "nt.bz2", "nt.gz"])
def test_a_world_from_a_dump_is_that_of_the_same_facts(tmp_path: Path, ending: str, from_wikidata5m: Path) -> None:
    make = MAKERS[ending.split(".")[0]]
    names = names_in("wikidata5m_entity.txt"), names_in("wikidata5m_relation.txt")
    kg = write(tmp_path / f"dump.{ending}", make(FIXTURE_TRIPLES, *names, "de"))
    assert built(tmp_path / "run", kg, "graph.language=de") == 0
    assert told(tmp_path / "run") == told(from_wikidata5m)
    assert (tmp_path / "run" / "cases" / "manifest.json").exists()
    if ending.startswith("nt"):  # the same facts in the same order
        for name in ("facts", "entities", "relations"):
            file = Path("graph") / f"{name}.parquet"
            assert (tmp_path / "run" / file).read_bytes() == (from_wikidata5m / file).read_bytes()


def test_a_world_of_some_properties(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = names_in("wikidata5m_entity.txt"), names_in("wikidata5m_relation.txt")
    kg = write(tmp_path / "dump.json.bz2", json_of(FIXTURE_TRIPLES, *names))
    two = 'graph.properties=["P69", "P106"]'
    for source in (kg, FIXTURE):  # the setting means the same for every source
        assert built(tmp_path / f"of {source.name}", source, two, "graph.relations=2", "world.facts=100") == 0
        relations = {relation for _, relation, _ in told(tmp_path / f"of {source.name}")}
        assert relations == {"educated at", "occupation"}
    assert built(tmp_path / "fr", kg, "graph.language=fr") == 2
    assert "graph.language" in capsys.readouterr().err


HOSTILE = [
    'a "quoted" name', "ends.", "and", "is true", "x and y", "not", "not really", "42", "مرحبا بالعالم",
    "e\u0301\u0308",
    "N" * 500, "tab\there", "line\nend", "nul\x00", "\u202eright to left", "  blanks  ", '" is true . "', "\\u0041",
    "\u2028",
    "😀", "r0", "educated at", "", "\ufeffmark", "<script>", "a | b | c",
]  # fmt: skip


@pytest.mark.parametrize("ending", ["json", "nt"])
def test_hostile_labels(tmp_path: Path, ending: str, words: object) -> None:
    """What the language cannot keep is left out and reported; what is kept is kept to the letter."""
    people = {f"Q{i + 1}": (name,) for i, name in enumerate(HOSTILE)}
    people |= {f"Q{i + 1}": (f"person {i}", *HOSTILE) for i in range(len(HOSTILE), len(HOSTILE) + 8)}
    objects = {f"Q{900 + i}": (name,) for i, name in enumerate(["Oslo", "Rome", "judge", "cook"])}
    triples = [
        (id_, property_, f"Q{900 + i % 2 + 2 * (property_ == 'P106')}")
        for i, id_ in enumerate(people)
        for property_ in PROPERTIES
    ]
    source = dump(tmp_path, f"a.{ending}", MAKERS[ending](triples, people | objects, PROPERTIES))
    graph, report = select(source, GraphConfig(relations=2, min_cooccurrence=2), words)  # type: ignore[arg-type]
    assert report.facts == 2 * len(graph.subjects) > 16
    assert set(graph.subjects.labels) <= {names[0] for names in people.values()}
    assert "not really" not in graph.subjects.labels
    assert 'a "quoted" name' in {*graph.subjects.labels, *report.labels.unspeakable_labels}
    lost = report.labels.unlabelled_facts + report.labels.unspeakable_facts
    assert report.facts + report.excluded + lost == len(triples)
    graph.save(tmp_path / "graph")
    assert KnowledgeGraph.load(tmp_path / "graph").subjects.aliases == graph.subjects.aliases
