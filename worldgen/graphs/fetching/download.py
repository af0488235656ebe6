"""Downloading a file over HTTP. A broken download is resumed; only a file of the recorded length and sha256 is kept."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from worldgen.errors import UserError
from worldgen.storage.files import sha256

TRIES = 4
FIRST_PAUSE = 1.0  # seconds before the second try; each later pause is twice as long
TIMEOUT = (10.0, 60.0)  # seconds to connect, and seconds of silence
CHUNK = 1 << 18  # bytes
_GONE = {401: "refuses it", 403: "refuses it", 404: "does not have it", 410: "does not have it any more"}


@dataclass(frozen=True)
class RemoteFile:
    """A file on a mirror, with its recorded length in bytes and its recorded sha256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Console:
    """The place where a person reads about progress: `say` shows a line, `quiet` hides the progress bar."""

    say: Callable[[str], None]
    quiet: bool


class _BrokenOffError(Exception):
    """A transfer that ended early; another try may resume it."""


def is_complete(path: Path, file: RemoteFile) -> bool:
    """Returns whether the file on disk has the recorded length and sha256."""
    return path.is_file() and path.stat().st_size == file.size and sha256(path) == file.sha256


def download(file: RemoteFile, mirror: str, target: Path, console: Console) -> None:
    """Downloads the file to `target`. The bytes first go to `target`.part, which a later call resumes.

    Raises UserError (one line, with the mend) if the mirror cannot be reached, does not have the file, or has another
    file. If the connection fails, the bytes that have arrived stay in `target`.part; wrong bytes are deleted.
    """
    part = target.with_name(f"{target.name}.part")
    resumed = part.exists() and 0 < part.stat().st_size <= file.size
    _fill(part, file, mirror, console)
    if resumed and sha256(part) != file.sha256:
        console.say(f"{file.name}: what an earlier download left does not fit: downloading it whole")
        part.unlink()
        _fill(part, file, mirror, console)
    if (found := sha256(part)) != file.sha256:
        part.unlink()
        raise UserError(
            f"{file.name} from {mirror} has other bytes than recorded (sha256 {found[:12]}..., expected "
            f"{file.sha256[:12]}...), nothing of it was kept: try again, or another --mirror"
        )
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(target)


def _fill(part: Path, file: RemoteFile, mirror: str, console: Console) -> None:
    """Downloads the bytes that `part` lacks, in at most `TRIES` tries; says so before each further try."""
    url = f"{mirror.rstrip('/')}/{file.name}"
    if part.exists() and part.stat().st_size > file.size:
        part.unlink()
    for attempt in range(1, TRIES + 1):
        try:
            return _transfer(url, part, file, console)
        except _BrokenOffError as error:
            have = part.stat().st_size if part.exists() else 0
            if attempt == TRIES:
                raise UserError(
                    f"{url}: {error} ({have} of {file.size} bytes are here, tried {TRIES} times): check the connection "
                    "or --mirror and run the same command again, it goes on from there"
                ) from None
            pause = FIRST_PAUSE * 2 ** (attempt - 1)
            console.say(f"{file.name}: {error}; {have} of {file.size} bytes are here; trying again in {pause:g} s")
            time.sleep(pause)
    return None


def _transfer(url: str, part: Path, file: RemoteFile, console: Console) -> None:
    """Makes one request for the missing bytes. Raises _BrokenOffError if another try may help, else UserError."""
    start = part.stat().st_size if part.exists() else 0
    if start == file.size:
        return
    headers = {"Accept-Encoding": "identity", "User-Agent": "worldgen"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            first = _checked_start(response, start, part, file)
            if first < start:
                console.say(f"{file.name}: the server does not resume downloads, so this one starts again")
            _write(response, first, part, file, console)
    except requests.exceptions.ConnectionError as error:
        raise _BrokenOffError(f"no connection ({type(error).__name__}: offline, or a wrong --mirror?)") from None
    except (requests.exceptions.Timeout, HTTPError) as error:
        raise _BrokenOffError(f"the transfer broke off ({type(error).__name__})") from None
    except requests.exceptions.RequestException as error:
        raise UserError(f"{url} cannot be fetched ({error}): check --mirror") from None
    if part.stat().st_size < file.size:
        raise _BrokenOffError("the transfer ended early")


def _checked_start(response: requests.Response, start: int, part: Path, file: RemoteFile) -> int:
    """Checks the answer's status and length. Returns its first byte: `start`, or 0 if the server does not resume."""
    status = response.status_code
    if status == 416:  # the server's file is shorter than the part here
        part.unlink()
        raise _BrokenOffError("the server cannot go on from what is here, so it is dropped")
    if status in _GONE:
        raise UserError(f"{response.url}: the server {_GONE[status]} ({status}): check --mirror")
    if status not in (200, 206):
        raise _BrokenOffError(f"the server answers {status} {response.reason}")
    if status == 200:
        start = 0
    elif not re.match(rf"bytes {start}-", response.headers.get("Content-Range", "")):
        part.unlink(missing_ok=True)
        raise _BrokenOffError("the server sends another part than asked for")
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and start + int(announced) != file.size:
        raise UserError(
            f"{response.url} announces {start + int(announced)} bytes where {file.size} are recorded: it is another "
            "file, or the server is wrong about it; try another --mirror"
        )
    return start


def _write(response: requests.Response, start: int, part: Path, file: RemoteFile, console: Console) -> None:
    """Writes the answer after the first `start` bytes. Raises UserError as soon as there are too many bytes."""
    bar = tqdm(
        total=file.size, initial=start, unit="B", unit_scale=True, unit_divisor=1024, desc=file.name,
        disable=console.quiet,
    )  # fmt: skip
    size = start
    with part.open("ab" if start else "wb") as out, bar:
        # The raw bytes, because requests would unpack a .gz that the server declares as a content encoding.
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            size += len(chunk)
            if size > file.size:
                break
            out.write(chunk)
            bar.update(len(chunk))
    if size > file.size:
        part.unlink()
        raise UserError(f"{response.url} sends more than the {file.size} bytes recorded: try another --mirror")
