"""The whole reproduction of the paper: build, pretrain, edit, table; in pieces of minutes that go on from one another.

    python benchmarks/paper.py runs/paper --minutes 9         # again and again, until it says that all is done
    python benchmarks/paper.py runs/paper --minutes 9 --state state/ --results docs/results/paper

A piece stops by itself in time: between stages, in pretraining behind a checkpoint, in editing behind a finished chunk
of cases. On a machine that forgets everything between pieces, `--state` carries over what `build` cannot make again in
a minute: the latest checkpoint (three float32 numbers a parameter: 1.0 GB for the 83M model), the trained model and
the measurements, as one tar file. (`worldgen verify` then misses the older checkpoints, and nothing else.)
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from worldgen.evaluate.runs.presets import PRESETS
from worldgen.storage.files import write_text
from worldgen.storage.manifests import read_manifest

TO_PACK = ("config.toml", "lm", "edits", "scores", "report")
FOR_GOOD = ("config.toml", "lm/training.parquet", "lm/manifest.json", "scores", "report")
FINISHING_MINUTES = 1.0  # behind the last training step: the final examination, the files
GRACE_SECONDS = 20


class Pieces:
    """One call's share of the work."""

    def __init__(self, run: Path, minutes: float, options: list[str]) -> None:
        self._run, self._options = run, options
        self._end = time.monotonic() + 60 * minutes

    def minutes_left(self) -> float:
        """Until this piece should be over."""
        return (self._end - time.monotonic()) / 60

    def stage(self, command: str, *options: str) -> bool:
        """Whether the command came to its end; an interrupt in time leaves what it has done. Raises where it fails."""
        if self.minutes_left() <= 0:
            return False
        arguments = [sys.executable, "-m", "worldgen", command, str(self._run), *self._options, *options]
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        try:
            code = process.wait(60 * self.minutes_left())
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            return False
        if code:
            raise click.ClickException(f"`worldgen {command}` failed with exit code {code}")
        return True


def work(run: Path, pieces: Pieces, method: str) -> bool:
    """Whether everything is done. What is finished already costs each command its start only."""
    if not is_done(run / "cases") and not pieces.stage("build"):
        return False
    if not is_done(run / "lm"):
        minutes = max(pieces.minutes_left() - FINISHING_MINUTES, 0.0)
        if not pieces.stage("pretrain", "--max-minutes", f"{minutes:.2f}") or not is_done(run / "lm"):
            return False
    if not is_done(run / "edits" / method) and not pieces.stage("edit", "--method", method):
        return False
    return pieces.stage("score") and pieces.stage("report")


def is_done(stage: Path) -> bool:
    """Whether a stage's folder is complete."""
    return read_manifest(stage) is not None


def pack(run: Path, state: Path) -> int:
    """Write state/run.tar, whole or not at all; returns its size in bytes. Of the checkpoints the latest is enough."""
    state.mkdir(parents=True, exist_ok=True)
    partial = state / "run.tar.partial"
    with tarfile.open(partial, "w") as archive:
        for path in to_pack(run):
            archive.add(path, path.relative_to(run), recursive=False)
    os.replace(partial, state / "run.tar")
    return (state / "run.tar").stat().st_size


def to_pack(run: Path) -> Iterator[Path]:
    """The files that a later piece needs and cannot make again quickly."""
    superseded = sorted((run / "lm").glob("checkpoint-*"))[: None if is_done(run / "lm") else -1]
    for name in TO_PACK:
        root = run / name
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file() and not any(old in path.parents for old in superseded):
                yield path


def unpack(run: Path, state: Path) -> None:
    """Put back what `pack` wrote, into a run folder that is not there."""
    with tarfile.open(state / "run.tar") as archive:
        archive.extractall(run, filter="data")


def keep(run: Path, results: Path, summary: dict[str, Any]) -> None:
    """Copy what is worth keeping for good: tables, curves, page; no weights."""
    for name in FOR_GOOD:
        source, target = run / name, results / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy2(source, target)
    write_text(results / "summary.json", json.dumps(summary, indent=1) + "\n")


def summary_of(run: Path) -> dict[str, Any]:
    """Each finished stage's counts and seconds (of the process that finished it)."""
    manifests = {str(path.parent.relative_to(run)): read_manifest(path.parent) for path in run.rglob("manifest.json")}
    return {name: {"seconds": m.seconds, **m.rows} for name, m in sorted(manifests.items()) if m is not None}


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--minutes", default=9.0, show_default=True, type=click.FloatRange(min=0), help="Of this piece.")
@click.option("--preset", type=click.Choice(sorted(PRESETS)), default="paper", show_default=True)
@click.option("--method", default="lora", show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one setting (repeatable).")
@click.option("--state", type=click.Path(path_type=Path), help="Folder that travels: unpacked before, packed after.")
@click.option(
    "--results", type=click.Path(path_type=Path), help="Where to copy tables, curves and page to, at the end."
)
def main(
    run: Path, minutes: float, preset: str, method: str, device: str, settings: tuple[str, ...], state: Path | None,
    results: Path | None,
) -> None:  # fmt: skip
    """Go on with the reproduction for so many minutes; prints JSON: is all done, what have the stages counted."""
    if state is not None and (state / "run.tar").exists() and not (run / "config.toml").exists():
        unpack(run, state)
    options = ["--preset", preset, "--device", device, *(part for setting in settings for part in ("--set", setting))]
    pieces = Pieces(run, minutes, options)
    done = work(run, pieces, method)
    summary = {"done": done, "stages": summary_of(run)}
    if state is not None:
        summary["state_bytes"] = pack(run, state)
    if done and results is not None:
        keep(run, results, summary)
    click.echo(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
