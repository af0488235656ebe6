"""Manifests: a finished stage's record of its inputs, its results and the hash of every file that it made.

A stage first writes `inputs.json`, so that an unfinished stage of another config can be recognised. It writes
`manifest.json` last: the stage is complete if and only if this file exists. Whoever reads a finished stage reads its
manifest first, and that compares every file with its hash, once in a process: a damaged file is never used.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from worldgen.errors import UserError
from worldgen.storage.files import remove_partials, sha256, write_text
from worldgen.storage.machine import peak_memory, versions

MANIFEST = "manifest.json"
INPUTS = "inputs.json"

# The settings that a stage's result depends on, those of earlier stages included, with their values as JSON has them:
# {"world.facts": 600}.
Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """The record of one finished stage, as `manifest.json` holds it."""

    stage: str

    inputs: dict[str, Any]
    """Every setting that the result depends on, with its value."""

    inputs_hash: str
    """The SHA-256 of `inputs_text(inputs)`."""

    rows: dict[str, Any]
    """The stage's counts and other results, by name."""

    files: dict[str, str]
    """The SHA-256 of each file, by its path within the stage's folder."""

    seconds: float
    """The time from the stage's last start to its end."""

    peak_memory_bytes: int
    versions: dict[str, str]

    checksum: str = ""
    """The SHA-256 of the text of all the rest; manifests of before it was noted have none."""


_intact: set[tuple[Path, str]] = set()
"""The stages whose files this process has compared with their hashes, or has just made: folder, manifest's text."""


def read_manifest(folder: Path) -> Manifest | None:
    """Returns the manifest of the stage in this folder, or None if the stage is not finished.

    Raises UserError where the manifest is damaged, and where a file is missing, has changed, or is not the stage's.
    """
    if not (folder / MANIFEST).exists():
        return None
    text = _text_of(folder / MANIFEST)
    manifest = _parsed(folder, text)
    if (folder.resolve(), text) not in _intact:
        if wrong := _faults(folder, manifest):
            raise UserError(f"{folder}: {wrong[0]}: {_MEND.format(folder)}")
        _intact.add((folder.resolve(), text))
    return manifest


_MEND = "delete {} and what follows it, then run the same command again to make it anew"


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path} ({error}): {_MEND.format(path.parent)}") from None


def _parsed(folder: Path, text: str) -> Manifest:
    """Raises UserError for a text that is not what was written."""
    try:
        manifest = Manifest(**json.loads(text))
        is_whole = not manifest.checksum or manifest.checksum == _checksum(manifest)
    except (ValueError, TypeError):
        is_whole = False
    if not is_whole:
        raise UserError(f"{folder / MANIFEST} is damaged: {_MEND.format(folder)}")
    return manifest


def _checksum(manifest: Manifest) -> str:
    return hashlib.sha256(_json(asdict(replace(manifest, checksum=""))).encode()).hexdigest()


def begin(folder: Path, inputs: Inputs) -> float:
    """Starts a stage, or goes on with it: removes a killed run's partial files and writes `inputs.json`.

    Returns the time of a monotonic clock, in seconds, for `finish`.
    """
    remove_partials(folder)
    write_text(folder / INPUTS, inputs_text(inputs))
    return time.monotonic()


def finish(folder: Path, stage: str, inputs: Inputs, rows: Mapping[str, Any], started: float) -> None:
    """Finishes a stage: hashes the files in its folder and writes its manifest."""
    files = {str(path.relative_to(folder)): sha256(path) for path in stage_files(folder)}
    text = manifest_text(stage, inputs, rows, files, started)
    write_text(folder / MANIFEST, text)
    _intact.add((folder.resolve(), text))


def manifest_text(stage: str, inputs: Inputs, rows: Mapping[str, Any], files: Mapping[str, str], started: float) -> str:
    """Returns the text of `manifest.json`; `started` is the time that `begin` returned."""
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
    return _json(asdict(replace(manifest, checksum=_checksum(manifest))))


def inputs_text(inputs: Inputs) -> str:
    """Returns the text of `inputs.json`."""
    return _json(inputs)


def differences(folder: Path, inputs: Inputs) -> list[str]:
    """Returns the differences between the inputs written in a folder and these: "world.facts: 600 there, 700 now".

    The stage there may be unfinished. A folder without `inputs.json` differs in nothing.
    """
    noted = noted_inputs(folder)
    return [] if noted is None else differing(noted, inputs)


def noted_inputs(folder: Path) -> Inputs | None:
    """Returns the inputs that a stage noted when it began, finished or not; None where there is no note.

    Raises UserError for a damaged note.
    """
    path = folder / INPUTS
    if not path.exists():
        return None
    try:
        noted = json.loads(_text_of(path))
    except ValueError:
        noted = None
    if not isinstance(noted, dict):
        raise UserError(f"{path} is damaged: {_MEND.format(folder)}")
    return noted


def differing(noted: Inputs, inputs: Inputs) -> list[str]:
    """Returns the differences between the inputs of an earlier run, `noted`, and these, one text for each setting."""
    now = json.loads(inputs_text(inputs))
    names = [*now, *(name for name in noted if name not in now)]
    return [
        f"{name}: {_shown(noted, name)} there, {_shown(now, name)} now"
        for name in names
        if _shown(noted, name) != _shown(now, name)
    ]


def verify(folder: Path) -> list[str]:
    """Returns the faults of a stage: a file is missing, has changed, or is not in the manifest; it is not finished."""
    if not (folder / MANIFEST).exists():
        return ["it is not finished"]
    try:
        return _faults(folder, _parsed(folder, _text_of(folder / MANIFEST)))
    except UserError:
        return [f"{MANIFEST} is damaged"]


def _faults(folder: Path, manifest: Manifest) -> list[str]:
    there = {str(path.relative_to(folder)): path for path in stage_files(folder)}
    wrong = [f"{name} is missing" for name in manifest.files if name not in there]
    for name, path in there.items():
        if name not in manifest.files:
            wrong.append(f"{name} is not in the manifest")
        elif sha256(path) != manifest.files[name]:
            wrong.append(f"{name} differs from its recorded sha256")
    return wrong


def stage_files(folder: Path) -> list[Path]:
    """Returns the files that a stage made, sorted: without manifest, inputs, and hidden (half-written) files."""
    own = {folder / MANIFEST, folder / INPUTS}
    files = (path for path in folder.rglob("*") if path.is_file() and path not in own)
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _shown(inputs: Mapping[str, Any], name: str) -> str:
    return json.dumps(inputs[name]) if name in inputs else "nothing"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
