"""The fast reading of triples and names against the plain one, over hostile files in blocks of a few bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.graphs.packed_names import Aliases, PackedTexts, labels_of, name_lists, texts_by_code
from worldgen.graphs.reading import triple_file as triplefile
from worldgen.graphs.reading.line_file import LineFile
from worldgen.graphs.reading.name_file import read_names
from worldgen.graphs.reading.triple_file import read_triples
from worldgen.graphs.sources import TripleTable

Read = tuple[list[tuple[int, ...]], tuple[str, ...], tuple[str, ...], int, int, str]


def plain_triples(content: bytes, limit: int, strict: bool) -> Read:
    """Line by line with two dictionaries: what `read_triples` must give."""
    entities: dict[str, int] = {}
    relations: dict[str, int] = {}
    rows: list[tuple[int, ...]] = []
    malformed, first = 0, ""
    for number, ended in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        line = ended.rstrip(b"\r\n")
        try:
            columns = line.decode().split("\t")
        except UnicodeDecodeError as error:
            raise UserError(f"t.tsv line {number} is not UTF-8 ({error.reason}): save it as UTF-8") from None
        if len(columns) == 3:
            head = entities.setdefault(columns[0], len(entities))
            relation = relations.setdefault(columns[1], len(relations))
            rows.append((head, relation, entities.setdefault(columns[2], len(entities))))
        elif line:
            where = f"t.tsv line {number}: {len(columns)} column{'s' * (len(columns) != 1)}, 3 expected"
            if strict:
                raise UserError(f"{where} (--strict): mend the line or leave --strict out")
            malformed, first = malformed + 1, first or where
        if len(rows) == limit:
            break
    if not rows:
        raise UserError(f"t.tsv holds no line of three tab-separated columns{f' ({first})' if first else ''}")
    return rows, tuple(entities), tuple(relations), len(rows) + malformed, malformed, first


def as_read(table: TripleTable) -> Read:
    rows = list(zip(*(c.tolist() for c in (table.rows.head, table.rows.relation, table.rows.tail)), strict=True))
    ids = tuple(table.entity_ids), tuple(table.relation_ids)
    return rows, *ids, table.lines, table.malformed, table.first_malformed


def outcome(action: object, *arguments: object) -> object:
    """What it returns, or the message it refuses with."""
    try:
        return action(*arguments)  # type: ignore[operator]
    except UserError as error:
        return str(error)


CELL = st.sampled_from([b"", b"a", b"b", b"Q1", b'"', b'""', b'"a', b"\\", b" ", b"NA", b"null", b"#", b"\x00", b"\x1a",
                        b"\xef\xbb\xbf", "é".encode(), "\u2028\x85".encode(), "𝄞".encode(), b"x\ry"])  # fmt: skip
COLUMNS = st.sampled_from([3, 3, 3, 3, 3, 3, 1, 2, 4])
LINE = COLUMNS.flatmap(lambda n: st.lists(CELL, min_size=n, max_size=n).map(b"\t".join))
ODD_LINE = st.sampled_from(
    [b"", b"\r", b"\t\t", b"a\tr\tb\xff", b"a\tr\tb\rc\tq\td", b"\xed\xa0\x80\tr\tb", b"\xc3", b"\t\t\t"]
)
END = st.sampled_from([b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\r\r\n", b"\n\n"])
TIDY = st.lists(CELL, min_size=3, max_size=3).map(b"\t".join)
FILES = st.builds(
    lambda mark, lines, cut: (mark + b"".join(line + end for line, end in lines))[: None if cut < 3 else -1],
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2, b"\xef"]),
    st.lists(st.tuples(st.one_of(TIDY, TIDY, LINE, LINE | ODD_LINE), END), max_size=12),
    st.integers(0, 4),
)


@given(FILES, st.integers(1, 14), st.booleans(), st.integers(1, 60))
def test_blocks_give_what_lines_give(content: bytes, limit: int, strict: bool, block_size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.tsv"
        path.write_bytes(content)
        expected = outcome(plain_triples, content, limit, strict)
        assert outcome(lambda: as_read(read_triples(LineFile(path), limit, strict, block_size))) == expected


def test_tidy_blocks_are_not_read_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with quotes, blank lines, Windows' line ends and a byte order mark, or with no end of the last line."""
    (tmp_path / "t.tsv").write_bytes(b'\xef\xbb\xbfa\tr\t"b\r\n\r\nc\tr\ta"\r\n' * 1 + b"\tr\tNA")
    monkeypatch.setattr(triplefile, "_columns_by_line", lambda *_: pytest.fail("read line by line"))
    rows, entities, relations, *_ = as_read(read_triples(LineFile(tmp_path / "t.tsv"), 9, True))
    assert (entities, relations) == (("a", '"b', "c", 'a"', "", "NA"), ("r",))
    assert rows == [(0, 0, 1), (2, 0, 3), (4, 0, 5)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), st.integers(0, 40)), min_size=1), st.integers(1, 50))
