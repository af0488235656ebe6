"""Where files are written: a folder of this machine, or one of an object store or another server, by its URL.

A store has no rename, and not every one shows a file only when it is whole: what must be known to be complete is
followed by a small file that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

from worldgen.errors import UserError
from worldgen.storage.files import write_bytes

# Object stores have no folders; what fsspec would make there is a bucket, out of a slip of the pen.
_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci"})


class Reach(IntEnum):
    """From how far away something can be got at: from its process, its machine, or any machine."""

    PROCESS = 0
    MACHINE = 1
    NETWORK = 2


class Store(Protocol):
    """A folder, of which files are read and written whole."""

    @property
    def reach(self) -> Reach:
        """Who can write to it."""

    def read(self, name: str) -> bytes | None:
        """A file, or None if there is none of this name ("corpus/manifest.json")."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file, or write it anew."""


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine; a file is there when it is whole."""

    path: Path
    reach = Reach.MACHINE

    def read(self, name: str) -> bytes | None:
        """A file, or None."""
        path = self.path / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, content: bytes) -> None:
        """Write a file beside its place, and rename it."""
        write_bytes(self.path / name, content)


@dataclass(frozen=True)
class RemoteFolder:
    """A folder that fsspec reaches by its URL. Whatever goes wrong there is a UserError."""

    url: str

    @property
    def reach(self) -> Reach:
        """Any machine's, but for fsspec's memory."""
        return Reach.PROCESS if self.url.startswith("memory:") else Reach.NETWORK

    def read(self, name: str) -> bytes | None:
        """A file, or None."""
        with self._told() as (files, folder):
            try:
                return files.cat_file(f"{folder}/{name}")
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Upload a file."""
        with self._told() as (files, folder):
            path = f"{folder}/{name}"
            try:
                files.pipe_file(path, content)
            except Exception:
                if self.url.partition(":")[0] in _BUCKETS:
                    raise
                with suppress(Exception):  # another worker may just have made the folder
                    files.makedirs(path.rpartition("/")[0], exist_ok=True)
                files.pipe_file(path, content)

    @contextmanager
    def _told(self) -> Iterator[tuple[Any, str]]:
        """The file system and the folder's path in it; connected anew, for servers hang up on those who are silent."""
        from fsspec.core import url_to_fs

        try:
            files, folder = url_to_fs(self.url)
            yield files, folder.rstrip("/")
        except Exception as error:  # every protocol has errors of its own
            shown = re.sub(r"//[^/@]*@", "//", self.url)  # without a password
            why = str(error) or type(error).__name__
            raise UserError(f"{shown}: {why}: mend this and run the same command again, it goes on") from error


def store_at(url: str) -> Store:
    """The folder that a URL, or a path of this machine, names."""
    protocol, found, rest = url.partition("://")
    if found and protocol not in ("file", "local"):
        return RemoteFolder(url)
    return LocalFolder(Path(rest if found else url).resolve())
