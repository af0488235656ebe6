"""Searching a grid of a method's settings on held-out cases, by one score for all methods.

Every point of the grid is measured as the benchmark is, in RUN/tune/METHOD/HASH, the hash being that of all it depends
on: a search that was killed goes on in the middle of a point, and a larger grid asks its new points only.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from worldgen.errors import UserError
from worldgen.evaluate.asking.measure import read_costs, read_measurements
from worldgen.evaluate.methods.methods import settings_of
from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.load import finished, load_agent, load_world
from worldgen.evaluate.runs.run import Run, Stage
from worldgen.evaluate.stages.pipeline import CASES, edit_inputs, measure_edits
from worldgen.evaluate.testbed.cases import load_cases, make_cases, save_cases
from worldgen.evaluate.testbed.editing_metrics import ACCURACIES, COHERENCES, LOGICS
from worldgen.evaluate.testbed.questions import make_probes, save_probes
from worldgen.evaluate.testbed.scores import Cells
from worldgen.evaluate.testbed.scoring import Benchmark, score
from worldgen.storage.files import write_text
from worldgen.storage.manifests import inputs_text

HELD_OUT = Stage("held-out cases", (*CASES.sections, "tune"), reads=(CASES,), cheap=True)
Point = tuple[str, ...]  # settings as `--set` takes them


def tune(run: Run, method: str, grid: Sequence[str]) -> dict[str, Any]:
    """Measure every point of a grid, and write RUN/tune/METHOD.json (which is returned) and METHOD.csv.

    Raises UserError for a bad grid before anything is done, and where no point has a score.
    """
    points = read_grid(method, grid)
    runs = [replace(run, config=override(run.config, point)) for point in points]
    hold_cases_out(run)
    rows = []
    for number, (point, its) in enumerate(zip(points, runs, strict=True), start=1):
        run.say(f"point {number} of {len(points)}: {' '.join(point)}")
        rows.append({"settings": list(point)} | _measured(its, method))
    best = best_of(rows)
    options = " ".join(f"--set {shlex.quote(setting)}" for setting in best["settings"])
    found = {"method": method, "cases": run.config.tune.cases, "points": rows, "best": best, "options": options}
    write_text(run.folder / "tune" / f"{method}.json", json.dumps(found, indent=1) + "\n")
    write_text(run.folder / "tune" / f"{method}.csv", as_table(found).to_csv(index=False))
    return found


def read_grid(method: str, grid: Iterable[str]) -> list[Point]:
    """Every combination of "key=value,value,..." settings, the last key's values changing fastest.

    Raises UserError for a key that is not the method's, or that comes twice, and for a key without values.
    """
    values: dict[str, list[str]] = {}
    known = settings_of(method) if method != "none" else []
    for text in grid:
        key, _, listed = text.partition("=")
        if key not in known:
            raise UserError(f"--grid {text!r}: {key!r} is no setting of {method}: {_choice(known)}")
        if key in values:
            raise UserError(f"--grid: {key} comes twice, give all its values at once: {key}=VALUE,VALUE")
        values[key] = [f"{key}={value}" for value in _values(listed)]
        if not values[key]:
            raise UserError(f"--grid {text!r}: write it as key=value,value, e.g. {key}=1,2")
    return list(itertools.product(*values.values()))


def _choice(known: Sequence[str]) -> str:
    return f"choose from {', '.join(known)}" if known else "it has none"


def _values(listed: str) -> list[str]:
    """What stands between the commas; a comma within brackets parts nothing."""
    try:
        return [value if isinstance(value, str) else json.dumps(value) for value in _as_toml(listed)]
    except tomllib.TOMLDecodeError:  # bare words
        return [value.strip() for value in listed.split(",") if value.strip()]


def _as_toml(listed: str) -> list[Any]:
    return tomllib.loads(f"values = [{listed}]")["values"]


def hold_cases_out(run: Run) -> None:
    """Draw cases as the benchmark's are drawn, of facts that none of its requests is about, into RUN/tune/cases."""
    benchmark = load_cases(finished(run.folder / "cases") / "cases.parquet")

    def make(folder: Path) -> dict[str, Any]:
        config = run.config.cases.model_copy(update={"cases": run.config.tune.cases})
        world = load_world(run.folder)
        agent = load_agent(run.folder, world, run.config.agent)
        cases = make_cases(world, agent, config, run.config.seed, apart_from=benchmark)
        save_cases(folder / "cases.parquet", cases)
        save_probes(
            folder / "probes.parquet", make_probes(world, agent, cases, config.certain_weight, config.closing_stop)
        )
        return {"cases": len(cases), "downstream_changes": sum(case.downstream_changes for case in cases)}

    run.carry_out(HELD_OUT, run.folder / "tune" / "cases", run.inputs(HELD_OUT.sections), make)


