"""Reading triples in blocks gives what a plain loop over the lines gives, also for hostile files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hostile_files import FILES, outcome
from hypothesis import given
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.graphs.reading import triple_file
from worldgen.graphs.reading.line_file import LineFile
from worldgen.graphs.reading.triple_file import read_triples
from worldgen.graphs.sources import TripleTable

Read = tuple[list[tuple[int, ...]], tuple[str, ...], tuple[str, ...], int, int, str]


def plain_triples(content: bytes, limit: int, strict: bool) -> Read:
    """Reads line by line with two dictionaries; `read_triples` must give the same."""
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


@given(FILES, st.integers(1, 14), st.booleans(), st.integers(1, 60))
def test_blocks_give_what_lines_give(content: bytes, limit: int, strict: bool, block_size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.tsv"
        path.write_bytes(content)
        expected = outcome(plain_triples, content, limit, strict)
        assert outcome(lambda: as_read(read_triples(LineFile(path), limit, strict, block_size))) == expected


def test_regular_blocks_are_not_read_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, blank lines, Windows line ends, a byte order mark and a missing last line end are regular."""
    (tmp_path / "t.tsv").write_bytes(b'\xef\xbb\xbfa\tr\t"b\r\n\r\nc\tr\ta"\r\n' * 1 + b"\tr\tNA")
    monkeypatch.setattr(triple_file, "_columns_by_line", lambda *_: pytest.fail("read line by line"))
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
