"""Another program's answers to every question: read from a file, and checked, row by row, before they are scored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import COLUMNS, Measurements
from worldgen.evaluate.asking.questions import Question, QuestionKind


def read_table(path: Path) -> pd.DataFrame:
    """Returns the table in a Parquet, CSV or JSON lines file.

    Raises UserError for a file with another suffix, and for one that cannot be read.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".parquet": pd.read_parquet,
        # A label may be "NA", or look like a number.
        ".csv": lambda path: pd.read_csv(path, dtype=str, keep_default_na=False),
        ".jsonl": lambda path: pd.DataFrame(_json_lines(path.read_text("utf-8"))),
    }
    if path.suffix not in readers:
        raise UserError(f"{path}: measurements are read from .parquet, .csv or .jsonl")
    try:
        return readers[path.suffix](path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {str(error).strip().partition(chr(10))[0]}") from None


def _json_lines(text: str) -> list[dict[str, object]]:
    """Raises ValueError, with the number of the line, for a line that is no JSON object."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is no JSON object")
        rows.append(row)
    return rows


def checked(table: pd.DataFrame, questions: Sequence[Question], path: Path) -> Measurements:
    """Returns the measurements in a table, in the order of the questions.

    Raises UserError unless the table has one row for each question, with a probability or an answer as it asks.
    """
    if absent := [column for column in COLUMNS if column not in table]:
        raise UserError(f"{path} has no column {absent[0]!r}: its columns are to be {', '.join(COLUMNS)}")
    keys = list(zip(pd.to_numeric(table["case"], errors="coerce"), table["name"], strict=True))
    wanted = [(question.case, question.name) for question in questions]
    given, known = set(keys), set(wanted)
    _refuse(path, "has no row for", [key for key in wanted if key not in given], "every row of probes.parquet")
    _refuse(path, "has rows for what is no probe:", [key for key in keys if key not in known], "no others")
    _refuse(path, "has two rows for", [key for key, rows in Counter(keys).items() if rows > 1], "one of each")
    place = {key: row for row, key in enumerate(keys)}
    ordered = table.iloc[[place[key] for key in wanted]].reset_index(drop=True)
    is_free = np.array([question.kind is QuestionKind.ANSWER for question in questions])

    def probabilities(column: str) -> NDArray[np.float64]:
        numbers = ordered[column].where(~ordered[column].map(lambda value: isinstance(value, bool | np.bool_)))
        values = pd.to_numeric(numbers, errors="coerce").to_numpy(float)
        bad = ~is_free & ~((values >= 0) & (values <= 1))
        _refuse(path, f"has no probability as {column!r} of", [wanted[i] for i in np.flatnonzero(bad)], "0 to 1")
        return np.where(is_free, np.nan, values)

    def answers(column: str) -> list[str]:
        return ordered[column].fillna("").astype(str).where(is_free, "").tolist()

    return Measurements(
        case=[case for case, _ in wanted],
        name=[name for _, name in wanted],
        before=probabilities("before"),
        after=probabilities("after"),
        answer_before=answers("answer_before"),
        answer_after=answers("answer_after"),
    )


def _refuse(path: Path, fault: str, keys: Sequence[tuple[float, str]], mend: str) -> None:
    """Raises UserError with the first of these rows (case, name), if there is one."""
    if keys:
        case, name = keys[0]
        more = f" and {len(keys) - 1:,} more" if len(keys) > 1 else ""
        raise UserError(f"{path} {fault} case {case}, {name}{more}: give {mend}")
