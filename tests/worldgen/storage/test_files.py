"""A file is written whole or not at all, and reading returns what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from worldgen.storage.files import (
    array_bytes,
    read_columns,
    remove_partials,
    table_bytes,
    write_array,
    write_atomically,
    write_table,
    write_text,
)


def test_a_text_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "text.txt"
    write_text(path, "Zürich\r\n\u05d0\n")
    assert path.read_bytes() == "Zürich\r\n\u05d0\n".encode()
    write_text(path, "other")
    assert path.read_bytes() == b"other"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, failure: BaseException, before: bytes | None
) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)

    def half(partial: Path) -> None:
        partial.write_bytes(b"ne")
        raise failure

    with pytest.raises(type(failure)):
        write_atomically(path, half)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    """While a file is being written there is only a partial file, which the pattern *.parquet does not match."""
    path = tmp_path / "file.parquet"

    def write(partial: Path) -> None:
        partial.write_bytes(b"whole")
        assert not path.exists()
        assert list(tmp_path.glob("*.parquet")) == []

    write_atomically(path, write)
    assert path.read_bytes() == b"whole"


def test_partial_files_of_killed_runs_can_be_removed(tmp_path: Path) -> None:
    write_text(tmp_path / "run" / "file", "whole")
    (tmp_path / "run" / ".file.123.partial").write_bytes(b"hal")
    remove_partials(tmp_path)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["file"]


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), np.zeros(0, dtype=np.float32), np.array([True, False])])
def test_an_array_is_read_back_with_its_type(tmp_path: Path, array: np.ndarray) -> None:
    write_array(tmp_path / "a.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == array_bytes(array)
    loaded = np.load(tmp_path / "a.npy", allow_pickle=False)
    np.testing.assert_array_equal(loaded, array)
    assert loaded.dtype == array.dtype


def test_a_table_is_read_back_and_equal_columns_give_equal_bytes(tmp_path: Path) -> None:
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
