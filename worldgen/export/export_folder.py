"""The folder of an export: it is filled once, completed after a kill, and never mixed with other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from worldgen.errors import UserError
from worldgen.storage.manifests import (
    INPUTS,
    MANIFEST,
    Inputs,
    Manifest,
    begin,
    differences,
    finish,
    read_manifest,
    verify,
)


def export_into(out: Path, inputs: Inputs, write: Callable[[], dict[str, int]], say: Callable[[str], None]) -> Manifest:
    """Fills the folder `out` by calling `write`, unless it was filled from the same inputs before.

    `write` writes the files and returns the numbers of rows for the manifest, which is the last file. Returns the
    manifest. Raises UserError for a folder that holds anything else.
    """
    done = read_manifest(out) if _holds_this_export(out, inputs) else None
    if done is not None and not verify(out):
        say(f"{out}: done already")
        return done
    (out / MANIFEST).unlink(missing_ok=True)
    started = begin(out, inputs)
    finish(out, "export", inputs, write(), started)
    manifest = read_manifest(out)
    assert manifest is not None
    return manifest


def _holds_this_export(out: Path, inputs: Inputs) -> bool:
    """Returns whether `out` holds this export, finished or begun. Raises UserError if it holds anything else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / INPUTS).exists():
        raise UserError(f"{out} is not empty: name a new folder with --out")
    if differing := differences(out, inputs):
        raise UserError(f"{out} holds another export ({'; '.join(differing[:3])}): name a new folder with --out")
    return True
