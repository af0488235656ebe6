"""What a finished stage says of itself: its inputs and the hash of every file it made.

`manifest.json` is written last: it exists = the stage is complete. `inputs.json` is written first, so that a
half-done stage of another config is told apart too.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from worldgen.errors import UserError
from worldgen.storage.files import remove_partials, sha256, write_text
from worldgen.storage.machine import peak_memory, versions

MANIFEST = "manifest.json"
INPUTS = "inputs.json"

# What a stage's result depends on: "world.facts" -> 600, with everything that earlier stages depend on.
Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """One finished stage. `files` maps a path within the stage's folder to its sha256."""

    stage: str
    inputs: dict[str, Any]
    inputs_hash: str
    rows: dict[str, Any]
    files: dict[str, str]
    seconds: float
    peak_memory_bytes: int
    versions: dict[str, str]


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a finished stage, or None."""
    path = folder / MANIFEST
    return Manifest(**json.loads(path.read_text())) if path.exists() else None


def begin(folder: Path, inputs: Inputs) -> float:
    """Note the inputs of a stage that starts, or goes on, and clear up after a killed one; returns the time."""
    remove_partials(folder)
    write_text(folder / INPUTS, inputs_text(inputs))
    return time.monotonic()


def finish(folder: Path, stage: str, inputs: Inputs, rows: Mapping[str, Any], started: float) -> None:
    """Hash what the stage made and write its manifest."""
    files = {str(path.relative_to(folder)): sha256(path) for path in stage_files(folder)}
    write_text(folder / MANIFEST, manifest_text(stage, inputs, rows, files, started))


def manifest_text(stage: str, inputs: Inputs, rows: Mapping[str, Any], files: Mapping[str, str], started: float) -> str:
    """A manifest as it is written."""
    manifest = Manifest(
        stage=stage,
        inputs=dict(inputs),
        inputs_hash=hashlib.sha256(inputs_text(inputs).encode()).hexdigest(),
        rows=dict(rows),
        files=dict(files),
        seconds=round(time.monotonic() - started, 3),
        peak_memory_bytes=peak_memory(),
        versions=versions(),
    )
    return _json(asdict(manifest))


def inputs_text(inputs: Inputs) -> str:
    """A stage's inputs as they are noted."""
    return _json(inputs)


def differences(folder: Path, inputs: Inputs) -> list[str]:
    """How the inputs noted in a folder, finished or not, differ from these: "world.facts: 600 there, 700 now"."""
    path = folder / INPUTS
    return differing(json.loads(path.read_text()), inputs) if path.exists() else []


def differing(noted: Inputs, inputs: Inputs) -> list[str]:
    """How noted inputs differ from these."""
    now = json.loads(inputs_text(inputs))
    names = [*now, *(name for name in noted if name not in now)]
    return [
        f"{name}: {_shown(noted, name)} there, {_shown(now, name)} now"
        for name in names
        if _shown(noted, name) != _shown(now, name)
    ]


def verify(folder: Path) -> list[str]:
    """What is wrong with a finished stage's files: missing, changed, or not its own. Raises UserError if unfinished."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise UserError(f"{folder} is not finished: run the stage first")
    wrong = [f"{name} is missing" for name in manifest.files if not (folder / name).exists()]
    for path in stage_files(folder):
        name = str(path.relative_to(folder))
        if name not in manifest.files:
            wrong.append(f"{name} is not in the manifest")
        elif sha256(path) != manifest.files[name]:
            wrong.append(f"{name} differs from its recorded sha256")
    return wrong


def stage_files(folder: Path) -> list[Path]:
    """The files of a stage, its manifest and half-written ones left out."""
    own = {folder / MANIFEST, folder / INPUTS}
    files = (path for path in folder.rglob("*") if path.is_file() and path not in own)
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _shown(inputs: Mapping[str, Any], name: str) -> str:
    return json.dumps(inputs[name]) if name in inputs else "nothing"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
