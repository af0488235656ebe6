"""JSON lines as typed records. A wrong line is told in one line, with the file, the line's number and the reason."""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from worldgen.errors import UserError

Record = TypeVar("Record", bound=BaseModel)


class Place(NamedTuple):
    """A line of a file."""

    file: Path
    line: int
    """Counted from 1."""

    def error(self, reason: str) -> UserError:
        """Returns the error that says what is wrong with this line."""
        return UserError(f"{self.file} line {self.line}: {' '.join(reason.split())}")


def read_records(file: Path, record: type[Record]) -> Iterator[tuple[Place, Record]]:
    """Yields the records of a file with one JSON object a line, and the place of each. Blank lines are skipped.

    A line ends with a line feed only: JSON texts may hold other separators. Raises UserError for a file that cannot be
    read, for a line that is no JSON object in UTF-8, and for one that does not fit the record.
    """
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                content = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if not content.isspace() and content:
                    place = Place(file, number)
                    yield place, _record(content, record, place)
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from None


def _record(line: bytes, record: type[Record], place: Place) -> Record:
    try:
        return record.model_validate_json(line)
    except ValidationError as error:
        raise place.error(_reason(error.errors(include_url=False)[0], record)) from None


def _reason(error: ErrorDetails, record: type[BaseModel]) -> str:
    """Returns the reason of an error of pydantic's in plain words."""
    field = ".".join(map(str, error["loc"]))
    if error["type"] == "json_invalid":
        return "no JSON: " + re.sub(r" at line 1 column", " at column", error["msg"].removeprefix("Invalid JSON: "))
    if error["type"] == "missing":
        return f"the field {field!r} is missing"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, record.model_fields, n=1)
        return f"there is no field {field!r}" + (f": did you mean {near[0]!r}?" if near else "")
    message = error["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message
