"""`worldgen fetch`: downloads the files of a knowledge graph, checks them, and unpacks them if asked to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from worldgen.errors import UserError
from worldgen.graphs.fetching.download import Console, RemoteFile, download, is_complete
from worldgen.graphs.fetching.unpack import unpack
from worldgen.graphs.wikidata5m import ALIAS_ARCHIVE, TRIPLE_ARCHIVE

MIRROR = "https://huggingface.co/datasets/intfloat/wikidata5m/resolve/main"
WIKIDATA5M = (
    RemoteFile(TRIPLE_ARCHIVE, 168258214, "383160990b41c0905fc03f4a8afbb9b12be1ca3591e026bde6cdc94a59542597"),
    RemoteFile(ALIAS_ARCHIVE, 197449751, "0330f580c9f7a57cbad949ac380835fdd2a2e14d96cc0f13fc435401d6b463a8"),
)


@dataclass(frozen=True)
class Fetched:
    """The files of a folder after a fetch: "complete already" or "downloaded" by name, and the unpacked texts."""

    folder: str
    files: dict[str, str]
    unpacked: tuple[str, ...]


def fetch(files: tuple[RemoteFile, ...], folder: Path, mirror: str, with_unpacking: bool, console: Console) -> Fetched:
    """Downloads `files` from the mirror into the folder; a file that is complete there stays as it is.

    Raises UserError (one line, with the mend) if a file cannot be fetched; a later call resumes its download.
    """
    if not mirror.startswith(("http://", "https://")):
        raise UserError(f"--mirror {mirror!r} is no web address: give one that begins with https://")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".fetch.lock", timeout=0):
            states = {file.name: _fetched(file, folder, mirror, console) for file in files}
            unpacked = _unpacked(files, folder, console) if with_unpacking else ()
    except Timeout:
        raise UserError(f"another worldgen process is fetching into {folder}: wait for it") from None
    except (FileExistsError, NotADirectoryError, PermissionError, IsADirectoryError) as error:
        raise UserError(f"cannot write into {folder} ({error}): give a folder of your own") from None
    return Fetched(str(folder), states, unpacked)


def _fetched(file: RemoteFile, folder: Path, mirror: str, console: Console) -> str:
    """Makes sure that the file is in the folder; returns how it came there."""
    target = folder / file.name
    if is_complete(target, file):
        return "complete already"
    if target.exists():
        console.say(f"{file.name}: the one in {folder} is damaged or another, it is replaced")
    download(file, mirror, target, console)
    return "downloaded"


def _unpacked(files: tuple[RemoteFile, ...], folder: Path, console: Console) -> tuple[str, ...]:
    names: list[str] = []
    for file in files:
        console.say(f"{file.name}: unpacking")
        names += unpack(folder / file.name, folder)
    return tuple(names)
