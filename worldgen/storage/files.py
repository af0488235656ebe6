"""Writing files so that a kill at any moment leaves the old file or the new one, never half of one."""

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


def write_beside(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, then flush it to disk and rename it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Named for the process: a worker that outlives its killed parent cannot write into another's file.
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
    """Remove what killed processes left half-written."""
    for partial in folder.rglob(".*.partial"):
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whose bytes are known."""
    write_beside(path, lambda partial: partial.write_bytes(content))  # type: ignore[arg-type, return-value]


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text."""
    write_bytes(path, text.encode())


def write_table(path: Path, columns: Mapping[str, Any] | pa.Table) -> None:
    """Write one Parquet file; the same columns give the same bytes."""
    write_beside(path, lambda partial: _save_table(columns, partial))


def table_bytes(columns: Mapping[str, Any] | pa.Table) -> bytes:
    """The bytes that `write_table` writes."""
    file = BytesIO()
    _save_table(columns, file)
    return file.getvalue()


def write_array(path: Path, array: np.ndarray) -> None:
    """Write one npy file, without pickle."""
    write_bytes(path, array_bytes(array))


def array_bytes(array: np.ndarray) -> bytes:
    """The bytes that `write_array` writes."""
    file = BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def read_columns(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Some or all columns of a Parquet file as numpy arrays (lists and texts as object arrays)."""
    # Neither as a data set nor through pyarrow's to_numpy: both import modules for longer than a world takes to load.
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
