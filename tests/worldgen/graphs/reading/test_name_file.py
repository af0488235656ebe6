"""Reading packed names gives what a plain loop over the lines gives, also for hostile files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
from hostile_files import FILES, outcome
from hypothesis import given
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.graphs.packed_names import Aliases, labels_of, name_lists
from worldgen.graphs.reading.line_file import LineFile
from worldgen.graphs.reading.name_file import read_names


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
def test_packed_names_are_the_names_on_the_lines(content: bytes, ids: set[str]) -> None:
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
