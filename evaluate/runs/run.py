"""A run folder: its config, its lock, and which of its stages are done.

A stage is skipped when it is done, goes on when it is half done, and is refused, with the fields that differ,
when the folder holds it under another config: nothing is reused silently and nothing is destroyed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from worldgen.evaluate.runs.load import CONFIG, finished
from worldgen.evaluate.runs.config import RunConfig, to_toml
from worldgen.storage.engines import Engine, Local
from worldgen.errors import UserError
from worldgen.storage.files import write_text
from worldgen.storage.manifests import MANIFEST, begin, differences, differing, finish, read_manifest, stage_files


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline. `sections` are the config's parts that its result depends on, `reads` the stages.

    A stage that `resumes` goes on with what a killed process left; the others start anew. A finished `cheap`
    stage of another config is made anew too, with a word about it; the others are refused.
    """

    name: str
    sections: tuple[str, ...]
    reads: tuple[Stage, ...] = ()
    resumes: bool = False
    cheap: bool = False


@dataclass(frozen=True)
class Run:
    """Where a run lies, what it is, and how this process works on it (which decides no result)."""

    folder: Path
    config: RunConfig
    device: str = "auto"
    engine: Engine = field(default_factory=Local)
    quiet: bool = False

    def say(self, text: str) -> None:
        """Tell the person at the terminal."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def inputs(self, sections: tuple[str, ...]) -> dict[str, Any]:
        """The fields of some of the config's sections, flat: "world.facts" -> 600."""
        whole = self.config.model_dump(mode="json")
        flat: dict[str, Any] = {"seed": whole["seed"]}
        for section in sections:
            flat |= {f"{section}.{name}": value for name, value in whole[section].items()}
        return flat

    def carry_out(
        self, stage: Stage, folder: Path, inputs: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any]]
    ) -> None:
        """Make a stage unless it is done; `make` fills the folder and returns what the manifest shall count."""
        is_done = read_manifest(folder) is not None
        worth_keeping = is_done or (stage.resumes and bool(stage_files(folder)))
        changed = differences(folder, inputs)
        if changed and worth_keeping and not stage.cheap:
            raise _another_config(folder, changed)
        if is_done and not changed:
            self.say(f"{stage.name}: done already")
            return
        for read in stage.reads:
            made_with(self.folder / read.name, self.inputs(read.sections))
        if changed or not stage.resumes:
            if is_done:
                self.say(f"{stage.name}: made anew ({changed[0]})")
            shutil.rmtree(folder, ignore_errors=True)
        self.say(f"{stage.name} ...")
        started = begin(folder, inputs)
        rows = make(folder)
        finish(folder, stage.name, inputs, rows, started)
        done = read_manifest(folder)
        assert done is not None
        self.say(f"{stage.name}: {done.seconds:.1f} s, peak {done.peak_memory_bytes / 2**20:.0f} MiB")


def made_with(folder: Path, inputs: Mapping[str, Any]) -> None:
    """Raises UserError where a stage is not finished, or was made with other values of these inputs of its."""
    manifest = read_manifest(finished(folder))
    assert manifest is not None
    noted = {name: value for name, value in manifest.inputs.items() if name in inputs}
    if changed := differing(noted, inputs):
        raise _another_config(folder, changed)


def _another_config(folder: Path, changed: list[str]) -> UserError:
    return UserError(
        f"{folder} was made with another config ({'; '.join(changed[:3])}): use another run folder, "
        f"leave the setting out, or delete {folder} and what follows it to make it anew"
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run folder for this process; a new one that nothing came of is gone again afterwards.

    Raises UserError while another process holds it.
    """
    is_new, lock = not folder.exists(), folder / ".lock"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout:
        raise UserError(
            f"another worldgen process is working in {folder}: wait for it, or use another folder"
        ) from None
    finally:
        if is_new and set(folder.iterdir()) <= {lock}:
            shutil.rmtree(folder)


@contextmanager
def keeping_config(run: Run) -> Iterator[None]:
    """Have RUN/config.toml hold the config: from the start in a new folder (a killed run goes on with it), at the
    end in an old one (a refused command changes nothing), and not at all where nothing came of it."""
    path, text = run.folder / CONFIG, to_toml(run.config)
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