def test_codes_are_numbered_in_order_of_first_appearance(triples: list[tuple[int, ...]], block_size: int) -> None:
    content = b"".join(b"Q%d\tP%d\tQ%d\n" % triple for triple in triples)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.tsv"
        path.write_bytes(content)
        table = read_triples(LineFile(path), len(triples), True, block_size)
    assert as_read(table) == plain_triples(content, len(triples), True)
    assert table.rows.head.dtype == table.rows.relation.dtype == np.int32


# --- names --------------------------------------------------------------------------------------------------


def plain_names(content: bytes, ids: set[str]) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for number, ended in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        line = ended.rstrip(b"\r\n")
        wanted = {id_.encode(): id_ for id_ in ids}.get(line.split(b"\t", 1)[0].strip())
        if wanted is None:
            continue
        try:
            columns = line.decode().split("\t")[1:]
        except UnicodeDecodeError as error:
            raise UserError(f"t.tsv line {number} is not UTF-8 ({error.reason}): save it as UTF-8") from None
        known = tuple(dict.fromkeys(name for name in columns if name))
        if known:
            names[wanted] = known
    return names


@given(FILES, st.sets(st.sampled_from(["a", "b", "Q1", "", "é", "\ufeff", "𝄞", "nobody"])))
def test_packed_names_are_the_lines_names(content: bytes, ids: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.tsv"
        path.write_bytes(content)
        expected = outcome(plain_names, content, ids)
        assert outcome(lambda: dict(read_names(LineFile(path), ids))) == expected
        assert outcome(lambda: dict(read_names(LineFile(path), sorted(ids)))) == expected
        if isinstance(expected, dict):
            packed, known = read_names(LineFile(path), ids), sorted(expected)
            labels, aliases = [expected[id_][0] for id_ in known], tuple(expected[id_][1:] for id_ in known)
            assert labels_of(packed, known) == labels_of(expected, known) == labels
            assert Aliases(packed, known) == Aliases(expected, known) == aliases == Aliases(packed, known)[:]
            assert Aliases(packed, known) != (*aliases, ())
            for same in (aliases, Aliases(packed, known), Aliases(expected, known)):
                assert name_lists(same).equals(pa.array(aliases, pa.list_(pa.string())))


def test_blocks_hold_whole_lines_and_know_their_number(tmp_path: Path) -> None:
    content = b"".join(b"%d" % i * (i % 7) + b"\n" for i in range(200)) + b"end"
    (tmp_path / "t.tsv").write_bytes(content)
    for size in (1, 2, 3, 10, 100, 10**6):
        blocks = list(LineFile(tmp_path / "t.tsv").blocks(size))
        assert b"".join(block.content for block in blocks) == content
        assert all(block.content.endswith(b"\n") for block in blocks[:-1])
        lines = [line for block in blocks for line in block.lines()]
        assert lines == list(enumerate(content.split(b"\n"), start=1))


def test_texts_are_a_sequence_of_strings() -> None:
    known = [f"Q{i}" for i in range(70_000)]  # more than are turned into strings at once
    texts = PackedTexts(pa.array(known, pa.large_string()))
    assert list(texts) == known
    assert (texts[3], texts[np.int32(-1)], texts[1:3], len(texts)) == ("Q3", "Q69999", ["Q1", "Q2"], 70_000)
    assert texts.index("Q2") == 2
    codes = np.array([7, 2, 69_999], np.int32)
    assert texts_by_code(texts, codes) == texts_by_code(known, codes) == {7: "Q7", 2: "Q2", 69_999: "Q69999"}
    assert "Q70000" not in texts
    with pytest.raises(IndexError):
        texts[70_000]
