"""Reads from a run folder what the report page shows of beliefs (SLAG)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pandas as pd

from worldgen.evaluate.report.graphs.material import GraphMaterial
from worldgen.evaluate.report.material import BeliefMaterial, GridPoint, TunedMethod
from worldgen.evaluate.runs.load import finished_updates
from worldgen.evaluate.slag.graphs.drawn import read_drawn_graph
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.scoring import BY_CONSISTENCY, read_belief_scores
from worldgen.storage.manifests import read_manifest

_SCORES: Final = "slag/scores"
_GRAPHS: Final = "slag/graph"


def belief_stages(run_folder: Path) -> list[str]:
    """Returns the names of SLAG's stages in the order of a run, finished or not; of updates the finished ones."""
    return ["slag/points", "slag/base", "slag/beam", *finished_updates(run_folder), _SCORES,
            *finished_graphs(run_folder)]  # fmt: skip


def read_belief_material(run_folder: Path) -> BeliefMaterial | None:
    """Returns what the page shows of beliefs; None where they are not scored."""
    folder = run_folder / _SCORES
    if read_manifest(folder) is None:
        return None
    return BeliefMaterial(
        detection=read_belief_scores(folder / "detection.json"),
        updates=read_belief_scores(folder / "updates.json"),
        success=pd.read_csv(folder / BY_CONSISTENCY),
        tuned=[_tuned(path) for path in sorted((run_folder / "slag" / "tune").glob("*.json"))],
    )


def finished_graphs(run_folder: Path) -> list[str]:
    """Returns the names of the stages of belief graphs that are finished."""
    folders = sorted((run_folder / _GRAPHS).glob("*"))
    return [f"{_GRAPHS}/{folder.name}" for folder in folders if read_manifest(folder) is not None]


def read_graphs(run_folder: Path) -> list[GraphMaterial]:
    """Returns what the page shows of the run's belief graphs."""
    found = []
    for name in finished_graphs(run_folder):
        folder = run_folder / name
        drawn = read_drawn_graph(folder / "statistics.json")
        nodes, edges = (pd.read_parquet(folder / f"{part}.parquet") for part in ("nodes", "edges"))
        method = folder.name if drawn.task == Task.TF.value else folder.name.removesuffix(f"-{drawn.task}")
        found.append(GraphMaterial(folder.name, method, drawn, nodes, edges))
    return found


def _tuned(path: Path) -> TunedMethod:
    found = json.loads(path.read_text(encoding="utf-8"))
    points = [GridPoint(tuple(point["settings"]), point["scores"]) for point in found["points"]]
    return TunedMethod(path.stem, points, points[found["points"].index(found["best"])])