def _measured(run: Run, method: str) -> dict[str, Any]:
    """A point's score, what it is made of, and what an edit cost."""
    inputs = edit_inputs(run, method) | run.inputs(("tune",))
    name = hashlib.sha256(inputs_text(inputs).encode()).hexdigest()[:12]
    asked, folder = run.folder / "tune" / "cases", run.folder / "tune" / method / name
    measure_edits(run, method, asked, folder, inputs)
    benchmark = Benchmark(
        load_world(run.folder), load_cases(asked / "cases.parquet"), pd.read_parquet(asked / "probes.parquet")
    )
    scores = score(method, benchmark, read_measurements(folder), read_costs(folder), run.config.score, run.config.seed)
    assert scores.cost is not None
    parts = {group: parts_of(scores.groups[group].post) for group in ("all", "downstream_changes")}
    selection = selection_score(parts.values())
    return {"score": selection, "parts": parts, "cost": asdict(scores.cost), "measurements": name}


def parts_of(after: Cells) -> dict[str, float | None]:
    """What a group's metrics after the edit come to, in four parts from 0 to 1; nothing for an empty group.

    request = acc s1r1;  dependent = acc s1r2;  others = (acc s2r1 + acc s2r2) / 2;
    coherence = 1 - (mean error against the agent + mean error against itself) / 2, None if a probability is no number.
    """
    if not after:
        return {}

    def mean(metrics: Sequence[Metric]) -> float:
        return float(np.mean([after[metric.name].mean for metric in metrics]))

    parts = {"request": mean(ACCURACIES[:1]), "dependent": mean(ACCURACIES[1:2]), "others": mean(ACCURACIES[2:])}
    coherence = 1 - (mean(COHERENCES) + mean(LOGICS)) / 2
    return parts | {"coherence": coherence if math.isfinite(coherence) else None}


def selection_score(groups: Iterable[Mapping[str, float | None]]) -> float | None:
    """Mean over the groups that hold cases of the mean of their four parts; None where a part is."""
    values = [value for parts in groups for value in parts.values()]  # as many of every group that holds cases
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if len(numbers) == len(values) else None


def best_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The point with the highest score; of several the one whose edits take fewer operations, or else the first."""
    having = [row for row in rows if row["score"] is not None]
    if not having:
        raise UserError("no point of the grid leaves a model that gives probabilities: try smaller learning rates")
    return max(having, key=lambda row: (row["score"], -row["cost"]["flops_per_edit"]))


def as_table(found: Mapping[str, Any]) -> pd.DataFrame:
    """tune/METHOD.csv: one line a point, in the order of the grid."""
    return pd.DataFrame(
        [
            dict(setting.split("=", 1) for setting in row["settings"])
            | {"score": row["score"]}
            | {f"{group}/{part}": value for group, parts in row["parts"].items() for part, value in parts.items()}
            | row["cost"]
            for row in found["points"]
        ]
    )


def in_words(found: Mapping[str, Any]) -> str:
    """The table for a terminal, and the command that edits with the best point."""
    table = as_table(found).rename(columns=lambda name: name.removeprefix("downstream_changes/"))
    shown = [name for name in map(str, table) if not name.startswith("all/") and name not in ("peak_bytes", "steps")]
    heading = (
        f"{found['method']} on {found['cases']} held-out cases; parts are those where the downstream answer changes"
    )
    numbers = table[shown].to_string(index=False, float_format=lambda value: f"{value:.4g}")
    return "\n".join([heading, numbers, f"best: {found['options']}"])
