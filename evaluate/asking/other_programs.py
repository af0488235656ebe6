"""Replies that were not got by an edit of ours: another program's, and those of any model of transformers.

They lie beside our own methods' measurements, in RUN/edits/NAME, and are scored and reported as those are.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from worldgen.errors import UserError
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.measure import ask
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.load import finished, load_world
from worldgen.evaluate.runs.resources import device_of
from worldgen.evaluate.runs.run import Run, Stage
from worldgen.evaluate.stages.pipeline import CASES
from worldgen.evaluate.testbed.questions import load_probes
from worldgen.storage.files import sha256, write_table

PROBABILITIES: Final = ("before", "after")
ANSWERS: Final = ("answer_before", "answer_after")
COLUMNS: Final = ("case", "name", *PROBABILITIES, *ANSWERS)
OUTSIDE: Final = Stage("edits", CASES.sections, reads=(CASES,), cheap=True)


def take_measurements(run: Run, path: Path, name: str | None) -> None:
    """Check what another program measured, and keep it as the method `name` (by default the file's name).

    Raises UserError, with the first row or value that is wrong, for a file that does not answer every probe.
    """
    probes = pd.read_parquet(finished(run.folder / "cases") / "probes.parquet")
    columns = checked(read_table(path), probes, path)
    _keep(run, name or path.stem, {"measurements": sha256(path)}, lambda: columns)


def probe_model(run: Run, source: str, name: str | None) -> None:
    """Ask a model of transformers every probe, and keep its replies as the method `name` (by default the source's).

    Nobody edits it: it says the same before and after, and its "after" is what a mind that ignores requests is worth.
    """
    from worldgen.lm.any_causal_model import load_causal

    probes = load_probes(finished(run.folder / "cases") / "probes.parquet")
    model, tokenizer = load_causal(source, device_of(run))

    def replies() -> dict[str, Any]:
        said = ask(model, AnswerReader(tokenizer, load_world(run.folder).objects), probes)
        return {
            "case": [probe.case for probe in probes],
            "name": [probe.name for probe in probes],
            "before": said.probability,
            "after": said.probability,
            "answer_before": said.answer,
            "answer_after": said.answer,
        }

    folder = Path(source)
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    _keep(run, name or folder.name, {"model": {path.name: sha256(path) for path in files} or source}, replies)


def read_table(path: Path) -> pd.DataFrame:
    """A Parquet, CSV or JSON lines file, by its suffix. Raises UserError for another, and for one that is broken."""
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".parquet": pd.read_parquet,
        # A label may read "NA", or like a number.
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
    """The measurements' columns in the order of the probes. Raises UserError unless there is one good row for each."""
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
    """Raises UserError if there are any such rows, with the first of them."""
    if keys:
        case, name = keys[0]
        more = f" and {len(keys) - 1:,} more" if len(keys) > 1 else ""
        raise UserError(f"{path} {what} case {case}, {name}{more}: give {mend}")


def _keep(run: Run, name: str, origin: Mapping[str, Any], replies: Callable[[], Mapping[str, Any]]) -> None:
    """Write the replies as the measurements of a method. Raises UserError for a name that is none, or one of ours."""
    if not re.fullmatch(r"\w[\w.+-]*", name):
        raise UserError(f"--name {name!r}: take letters, digits, and . + - _ between them")
    if name in METHODS:
        raise UserError(f"{name} is a method of ours: give these measurements another --name")

    def make(folder: Path) -> dict[str, Any]:
        columns = replies()
        write_table(folder / "measurements-00000.parquet", columns)
        return {"probes": len(columns["case"])}

    inputs = run.inputs(OUTSIDE.sections) | {"method": name} | dict(origin)
    run.carry_out(OUTSIDE, run.folder / "edits" / name, inputs, make)
