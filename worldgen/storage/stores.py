"""Stores: folders to which files are written whole, on this machine's disk or at a URL (object store, server).

A store cannot rename files, and some stores show a file that is only half written. So whoever must know that a set of
files is complete writes a small file after them that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from worldgen.errors import UserError
from worldgen.storage.files import write_bytes

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# Object stores have no folders. There fsspec's `makedirs` would create a bucket, perhaps from a misspelt name.
_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci"})


class Reach(IntEnum):
    """How far away: in the same process, on the same machine, or on any machine of the network.

    For a store: from how far away it can be written to. For an engine: how far away its workers are.
    """

    PROCESS = 0
    MACHINE = 1
    NETWORK = 2


class Store(Protocol):
    """A folder whose files are read and written whole."""

    @property
    def reach(self) -> Reach:
        """From how far away the store can be written to."""

    def read(self, name: str) -> bytes | None:
        """Returns the content of the file of this name ("corpus/manifest.json"), or None if there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, or replaces it."""


@dataclass(frozen=True)
class LocalFolder:
    """A folder on this machine's disk; a file appears only when it is whole."""

    path: Path
    reach = Reach.MACHINE

    def read(self, name: str) -> bytes | None:
        """Returns the file's content, or None if there is no such file."""
        path = self.path / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, content: bytes) -> None:
        """Writes the file beside its place, then renames it."""
        write_bytes(self.path / name, content)


@dataclass(frozen=True)
class RemoteFolder:
    """A folder that fsspec reaches by its URL. Every failure there is raised as a UserError."""

    url: str

    @property
    def reach(self) -> Reach:
        """NETWORK; PROCESS for fsspec's in-memory file system, which other processes cannot see."""
        return Reach.PROCESS if self.url.startswith("memory:") else Reach.NETWORK

    def read(self, name: str) -> bytes | None:
        """Returns the file's content, or None if there is no such file."""
        with self._connection() as (file_system, folder):
            try:
                return file_system.cat_file(f"{folder}/{name}")
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Uploads the file; makes its folder if the upload fails without one."""
        with self._connection() as (file_system, folder):
            path = f"{folder}/{name}"
            try:
                file_system.pipe_file(path, content)
            except Exception:
                if self.url.partition(":")[0] in _BUCKETS:
                    raise
                with suppress(Exception):  # another worker may just have made the folder
                    file_system.makedirs(path.rpartition("/")[0], exist_ok=True)
                file_system.pipe_file(path, content)

    @contextmanager
    def _connection(self) -> Iterator[tuple[AbstractFileSystem, str]]:
        """Yields the file system and the folder's path in it; turns every exception into a UserError.

        Connects anew each time, because servers close connections that stay silent.
        """
        from fsspec.core import url_to_fs

        try:
            file_system, folder = url_to_fs(self.url)
            yield file_system, folder.rstrip("/")
        except Exception as error:  # every protocol has exceptions of its own
            shown = re.sub(r"//[^/@]*@", "//", self.url)  # without the password
            why = str(error) or type(error).__name__
            raise UserError(f"{shown}: {why}: mend this and run the same command again, it goes on") from error


def store_at(url: str) -> Store:
    """Returns the store that a URL, or a path on this machine, names."""
    protocol, found, rest = url.partition("://")
    if found and protocol not in ("file", "local"):
        return RemoteFolder(url)
    return LocalFolder(Path(rest if found else url).resolve())
