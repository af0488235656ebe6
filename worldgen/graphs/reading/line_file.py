"""A text file, on disk or inside a tar archive, as a stream of blocks of whole lines.

The archive is not unpacked to disk. A byte order mark is no part of the first line.
"""

from __future__ import annotations

import codecs
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from worldgen.errors import UserError

# The bytes that are read at once: small enough for a block and its columns to stay in a processor's cache.
BLOCK: Final = 1 << 22


@dataclass(frozen=True)
class LineFile:
    """A text file on disk, or the member of a gzipped tar archive whose name ends in `member`."""

    path: Path
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path.name}:{self.member}" if self.member else self.path.name

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Opens the file as a stream of bytes. Raises UserError if it cannot be read or lacks the member."""
        try:
            if not self.member:
                with self.path.open("rb") as file:
                    yield file
                return
            with tarfile.open(self.path, "r|gz", bufsize=1 << 20) as archive:
                for entry in archive:
                    content = archive.extractfile(entry) if entry.name.endswith(self.member) else None
                    if content is not None:
                        yield content  # type: ignore[misc]
                        return
            raise UserError(f"{self.path} holds no file that ends in {self.member}: fetch the archive again")
        except (tarfile.TarError, zlib.error, EOFError) as error:
            raise UserError(f"{self.path} is damaged or cut short ({error}): fetch it again") from None
        except FileNotFoundError:
            raise UserError(f"{self.path} does not exist: check --kg") from None
        except OSError as error:
            raise UserError(f"{self.path} cannot be read ({error}): check the file and fetch it again") from None

    def blocks(self, size: int = BLOCK) -> Iterator[Block]:
        """Yields the file in blocks of whole lines, each of about `size` bytes or one line."""
        number, pieces = 1, [b""]
        with self.open() as stream:
            mark = stream.read(len(codecs.BOM_UTF8))
            pieces = [mark.removeprefix(codecs.BOM_UTF8)]
            while read := stream.read(size):
                whole, end, rest = read.rpartition(b"\n")
                if end:
                    block = Block(number, b"".join([*pieces, whole, end]))
                    yield block
                    number, pieces = number + block.content.count(b"\n"), []
                pieces.append(rest)
        if content := b"".join(pieces):
            yield Block(number, content)


@dataclass(frozen=True)
class Block:
    """Whole lines of a file; `number` is the number of the first line, counted from 1."""

    number: int
    content: bytes

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yields the lines with their numbers, without their line ends."""
        lines = self.content.removesuffix(b"\n").split(b"\n")
        return ((number, line.rstrip(b"\r")) for number, line in enumerate(lines, self.number))


def decoded(line: bytes, file: LineFile, number: int) -> str:
    """Returns the line as text. Raises UserError with the line's number if it is not UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{file} line {number} is not UTF-8 ({error.reason}): save it as UTF-8") from None
