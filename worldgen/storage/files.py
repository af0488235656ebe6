"""Files, written so that a kill at any moment leaves the old file or the new one, never half of one; their hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Writes `path` in one step: `write` fills a file beside it, which is flushed to disk, then renamed to `path`.

    Makes the folder if there is none. If `write` fails, the new file is removed and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name holds the process id, so that a worker that outlives its killed parent cannot write into another's file.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def remove_partials(folder: Path) -> None:
    """Removes the half-written files that killed processes have left in a folder and its subfolders."""
    for partial in folder.rglob(".*.partial"):
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file with these bytes."""
    write_atomically(path, lambda partial: partial.write_bytes(content))  # type: ignore[arg-type, return-value]


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8."""
    write_bytes(path, text.encode())


def write_table(path: Path, columns: Mapping[str, Any] | pa.Table) -> None:
    """Writes one Parquet file, compressed with zstd; equal columns give equal bytes."""
    write_atomically(path, lambda partial: _save_table(columns, partial))


def table_bytes(columns: Mapping[str, Any] | pa.Table) -> bytes:
    """Returns the bytes that `write_table` writes."""
    file = BytesIO()
    _save_table(columns, file)
    return file.getvalue()


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes one npy file, without pickle."""
    write_bytes(path, array_bytes(array))


def array_bytes(array: np.ndarray) -> bytes:
    """Returns the bytes that `write_array` writes."""
    file = BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def read_columns(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Returns some columns of a Parquet file, or all of them, as numpy arrays (lists and texts as object arrays)."""
    # Not `pq.read_table` and not `to_numpy`: importing the modules that these need takes longer than loading a world.
    with pq.ParquetFile(path) as file:
        table = file.read(None if names is None else list(names))
    return {name: _as_numpy(table[name]) for name in table.column_names}


def sha256(path: Path) -> str:
    """Returns a file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _save_table(columns: Mapping[str, Any] | pa.Table, where: Path | BytesIO) -> None:
    table = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
    pq.write_table(table, where, compression="zstd")


def _as_numpy(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_boolean(column.type):
        return _as_numpy(column.cast(pa.uint8())).astype(bool)
    if pa.types.is_primitive(column.type):
        chunks = [np.from_dlpack(chunk) for chunk in column.chunks]
        return np.concatenate(chunks) if chunks else np.zeros(0, str(column.type))
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    return values
