"""Stages: the steps of a run, each a folder, declared with all that can change what is in it.

A stage is skipped when it is done, goes on when it is half done, and is refused, with the settings that differ, when
its folder was made with others: nothing is reused silently and nothing is destroyed.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from worldgen.errors import UserError
from worldgen.evaluate.runs.config import FORMER, field_names
from worldgen.evaluate.runs.load import finished
from worldgen.evaluate.runs.run import Run
from worldgen.storage.manifests import (
    INPUTS,
    MANIFEST,
    Inputs,
    begin,
    differing,
    finish,
    inputs_text,
    noted_inputs,
    read_manifest,
)


def _nothing(_: Run) -> Inputs:
    return {}


@dataclass(frozen=True)
class Stage:
    """One step of a run. What a stage depends on is what can change it, and nothing more."""

    name: str
    """The stage's folder within the run's: "world", "edits/lora"."""

    make: Callable[[Run, Path], Mapping[str, Any]]
    """Fills the folder; returns what the manifest shall count."""

    writes: tuple[str, ...]
    """Patterns of the files that it writes; a folder with any other file in it is not touched."""

    settings: tuple[str, ...] = ()
    """The settings of its own that decide it: a field ("edit.mode", "seed") or a whole section ("world")."""

    reads: tuple[Stage, ...] = ()
    """The stages whose files it reads; it depends on all that they depend on."""

    also: Callable[[Run], Inputs] = _nothing
    """Gives further inputs that decide the stage beside settings: hashes of files, say."""

    resumes: bool = False
    """Whether it goes on with what a killed process left; other stages start anew."""

    cheap: bool = False
    """Whether a finished stage of other settings is made anew, with a word about it, instead of being refused."""

    def inputs(self, run: Run) -> dict[str, Any]:
        """Returns the settings that decide the stage and the stages that it reads, by name: "world.facts" -> 600."""
        return run.config.inputs(self._all_settings()) | dict(self.also(run))

    def mark(self, run: Run) -> str:
        """Returns a short hash of the inputs, for the name of a folder. A setting at its former value is left out."""
        told = {name: value for name, value in self.inputs(run).items() if FORMER.get(name) != value}
        return hashlib.sha256(inputs_text(told).encode()).hexdigest()[:12]

    def _all_settings(self) -> tuple[str, ...]:
        """Returns the settings of the stages that it reads, of those that they read, and its own."""
        return tuple(dict.fromkeys(setting for stage in in_order((self,)) for setting in stage.settings))


def carry_out(run: Run, *goals: Stage, after: tuple[Stage, ...] = ()) -> None:
    """Makes these stages and, before each, the stages that it reads; finished ones are skipped.

    `after`: goals that were carried out just before; nothing that they read is looked at again.
    """
    before = {stage.name for stage in in_order(after)}
    for stage in in_order(goals):
        if stage.name not in before:
            make_stage(run, stage)


def make_stage(run: Run, stage: Stage) -> None:
    """Makes one stage of what is there.

    Raises UserError where a stage that it reads is not finished or was made with other settings, where this one was,
    and where its folder holds files that are not the stage's.
    """
    folder, inputs = run.folder / stage.name, stage.inputs(run)
    _refuse_foreign_files(folder, stage)
    is_done = read_manifest(folder) is not None
    changed = _differences(noted_inputs(folder), inputs)
    if changed and not stage.cheap and (is_done or (stage.resumes and _has_files(folder))):
        raise _made_with_others(folder, changed)
    if is_done and not changed:
        run.say(f"{stage.name}: done already")
        return
    for read in stage.reads:
        check_made_with(run.folder / read.name, read.inputs(run))
    if is_done:
        run.say(f"{stage.name}: made anew ({changed[0]})")
    if changed or not stage.resumes:
        shutil.rmtree(folder, ignore_errors=True)
    run.say(f"{stage.name} ...")
    started = begin(folder, inputs)
    rows = stage.make(run, folder)
    assert not (undeclared := _foreign_files(folder, stage)), (
        f"{stage.name} wrote {undeclared[0]}, which it declares not"
    )
    finish(folder, stage.name, inputs, rows, started)
    done = read_manifest(folder)
    assert done is not None
    run.say(f"{stage.name}: {done.seconds:.1f} s, peak {done.peak_memory_bytes / 2**20:.0f} MiB")


def check_made_with(folder: Path, inputs: Inputs) -> None:
    """Raises UserError where a stage is not finished, or was made with other values of those inputs that it noted."""
    manifest = read_manifest(finished(folder))
    assert manifest is not None
    noted = {name: value for name, value in _with_former(manifest.inputs, inputs).items() if name in inputs}
    if changed := differing(noted, inputs):
        raise _made_with_others(folder, changed)


def in_order(goals: tuple[Stage, ...]) -> Iterator[Stage]:
    """Yields the goals and all that they read, each once, a stage after those that it reads."""
    seen: set[str] = set()

    def visit(stage: Stage) -> Iterator[Stage]:
        if stage.name not in seen:
            seen.add(stage.name)
            for read in stage.reads:
                yield from visit(read)
            yield stage

    for goal in goals:
        yield from visit(goal)


def _differences(noted: Inputs | None, inputs: Inputs) -> list[str]:
    """Returns how noted inputs differ from these. A setting that no longer decides the stage is no difference."""
    if noted is None:
        return []
    noted = _with_former(noted, inputs)
    return differing({name: noted[name] for name in noted if name in inputs or name not in _settings()}, inputs)


def _with_former(noted: Inputs, inputs: Inputs) -> Inputs:
    """Returns noted inputs with those that came later, as they were before they could be set."""
    return {name: value for name, value in FORMER.items() if name in inputs} | dict(noted)


@cache
def _settings() -> frozenset[str]:
    return frozenset(field_names())


def _foreign_files(folder: Path, stage: Stage) -> list[str]:
    """The files in a stage's folder that are not the stage's: all of them, where the stage never began.

    A process that was killed while it began has left the half-written note of its inputs, and that is ours.
    """
    is_ours = (folder / INPUTS).exists() or (folder / MANIFEST).exists()
    patterns = (INPUTS, MANIFEST, "*.partial*", *stage.writes) if is_ours else (f".{INPUTS}.*.partial",)
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return sorted(name for name in names if not any(fnmatch(name, pattern) for pattern in patterns))


def _refuse_foreign_files(folder: Path, stage: Stage) -> None:
    """Raises UserError for a folder that holds a file which is not this stage's."""
    if foreign := _foreign_files(folder, stage):
        raise UserError(
            f"{folder} holds a file that is not worldgen's ({foreign[0]}): move it elsewhere and run the same command "
            "again; nothing was touched"
        )


def _has_files(folder: Path) -> bool:
    return any(path.is_file() and path.name != INPUTS for path in folder.rglob("*"))


def _made_with_others(folder: Path, changed: list[str]) -> UserError:
    return UserError(
        f"{folder} was made with another config ({'; '.join(changed[:3])}): use another run folder, "
        f"leave the setting out, or delete {folder} and what follows it to make it anew"
    )
