"""Searching a grid of a method's settings on held-out cases.

Every point of the grid is measured as the benchmark is, in RUN/tune/METHOD/HASH, the hash being that of all it depends
on: a search that was killed goes on in the middle of a point, and a larger grid asks its new points only.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.methods.tune import as_table, best_of, parts_of, read_grid, selection_score
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, make_stage
from worldgen.evaluate.stages.language_model import make_with_trace
from worldgen.evaluate.stages.testbed import CASE_FILES, CASES, benchmark_of, edits, score_folder, write_cases
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.storage.files import write_text


def _hold_cases_out(run: Run, folder: Path) -> Mapping[str, Any]:
    """Draws cases as the benchmark's are drawn, of facts that none of its requests is about."""
    benchmark = load_cases(run.folder / CASES.name / "cases.parquet")
    return write_cases(run, folder, run.config.tune.cases, benchmark)


HELD_OUT = Stage("tune/cases", _hold_cases_out, CASE_FILES, settings=("tune",), reads=(CASES,), cheap=True)


def tune(run: Run, method: Method, grid: Sequence[str], training: Stage | None = None) -> dict[str, Any]:
    """Measures every point of a grid, and writes RUN/tune/METHOD.json (which is returned) and METHOD.csv.

    `training` is the stage in which a learned optimizer is trained: every point trains its own.

    Raises UserError for a bad grid before anything is done, and where no point has a score.
    """
    points = read_grid(method, grid)
    runs = [replace(run, config=override(run.config, point)) for point in points]
    make_stage(run, HELD_OUT)
    rows = []
    for number, (point, its_run) in enumerate(zip(points, runs, strict=True), start=1):
        run.say(f"point {number} of {len(points)}: {' '.join(point)}")
        rows.append({"settings": list(point)} | _measured(its_run, method, training))
    best = best_of(rows)
    options = " ".join(f"--set {shlex.quote(setting)}" for setting in best["settings"])
    found = {"method": method.name, "cases": run.config.tune.cases, "points": rows, "best": best, "options": options}
    write_text(run.folder / "tune" / f"{method.name}.json", json.dumps(found, indent=1) + "\n")
    write_text(run.folder / "tune" / f"{method.name}.csv", as_table(found).to_csv(index=False))
    return found


def _measured(run: Run, method: Method, training: Stage | None) -> dict[str, Any]:
    """A point's score, its parts, and the cost of an edit."""
    if training:
        training = replace(training, name=f"tune/{method.name}/optimizer-{training.mark(run)}")
        make_stage(run, training)
    stage = edits(method, run, HELD_OUT, training=training)
    mark = stage.mark(run)
    stage = replace(stage, name=f"tune/{method.name}/{mark}")
    make_with_trace(run, stage)
    scores = score_folder(run, method.name, benchmark_of(run, run.folder / HELD_OUT.name), run.folder / stage.name)
    assert scores.cost is not None
    parts = {group: parts_of(scores.groups[group].post) for group in ("all", "downstream_changes")}
    selection = selection_score(parts.values())
    return {"score": selection, "parts": parts, "cost": asdict(scores.cost), "measurements": mark}
