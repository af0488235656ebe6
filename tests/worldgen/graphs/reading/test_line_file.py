"""A text file in blocks of whole lines."""

from __future__ import annotations

from pathlib import Path

from worldgen.graphs.reading.line_file import LineFile


def test_blocks_hold_whole_lines_and_their_numbers(tmp_path: Path) -> None:
    content = b"".join(b"%d" % i * (i % 7) + b"\n" for i in range(200)) + b"end"
    (tmp_path / "t.tsv").write_bytes(content)
    for size in (1, 2, 3, 10, 100, 10**6):
        blocks = list(LineFile(tmp_path / "t.tsv").blocks(size))
        assert b"".join(block.content for block in blocks) == content
        assert all(block.content.endswith(b"\n") for block in blocks[:-1])
        lines = [line for block in blocks for line in block.lines()]
        assert lines == list(enumerate(content.split(b"\n"), start=1))
