"""A run folder: what it is, how this process works on it, and whose it is.

A folder is a run's when it holds the marker, which is the first thing that is written into a new one. A folder with
anything else in it is somebody else's: it is refused, and nothing in it is touched.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from worldgen.errors import UserError
from worldgen.evaluate.runs.config import SECTIONS_OF_ALL_VERSIONS, RunConfig, sealed_toml
from worldgen.evaluate.runs.load import CONFIG
from worldgen.storage.engines import Engine, Local
from worldgen.storage.files import write_text
from worldgen.storage.manifests import INPUTS, MANIFEST

MARKER: Final = ".worldgen-run"
LOCK: Final = ".lock"
_MARK: Final = (
    "This folder belongs to a worldgen run. config.toml says which; worldgen writes and removes files here.\n"
)


@dataclass(frozen=True)
class Run:
    """A run folder, its config, and how this process works on it (which decides no result)."""

    folder: Path
    config: RunConfig
    device: str = "auto"
    engine: Engine = field(default_factory=Local)
    quiet: bool = False
    world: Path | None = None
    """The run folder that holds the world, where it is not this one: another model is asked in a folder within."""

    def say(self, text: str) -> None:
        """Tells the person at the terminal, on stderr."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    @property
    def torch_device(self) -> str:
        """The torch device to work on: CUDA where there is one, unless the user chose. Raises UserError if none."""
        import torch

        if self.device == "cuda" and not torch.cuda.is_available():
            raise UserError("--device cuda: no GPU is to be seen here, take --device cpu")
        if self.device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        return self.device


def refuse_foreign_folder(folder: Path) -> None:
    """Raises UserError for what is no folder, and for one that holds files and is no run; nothing is touched."""
    if not folder.exists() or (folder / MARKER).exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: give the name of a new folder, or of an empty one")
    others = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    if others and not _is_run_without_marker(folder):
        raise UserError(
            f"{folder} is not a run folder and is not empty (it holds {others[0]}): "
            "give the name of a new folder, or of an empty one"
        )


def _is_run_without_marker(folder: Path) -> bool:
    """Returns whether a folder without the marker is a run of an older version: complete config, inputs of a stage."""
    try:
        fields = tomllib.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return set(fields) >= SECTIONS_OF_ALL_VERSIONS and any(folder.glob(f"*/{INPUTS}"))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the run folder for this process, and marks it; a new one that nothing came of is gone again afterwards.

    Raises UserError for somebody else's folder, and while another process holds this one.
    """
    refuse_foreign_folder(folder)
    is_new, lock, marker = not folder.exists(), folder / LOCK, folder / MARKER
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            if not marker.exists():
                write_text(marker, _MARK)
            yield
    except Timeout:
        raise UserError(
            f"another worldgen process is working in {folder}: wait for it, or use another folder"
        ) from None
    finally:
        if is_new and set(folder.iterdir()) <= {lock, marker}:
            lock.unlink(missing_ok=True)
            marker.unlink(missing_ok=True)
            folder.rmdir()


@contextmanager
def keeping_config(run: Run) -> Iterator[None]:
    """Has RUN/config.toml hold the config.

    In a new folder it is written at the start, so that a killed run goes on with it, and removed if nothing came of
    it; in an old one at the end, so that a refused command changes nothing.
    """
    path, text = run.folder / CONFIG, sealed_toml(run.config)
    is_new = not path.exists()
    if is_new:
        write_text(path, text)
    try:
        yield
    except UserError:
        if is_new and not any(run.folder.rglob(MANIFEST)):
            path.unlink()
        raise
    if path.read_text(encoding="utf-8") != text:
        write_text(path, text)
