"""Both formats of Wikidata's dumps as sources: their facts, their names, and the refusal of broken files."""

from __future__ import annotations

import bz2
import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from dump_files import (
    ENTITIES,
    MAKERS,
    PROPERTIES,
    TRIPLES,
    entity,
    json_dump,
    names_nt,
    nt_of,
    opened_dump,
)
from graph_checks import EVERYTHING, refusal, triples_of

from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.reading import dumps
from worldgen.graphs.reading.dumps import Dump
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.selection import select
from worldgen.settings import GraphConfig

ENDINGS = ["json", "json.gz", "json.bz2", "nt", "nt.gz", "nt.bz2"]


@pytest.fixture(params=ENDINGS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Dump:
    make = MAKERS[request.param.split(".")[0]]
    return opened_dump(tmp_path, f"latest-all.{request.param}", make(TRIPLES, ENTITIES, PROPERTIES))


def test_facts_and_names_are_read_as_often_as_asked(source: Dump) -> None:
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
def test_only_the_facts_of_chosen_properties_are_read(tmp_path: Path, ending: str) -> None:
    data = MAKERS[ending](TRIPLES, ENTITIES, PROPERTIES)
    some = opened_dump(tmp_path, f"a.{ending}", data, properties=("P69",))
    # The limit counts what passes the filter.
    assert triples_of(some.triples(2, strict=True)) == [triple for triple in TRIPLES if triple[1] == "P69"]
    none = opened_dump(tmp_path, f"a.{ending}", data, properties=("P1",))
    assert "graph.properties" in refusal(none.triples, EVERYTHING, False)


@pytest.mark.parametrize("ending", ["json", "nt"])
@pytest.mark.parametrize("language", ["pt-br", "PT-BR"])
def test_names_are_read_in_the_chosen_language(tmp_path: Path, ending: str, language: str) -> None:
    data = MAKERS[ending](TRIPLES, {"Q42": ("Adams, D.",)}, PROPERTIES, "pt-br")
    assert opened_dump(tmp_path, f"a.{ending}", data, language).entity_names({"Q42"}) == {"Q42": ("Adams, D.",)}
    assert opened_dump(tmp_path, f"a.{ending}", data, "pt").entity_names({"Q42"}) == {}
    assert opened_dump(tmp_path, f"a.{ending}", data).entity_names({"Q42"}) == {}


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
def test_names_for_all_languages_stand_in(tmp_path: Path, ending: str, make: Callable) -> None:
    source = opened_dump(tmp_path, f"a.{ending}", make(NAMES_BY_LANGUAGE))
    assert source.entity_names({"Q1", "Q2", "Q3"}) == {
        "Q1": ("Ada", "A. L.", "Countess"),
        "Q2": ("London", "The Smoke", "Lon"),
    }
    mul = opened_dump(tmp_path, f"a.{ending}", make(NAMES_BY_LANGUAGE), "mul")
    assert mul.entity_names({"Q2"}) == {"Q2": ("Londinium", "Lon")}


def test_a_dump_that_is_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    many = [(f"Q{i * 7919 % 10007 + 1}", f"P{i % 13 + 1}", f"Q{i * 104729 % 9973 + 1}") for i in range(3000)]
    for ending in ("json.gz", "json.bz2", "nt.gz", "nt.bz2"):
        make = MAKERS[ending.split(".")[0]]
        source = opened_dump(tmp_path, f"a.{ending}", make(many, {}, PROPERTIES))
        packed = source.path.read_bytes()
        for length in (1, 5, 10, 20, 100, len(packed) // 2, len(packed) - 1):
            source.path.write_bytes(packed[:length])
            assert "fetch it again" in refusal(source.triples, EVERYTHING, False), (ending, length)
            assert "fetch it again" in refusal(source.entity_names, {"Q1"}), (ending, length)
        source.path.write_bytes(packed[:40] + bytes(40) + packed[80:])
        assert "fetch it again" in refusal(source.triples, EVERYTHING, False)
        source.path.write_bytes(b"<html>not found</html>")
        assert "is damaged" in refusal(source.triples, EVERYTHING, False)
        source.path.write_bytes(b"")
        message = refusal(source.triples, EVERYTHING, False)  # to gzip, nothing is whole
        assert "no fact of two items" in message or "cut short" in message
        source.path.unlink()
        assert "does not exist" in refusal(source.triples, EVERYTHING, False)


def test_a_dump_packed_in_several_streams_is_read(tmp_path: Path) -> None:
    """Wikidata's dumps are packed by programs that work on several parts at once."""
    data = nt_of(TRIPLES, ENTITIES, PROPERTIES)
    for ending, pack in {"gz": gzip.compress, "bz2": bz2.compress}.items():
        path = tmp_path / f"a.nt.{ending}"
        path.write_bytes(b"".join(pack(data[i : i + 100]) for i in range(0, len(data), 100)))
        assert triples_of(open_graph(path).triples(EVERYTHING, strict=True)) == TRIPLES


def test_a_line_without_end_is_refused_in_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumps, "LONGEST_LINE", 1 << 16)
    tracemalloc.start()
    source = opened_dump(tmp_path, "a.json.gz", b"[\n" + b" " * (1 << 22))
    tracemalloc.reset_peak()
    assert "line 2 is over" in refusal(source.triples, EVERYTHING, False)
    # The reader's own buffer is 1 MiB; decompressed blocks lie beside it.
    assert tracemalloc.get_traced_memory()[1] < 6 << 20
    tracemalloc.stop()


def test_memory_does_not_grow_with_what_is_not_selected(tmp_path: Path) -> None:
    def peak(extra: int) -> int:
        others = {f"Q{10**6 + i}": (f"somebody {i}", f"someone {i}") for i in range(extra)}
        source = opened_dump(tmp_path, "a.nt", nt_of(TRIPLES, ENTITIES | others, PROPERTIES))
        tracemalloc.start()
        source.triples(EVERYTHING, strict=True)
        source.entity_names({"Q42"})
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(20_000) < peak(10) + (1 << 18)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    for name in ("a.json", "a.nt"):
        message = refusal(opened_dump(tmp_path, name, b"a\tb\tc\nd\te\tf\n").triples, EVERYTHING, False)
        assert "2 lines are malformed, the first: a." in message


HOSTILE = [
    'a "quoted" name', "ends.", "and", "is true", "x and y", "not", "not really", "42", "مرحبا بالعالم",
    "e\u0301\u0308",
    "N" * 500, "tab\there", "line\nend", "nul\x00", "\u202eright to left", "  blanks  ", '" is true . "', "\\u0041",
    "\u2028",
    "😀", "r0", "educated at", "", "\ufeffmark", "<script>", "a | b | c",
]  # fmt: skip


@pytest.mark.parametrize("ending", ["json", "nt"])
def test_hostile_labels_are_kept_whole_or_left_out(tmp_path: Path, ending: str, words: object) -> None:
    """A label that the language cannot keep is left out and reported; any other label keeps every letter."""
    people = {f"Q{i + 1}": (name,) for i, name in enumerate(HOSTILE)}
    people |= {f"Q{i + 1}": (f"person {i}", *HOSTILE) for i in range(len(HOSTILE), len(HOSTILE) + 8)}
    objects = {f"Q{900 + i}": (name,) for i, name in enumerate(["Oslo", "Rome", "judge", "cook"])}
    triples = [
        (id_, property_, f"Q{900 + i % 2 + 2 * (property_ == 'P106')}")
        for i, id_ in enumerate(people)
        for property_ in PROPERTIES
    ]
    source = opened_dump(tmp_path, f"a.{ending}", MAKERS[ending](triples, people | objects, PROPERTIES))
    graph, report = select(source, GraphConfig(relations=2, min_cooccurrence=2), words)  # type: ignore[arg-type]
    assert report.facts == 2 * len(graph.subjects) > 16
    assert set(graph.subjects.labels) <= {names[0] for names in people.values()}
    assert "not really" not in graph.subjects.labels
    assert 'a "quoted" name' in {*graph.subjects.labels, *report.labels.unspeakable_labels}
    lost = report.labels.unlabelled_facts + report.labels.unspeakable_facts
    assert report.facts + report.excluded + lost == len(triples)
    graph.save(tmp_path / "graph")
    assert KnowledgeGraph.load(tmp_path / "graph").subjects.aliases == graph.subjects.aliases
