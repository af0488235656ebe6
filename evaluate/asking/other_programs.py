"""Another program's answers to every question: read from a file, and checked, row by row, before they are scored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import ANSWERS, COLUMNS, PROBABILITIES


def read_table(path: Path) -> pd.DataFrame:
    """Returns the table in a Parquet, CSV or JSON lines file.

    Raises UserError for a file with another suffix, and for one that cannot be read.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".parquet": pd.read_parquet,
        # A label may be "NA", or look like a number.
        ".csv": lambda path: pd.read_csv(path, dtype=str, keep_default_na=False),
        ".jsonl": lambda path: pd.DataFrame([json.loads(line) for line in path.read_text("utf-8").splitlines()]),
    }
    if path.suffix not in readers:
        raise UserError(f"{path}: measurements are read from .parquet, .csv or .jsonl")
    try:
        return readers[path.suffix](path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {str(error).strip().partition(chr(10))[0]}") from None


def checked(table: pd.DataFrame, probes: pd.DataFrame, path: Path) -> dict[str, Any]:
    """Returns the columns of measurements-*.parquet, in the order of the probes (the rows of probes.parquet).

    Raises UserError unless the table has one row for each probe, with a probability or an answer as the probe asks.
    """
    if absent := [column for column in COLUMNS if column not in table]:
        raise UserError(f"{path} has no column {absent[0]!r}: its columns are to be {', '.join(COLUMNS)}")
    keys = list(zip(pd.to_numeric(table["case"], errors="coerce"), table["name"], strict=True))
    wanted = list(zip(probes["case"], probes["name"], strict=True))
    given, known = set(keys), set(wanted)
    _refuse(path, "has no row for", [key for key in wanted if key not in given], "every row of probes.parquet")
    _refuse(path, "has rows for what is no probe:", [key for key in keys if key not in known], "no others")
    _refuse(path, "has two rows for", [key for key, rows in Counter(keys).items() if rows > 1], "one of each")
    place = {key: row for row, key in enumerate(keys)}
    ordered = table.iloc[[place[key] for key in wanted]].reset_index(drop=True)
    columns: dict[str, Any] = {"case": probes["case"].to_numpy(), "name": probes["name"].tolist()}
    scored = (probes["target"] != "").to_numpy()
    for column in PROBABILITIES:
        values = pd.to_numeric(ordered[column], errors="coerce").to_numpy(float)
        bad = scored & ~((values >= 0) & (values <= 1))
        _refuse(path, f"has no probability as {column!r} of", [wanted[i] for i in np.flatnonzero(bad)], "0 to 1")
        columns[column] = np.where(scored, values, np.nan)
    for column in ANSWERS:
        said = ordered[column].fillna("").astype(str)
        columns[column] = said.where(~scored, "").tolist()
    return columns


def _refuse(path: Path, what: str, keys: list[tuple[Any, Any]], mend: str) -> None:
    """Raises UserError with the first of these rows (case, name), if there is one."""
    if keys:
        case, name = keys[0]
        more = f" and {len(keys) - 1:,} more" if len(keys) > 1 else ""
        raise UserError(f"{path} {what} case {case}, {name}{more}: give {mend}")
