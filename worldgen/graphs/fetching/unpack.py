"""Unpacking the texts of an archive that nobody vouches for: plain files only, into one folder, all or none."""

from __future__ import annotations

import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from worldgen.errors import UserError

MOST_BYTES = 16 << 30  # Wikidata5m's larger archive unpacks to less than a tenth

_MEND = "fetch it again, from a mirror you trust"


def unpack(archive: Path, folder: Path) -> list[str]:
    """Writes the archive's `.txt` files directly into `folder`, without their own folders; returns their names.

    Raises UserError, with nothing written, if the archive is damaged or holds a link, a device, a path that leaves its
    folder, two files of one name, or more than `MOST_BYTES` bytes.
    """
    names: list[str] = []
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder) as beside:
        try:
            with tarfile.open(archive, "r|gz") as tar:
                for member in _texts(tar, archive):
                    name = PurePosixPath(member.name).name
                    if name in names:
                        raise _refused(archive, member, "the second file of this name")
                    flat = member.replace(name=name, mode=0o644, deep=False)
                    tar.extract(flat, beside, filter="data")
                    names.append(name)
        except tarfile.FilterError as error:
            raise UserError(f"{archive.name} is not unpacked ({error}): {_MEND}") from None
        except (tarfile.TarError, zlib.error, EOFError) as error:
            raise UserError(f"{archive} is damaged or cut short ({error}): fetch it again") from None
        for name in names:
            if (folder / name).is_dir():
                raise UserError(f"{folder / name} is a folder where a file should be: move it away")
        for name in names:
            (Path(beside) / name).replace(folder / name)
    return names


def _texts(tar: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    """Yields the members to unpack. Checks every member: one that has no place in a data set refuses the archive."""
    total = 0
    for member in tar:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or "\\" in member.name or not member.name.isprintable():
            raise _refused(archive, member, "its path leaves the folder, or is no plain text")
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise _refused(archive, member, "it is no plain file")
        total += member.size
        if total > MOST_BYTES:
            raise _refused(archive, member, f"with it come more than {MOST_BYTES >> 30} GiB")
        if path.suffix == ".txt" and not path.name.startswith("."):
            yield member


def _refused(archive: Path, member: tarfile.TarInfo, why: str) -> UserError:
    return UserError(f"{archive.name} is not unpacked, it holds {member.name[:80]!r} ({why}): {_MEND}")
