"""Reading triples from a text file: each line is a head, a relation and a tail, with tabs between them.

Arrow reads a block of lines at once. A block with anything unusual (another number of columns, a stray carriage return,
bytes that are not UTF-8) is read line by line instead. The result is the same, and the faulty line can be named.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyarrow import csv

from worldgen.errors import UserError
from worldgen.graphs.reading.line_file import BLOCK, Block, LineFile, decoded
from worldgen.graphs.reading.numbering import TextNumbering
from worldgen.graphs.sources import Rows, TripleTable

Columns = tuple[pa.Array, pa.Array, pa.Array]  # heads, relations, tails

_COLUMN_NAMES = ("head", "relation", "tail")
_PLAIN = csv.ParseOptions(delimiter="\t", quote_char=False, double_quote=False, escape_char=False)
_TEXTS = csv.ConvertOptions(column_types={name: pa.large_string() for name in _COLUMN_NAMES}, check_utf8=True)


def read_triples(file: LineFile, limit: int, strict: bool, block_size: int = BLOCK) -> TripleTable:
    """Reads the first `limit` triples. Codes are numbered in order of first appearance, a line's head before its tail.

    A line with another number of columns is malformed: it is counted and left out. Blank lines are skipped. Raises
    UserError for a malformed line if `strict`, for a line that is not UTF-8, and for a file without triples.
    """
    bad = _BadLines(file, strict)
    entities, relations = TextNumbering(), TextNumbering()
    lines = 0
    for block in file.blocks(block_size):
        head, relation, tail = _columns(block) or _columns_by_line(block, limit - lines, bad)
        wanted = min(len(head), limit - lines)
        entities.add(_alternating(head[:wanted], tail[:wanted]))
        relations.add(relation[:wanted])
        lines += wanted
        if lines == limit:
            break
    if not lines:
        raise UserError(f"{file} holds no line of three tab-separated columns{bad.example()}")
    codes, entity_ids = entities.codes_and_texts()
    relation, relation_ids = relations.codes_and_texts()
    rows = Rows(codes[0::2].copy(), relation, codes[1::2].copy())
    pa.default_memory_pool().release_unused()  # or Arrow keeps the memory of the blocks
    return TripleTable(rows, entity_ids, relation_ids, lines + bad.count, bad.count, bad.first)


def _columns(block: Block) -> Columns | None:
    """Returns the columns of a block, or None if the block must be read line by line."""
    content = block.content.replace(b"\r\n", b"\n")
    # Arrow ends a line at a lone carriage return, and drops a byte order mark at the beginning of any block.
    if b"\r" in content or content.startswith(codecs.BOM_UTF8):
        return None
    whole = csv.ReadOptions(column_names=_COLUMN_NAMES, block_size=len(content) + 1, use_threads=False)
    try:
        table = csv.read_csv(pa.py_buffer(content), whole, _PLAIN, _TEXTS)
    except pa.ArrowInvalid:
        return None
    head, relation, tail = (column.chunk(0) for column in table.columns)
    return head, relation, tail


def _columns_by_line(block: Block, limit: int, bad: _BadLines) -> Columns:
    """Returns the columns of at most `limit` lines with three columns; counts the malformed lines in `bad`."""
    triples = []
    for number, line in block.lines():
        columns = decoded(line, bad.file, number).split("\t")
        if len(columns) == 3:
            triples.append(columns)
        elif line:
            bad.add(number, len(columns))
        if len(triples) == limit:
            break
    head, relation, tail = (pa.array([t[i] for t in triples], pa.large_string()) for i in range(3))
    return head, relation, tail


def _alternating(head: pa.Array, tail: pa.Array) -> pa.Array:
    """Returns head[0], tail[0], head[1], tail[1], ..."""
    order = np.arange(2 * len(head)).reshape(2, -1).T.ravel()
    return pa.concat_arrays([head, tail]).take(pa.array(order))


@dataclass
class _BadLines:
    """A count of the malformed lines so far, and a description of the first."""

    file: LineFile
    strict: bool
    count: int = 0
    first: str = ""

    def add(self, number: int, columns: int) -> None:
        """Counts a line. Raises UserError if `strict`."""
        where = f"{self.file} line {number}: {columns} column{'s' * (columns != 1)}, 3 expected"
        if self.strict:
            raise UserError(f"{where} (--strict): mend the line or leave --strict out")
        self.first = self.first or where
        self.count += 1

    def example(self) -> str:
        """Returns the description of the first malformed line in brackets, for a message; empty if there is none."""
        return f" ({self.first})" if self.first else ""
