"""Measurements that no edit of ours made: another program's answers, and those of any causal model of transformers.

They lie beside our own methods' measurements, in RUN/edits/NAME, and are scored and reported as those are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import Measurements, save_measurements
from worldgen.evaluate.asking.other_programs import checked, read_table
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.load import finished, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, make_stage
from worldgen.evaluate.stages.testbed import CASES, EDIT_FILES
from worldgen.evaluate.testbed.probes import load_questions
from worldgen.storage.files import sha256
from worldgen.storage.manifests import INPUTS, MANIFEST, Inputs

LONGEST_NAME: Final = 100
_FILES_OF_A_STAGE: Final = frozenset(Path(name).stem for name in (MANIFEST, INPUTS))


def take_measurements(run: Run, path: Path, name: str | None) -> None:
    """Checks what another program measured, and keeps it as the method `name` (by default the file's name).

    Raises UserError, with the first row or value that is wrong, for a file that does not answer every question.
    """
    questions = load_questions(finished(run.folder / CASES.name) / "probes.parquet")
    measured = checked(read_table(path), questions, path)
    _keep(run, name or path.stem, {"measurements": sha256(path)}, lambda: measured)


def probe_model(run: Run, source: str, name: str | None) -> None:
    """Asks a model of transformers every question, and keeps its replies as a method (by default of the source's name).

    Nobody edits it: it says the same before and after, so its "after" shows the score of a mind that ignores requests.
    """
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.evaluate.asking.replies import ask
    from worldgen.lm.any_causal_model import load_causal

    questions = load_questions(finished(run.folder / CASES.name) / "probes.parquet")
    model, tokenizer = load_causal(source, run.torch_device)

    def replies() -> Measurements:
        said = ask(model, AnswerReader(tokenizer, load_world(run.folder).objects), questions)
        return Measurements.of(questions, said, said)

    folder = Path(source)
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    _keep(run, name or folder.name, {"model": {path.name: sha256(path) for path in files} or source}, replies)


def _keep(run: Run, name: str, origin: Inputs, replies: Callable[[], Measurements]) -> None:
    """Writes replies as the measurements of a method."""
    check_name(name)

    def write_replies(_: Run, folder: Path) -> Mapping[str, Any]:
        measured = replies()
        save_measurements(folder, measured)
        return {"probes": len(measured.case)}

    stage = Stage(
        f"edits/{name}",
        write_replies,
        EDIT_FILES,
        reads=(CASES,),
        also=lambda _: {"method": name, **origin},
        cheap=True,
    )
    make_stage(run, stage)


def check_name(name: str) -> None:
    """Raises UserError for a name that cannot be a method's, or that would name a file or a method of ours."""
    if not re.fullmatch(r"\w[\w.+-]*", name) or len(name) > LONGEST_NAME:
        raise UserError(
            f"--name {name[:LONGEST_NAME]!r}: take letters, digits, and . + - _ between them, at most {LONGEST_NAME}"
        )
    if name in METHODS:
        raise UserError(f"{name} is a method of ours: give these measurements another --name")
    if name in _FILES_OF_A_STAGE:
        raise UserError(f"{name} is the name of a file that every stage has: give these measurements another --name")
