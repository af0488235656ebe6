"""How fast a world is built: every stage's seconds and peak memory, beside its floor. Prints JSON.

    python benchmarks/build.py                                     # the paper's world
    python benchmarks/build.py --facts 1000 --facts 10000 --facts 100000 --facts 1000000

A stage's peak memory is the most its process had held by then, imports (about 0.45 GiB) included. The floor is
what cannot be left out: writing the bytes that the stage leaves (written once more, flushed to disk).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from worldgen.manifest import MANIFEST, read_manifest, stage_files

STAGES = ("graph", "world", "corpus", "tokens", "agent", "cases")


@click.command()
@click.option("--facts", multiple=True, default=(100_000,), show_default=True, type=int, help="Facts of the world.")
@click.option("--workers", default=1, show_default=True, type=int, help="Processes that draw the corpus.")
@click.option("--cases", default=5000, show_default=True, type=int, help="Cases, a tenth of the facts at most.")
def main(facts: tuple[int, ...], workers: int, cases: int) -> None:
    """Build worlds from the built-in graph, from the smallest to the largest."""
    click.echo(json.dumps([measure(n, workers, min(cases, n // 10)) for n in sorted(facts)], indent=1))


def measure(facts: int, workers: int, cases: int) -> dict[str, Any]:
    """Build one world in a process of its own, and read what its manifests say."""
    settings = {
        "world.facts": facts,
        "graph.builtin_facts": max(int(1.6 * facts), facts + 20),
        "graph.max_triples": 100_000_000,
        "graph.min_cooccurrence": max(10, facts // 100),
        "graph.relations": 10 if facts >= 2000 else 4,
        "cases.cases": cases,
    }
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "cli", "build", str(run), "--preset", "paper", "--quiet"]
        begun = time.perf_counter()
        subprocess.run([*command, "--workers", str(workers), *options], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begun
        stages = {name: stage_figures(run / name) for name in STAGES}
    return {
        "facts": facts,
        "workers": workers,
        "seconds": round(seconds, 2),
        "peak_bytes": max(stage["peak_bytes"] for stage in stages.values()),
        "stages": stages,
    }


def stage_figures(folder: Path) -> dict[str, Any]:
    """What one stage took, made and could not have left out."""
    manifest = read_manifest(folder)
    assert manifest is not None, f"{folder / MANIFEST} is missing"
    files = stage_files(folder)
    return {
        "seconds": manifest.seconds,
        "floor_seconds": round(sum(writing_seconds(path) for path in files), 3),
        "bytes": sum(path.stat().st_size for path in files),
        "peak_bytes": manifest.peak_memory_bytes,
        "rows": manifest.rows,
    }


def writing_seconds(path: Path) -> float:
    """The time to write a file's bytes once more, flushed to disk."""
    content = path.read_bytes()
    begun = time.perf_counter()
    with tempfile.NamedTemporaryFile(dir=path.parent) as copy:
        copy.write(content)
        copy.flush()
        os.fsync(copy.fileno())
        return time.perf_counter() - begun


if __name__ == "__main__":
    main()
