"""Graphs from text files: what is read, and how missing or broken files are refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from graph_checks import EVERYTHING, refusal, triples_of

from worldgen.graphs.reading.file_graph import FileGraph
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.wikidata5m import ALIAS_ARCHIVE, TRIPLE_ARCHIVE

TRIPLES = b"Q1\tP1\tQ2\nQ1\tP2\tQ3\nQ4\tP1\tQ2\n"
ENTITIES = "Q1\tAda\tA. Lovelace\nQ2\tLondon\nQ3\tpoet\tbard\tpoet\nQ4\tÉve\nQ5\n".encode()
RELATIONS = b"P1\tborn in\tbirthplace\nP2\toccupation\n"


def write_archive(path: Path, **members: bytes) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"data/wikidata5m_{name}.txt")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    (tmp_path / "wikidata5m_transductive_train.txt").write_bytes(TRIPLES)
    (tmp_path / "wikidata5m_entity.txt").write_bytes(ENTITIES)
    (tmp_path / "wikidata5m_relation.txt").write_bytes(RELATIONS)
    return tmp_path


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    write_archive(tmp_path / TRIPLE_ARCHIVE, transductive_valid=b"no\n", transductive_train=TRIPLES)
    write_archive(tmp_path / ALIAS_ARCHIVE, relation=RELATIONS, entity=ENTITIES)
    return tmp_path


@pytest.fixture(params=["unpacked", "packed"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_wikidata5m_is_read_packed_or_unpacked(folder: Path) -> None:
    source = open_graph(folder)
    table = source.triples(EVERYTHING, strict=True)
    assert triples_of(table) == [("Q1", "P1", "Q2"), ("Q1", "P2", "Q3"), ("Q4", "P1", "Q2")]
    assert (table.lines, table.malformed, table.first_malformed) == (3, 0, "")
    assert source.entity_names({"Q1", "Q3", "Q4", "Q5", "Q9"}) == {
        "Q1": ("Ada", "A. Lovelace"), "Q3": ("poet", "bard"), "Q4": ("Éve",),
    }  # fmt: skip
    assert source.relation_names({"P1"}) == {"P1": ("born in", "birthplace")}
    # A source can be read again.
    assert triples_of(source.triples(EVERYTHING, strict=True)) == triples_of(table)


def test_only_the_first_triples_are_read(folder: Path) -> None:
    table = open_graph(folder).triples(2, strict=False)
    assert triples_of(table) == [("Q1", "P1", "Q2"), ("Q1", "P2", "Q3")]
    assert table.lines == 2


def test_unpacked_files_win_over_archives(unpacked: Path) -> None:
    write_archive(unpacked / TRIPLE_ARCHIVE, transductive_train=b"x\ty\tz\n")
    (unpacked / ALIAS_ARCHIVE).write_bytes(b"rubbish")
    source = open_graph(unpacked)
    assert tuple(source.triples(EVERYTHING, strict=False).entity_ids) == ("Q1", "Q2", "Q3", "Q4")
    assert source.relation_names({"P2"}) == {"P2": ("occupation",)}


# --- files that are missing or broken -----------------------------------------------------------------------


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    message = refusal(open_graph, tmp_path / "nowhere")
    assert "no such folder or file" in message
    assert "builtin" in message


def test_a_folder_without_triples_or_names_is_refused(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert TRIPLE_ARCHIVE in refusal(open_graph, tmp_path_factory.mktemp("empty"))
    (unpacked / "wikidata5m_relation.txt").unlink()
    message = refusal(open_graph, unpacked)
    assert ALIAS_ARCHIVE in message
    assert "relation.txt" in message


def test_a_file_that_disappears_is_refused(unpacked: Path) -> None:
    source = open_graph(unpacked)
    (unpacked / "wikidata5m_transductive_train.txt").unlink()
    assert "does not exist" in refusal(source.triples, EVERYTHING, False)


def test_an_archive_without_the_member_is_refused(packed: Path) -> None:
    write_archive(packed / TRIPLE_ARCHIVE, transductive_test=TRIPLES)
    write_archive(packed / ALIAS_ARCHIVE, entity=ENTITIES)
    source = open_graph(packed)
    assert "holds no file that ends in _train.txt" in refusal(source.triples, EVERYTHING, False)
    assert "holds no file that ends in relation.txt" in refusal(source.relation_names, {"P1"})


def test_an_archive_that_is_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    """At every length that is tried, the refusal is one line that says to fetch the archive again."""
    path = tmp_path / TRIPLE_ARCHIVE
    content = b"".join(b"Q%d\tP%d\tQ%d\n" % (i * 7919 % 10007, i % 13, i * 104729 % 9973) for i in range(5000))
    write_archive(path, transductive_train=content)
    write_archive(tmp_path / ALIAS_ARCHIVE, entity=content, relation=content)
    whole = path.read_bytes()
    for length in [0, 1, 5, 10, 20, 100, 1000, len(whole) // 2, len(whole) - 2000]:
        path.write_bytes(whole[:length])
        (tmp_path / ALIAS_ARCHIVE).write_bytes(whole[:length])
        source = open_graph(tmp_path)
        assert "fetch" in refusal(source.triples, EVERYTHING, False), length
        assert "fetch" in refusal(source.entity_names, {"Q1"}), length


def test_a_damaged_archive_is_refused(packed: Path) -> None:
    path = packed / TRIPLE_ARCHIVE
    damaged = bytearray(path.read_bytes())
    damaged[40:60] = bytes(20)
    path.write_bytes(damaged)
    assert "fetch" in refusal(open_graph(packed).triples, EVERYTHING, False)
    path.write_bytes(b"<html>not found</html>" * 100)
    assert "is damaged or cut short" in refusal(open_graph(packed).triples, EVERYTHING, False)


# --- plain TSV ----------------------------------------------------------------------------------------------


def tsv(folder: Path, content: bytes) -> FileGraph:
    (folder / "mine.tsv").write_bytes(content)
    return open_graph(folder / "mine.tsv")


def test_the_ids_of_a_plain_tsv_are_its_labels(tmp_path: Path) -> None:
    source = tsv(tmp_path, b'Ada\tborn in\t"London"\nAda\tis\ta "poet"')
    assert triples_of(source.triples(EVERYTHING, strict=True)) == [
        ("Ada", "born in", '"London"'),
        ("Ada", "is", 'a "poet"'),
    ]
    assert source.entity_names({"Ada"}) == {"Ada": ("Ada",)}
    assert source.relation_names({"born in"}) == {"born in": ("born in",)}


def test_files_beside_a_tsv_give_labels(tmp_path: Path) -> None:
    (tmp_path / "mine.entities.tsv").write_bytes(ENTITIES)
    source = tsv(tmp_path, TRIPLES)
    assert source.entity_names({"Q1", "Q7"}) == {"Q1": ("Ada", "A. Lovelace")}
    assert source.relation_names({"P1"}) == {"P1": ("P1",)}
    (tmp_path / "mine.relations.tsv").write_bytes(RELATIONS)
    assert tsv(tmp_path, TRIPLES).relation_names({"P1"}) == {"P1": ("born in", "birthplace")}


def test_malformed_lines_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    source = tsv(tmp_path, b"a\tr\tb\n\nonly one\nc\tr\td\te\nc\tr\td\n\n")
    table = source.triples(EVERYTHING, strict=False)
    assert triples_of(table) == [("a", "r", "b"), ("c", "r", "d")]
    assert (table.lines, table.malformed) == (4, 2)
    assert table.first_malformed == "mine.tsv line 3: 1 column, 3 expected"


def test_strict_refuses_a_malformed_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tsv(tmp_path, b"a\tr\tb\nc\tr\n")
    message = refusal(source.triples, EVERYTHING, True)
    assert message == "mine.tsv line 2: 2 columns, 3 expected (--strict): mend the line or leave --strict out"
    assert capfd.readouterr().err == ""
    # A blank line is not malformed, and a line after the last one wanted is not read.
    assert tsv(tmp_path, b"a\tr\tb\n\nc\tr\td\n").triples(EVERYTHING, strict=True).lines == 2
    assert source.triples(1, strict=True).lines == 1
    assert source.triples(1, strict=False).malformed == 0


@pytest.mark.parametrize("line", [b"a\tr\tb\xff\n", b"a\xe9\tr\tb\n", b"a\tr\xc3\tb\n", b"\xff\xfe\n"])
def test_triples_that_are_not_utf8_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str], line: bytes) -> None:
    message = refusal(tsv(tmp_path, b"x\ty\tz\n" + line).triples, EVERYTHING, False)
    assert message.startswith("mine.tsv line 2 is not UTF-8")
    assert capfd.readouterr().err == ""


def test_names_that_are_not_utf8_are_refused_if_asked_for(unpacked: Path) -> None:
    (unpacked / "wikidata5m_entity.txt").write_bytes(b"Q7\t\xff\nQ1\tAda\xff\n")
    source = open_graph(unpacked)
    assert refusal(source.entity_names, {"Q1"}).startswith("wikidata5m_entity.txt line 2 is not UTF-8")
    assert source.entity_names({"Q9"}) == {}  # nobody asked for the bad ones


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    (tmp_path / "mine.entities.tsv").write_bytes(mark + ENTITIES.replace(b"\n", b"\r\n"))
    source = tsv(tmp_path, mark + TRIPLES.replace(b"\n", b"\r\n"))
    table = source.triples(EVERYTHING, strict=True)
    assert triples_of(table) == [("Q1", "P1", "Q2"), ("Q1", "P2", "Q3"), ("Q4", "P1", "Q2")]
    assert source.entity_names({"Q1", "Q2"}) == {"Q1": ("Ada", "A. Lovelace"), "Q2": ("London",)}


@pytest.mark.parametrize("content", [b"", b"\n\n", b"one column\n" * 3])
def test_a_file_without_triples_is_refused(tmp_path: Path, content: bytes) -> None:
    message = refusal(tsv(tmp_path, content).triples, EVERYTHING, False)
    assert message.startswith("mine.tsv holds no line of three tab-separated columns")
    assert ("line 1: 1 column" in message) == content.startswith(b"one")


def test_the_real_sample_is_read_whole(wikidata_sample: Path) -> None:
    source = open_graph(wikidata_sample)
    table = source.triples(EVERYTHING, strict=True)
    assert (table.lines, table.malformed, len(set(table.rows.head.tolist()))) == (40_308, 0, 3_616)
    assert source.entity_names({"Q20"})["Q20"][0] == "Norway"
    assert source.relation_names(set(table.relation_ids)).keys() == set(table.relation_ids)
