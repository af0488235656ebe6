"""Files are written whole or not at all, and read back as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from worldgen.facts import Vocabulary
from worldgen.graphs.vocabularies import names_table, vocabulary
from worldgen.storage.files import (
    array_bytes,
    read_columns,
    remove_partials,
    table_bytes,
    write_array,
    write_beside,
    write_table,
    write_text,
)


def test_texts_keep_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "text.txt"
    write_text(path, "Zürich\r\n\u05d0\n")
    assert path.read_bytes() == "Zürich\r\n\u05d0\n".encode()
    write_text(path, "other")
    assert path.read_bytes() == b"other"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mishap", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_mishap_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, mishap: BaseException, before: bytes | None
) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)

    def half(partial: Path) -> None:
        partial.write_bytes(b"ne")
        raise mishap

    with pytest.raises(type(mishap)):
        write_beside(path, half)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([] if before is None else [before])


def test_the_file_appears_whole(tmp_path: Path) -> None:
    """While it is being written there is only the partial file, which no *.parquet pattern finds."""
    path = tmp_path / "file.parquet"

    def write(partial: Path) -> None:
        partial.write_bytes(b"whole")
        assert not path.exists()
        assert list(tmp_path.glob("*.parquet")) == []

    write_beside(path, write)
    assert path.read_bytes() == b"whole"


def test_partial_files_of_killed_runs_can_be_removed(tmp_path: Path) -> None:
    write_text(tmp_path / "run" / "file", "whole")
    (tmp_path / "run" / ".file.123.partial").write_bytes(b"hal")
    remove_partials(tmp_path)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["file"]


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), np.zeros(0, dtype=np.float32), np.array([True, False])])
def test_arrays(tmp_path: Path, array: np.ndarray) -> None:
    write_array(tmp_path / "a.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == array_bytes(array)
    loaded = np.load(tmp_path / "a.npy", allow_pickle=False)
    np.testing.assert_array_equal(loaded, array)
    assert loaded.dtype == array.dtype


def test_tables(tmp_path: Path) -> None:
    columns = {"n": np.arange(3, dtype=np.int32), "x": np.array([0.5, np.inf, -1]), "ok": np.array([True, False, True])}
    write_table(tmp_path / "t.parquet", columns)
    first = (tmp_path / "t.parquet").read_bytes()
    loaded = read_columns(tmp_path / "t.parquet")
    assert loaded.keys() == columns.keys()
    for name, column in columns.items():
        np.testing.assert_array_equal(loaded[name], column)
        assert loaded[name].dtype == column.dtype
    write_table(tmp_path / "t.parquet", pa.table(columns))
    assert (tmp_path / "t.parquet").read_bytes() == first == table_bytes(columns)


def test_vocabularies(tmp_path: Path) -> None:
    subjects = Vocabulary("subject", ("Ada", "\u05d0"), ("Q1", "Q2"), (("A.", "Lady Ada"), ()))
    objects = Vocabulary("object", ("Ada",), ("Q1",), ((),))
    nobody = Vocabulary("relation", (), (), ())
    write_table(tmp_path / "names.parquet", names_table(subjects, objects, nobody))
    columns = read_columns(tmp_path / "names.parquet")
    for names in (subjects, objects, nobody):
        assert vocabulary(names.kind, columns) == names
