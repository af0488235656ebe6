"""Reads from a run folder what the report page shows of beliefs (SLAG)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Final

import pandas as pd

from worldgen.evaluate.report.graphs.material import GraphMaterial
from worldgen.evaluate.report.learned.trained_optimizer import TrainedOptimizer
from worldgen.evaluate.report.material import BeliefMaterial, GridPoint, TunedMethod
from worldgen.evaluate.runs.load import finished_updates
from worldgen.evaluate.slag.graphs.drawn import read_drawn_graph
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.scoring import BY_CONSISTENCY, read_belief_scores
from worldgen.lm.editors.learned.saved import read_settings
from worldgen.lm.editors.learned.settings import LearnedConfig
from worldgen.lm.editors.learned.training import FINAL
from worldgen.lm.training.saving import HISTORY
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


def read_optimizers(run_folder: Path) -> list[TrainedOptimizer]:
    """Returns the optimizers that were trained on points, by name."""
    trained = (path for path in sorted((run_folder / "optimizers").glob("*")) if read_manifest(path) is not None)
    # `rational` is not trained on points: it is a network of another kind, whose settings have no terms and labels.
    found = [(folder, read_settings(folder / FINAL)) for folder in trained if folder.name != "rational"]
    return [_trained(folder, config) for folder, config in found if isinstance(config, LearnedConfig)]


def _trained(folder: Path, config: LearnedConfig) -> TrainedOptimizer:
    terms = {
        "request": config.main_weight, "paraphrases": config.paraphrase_weight, "entailed": config.entailed_weight,
        "neutral": config.neutral_weight, "random": config.random_weight,
    }  # fmt: skip
    history = pd.read_parquet(folder / HISTORY)
    if "score" not in history:  # it was not validated
        history["score"] = math.nan
    history["updates"] = history["step"] * config.sequence * config.sequences
    return TrainedOptimizer(
        folder.name, ", ".join(name for name, weight in terms.items() if weight), config.labels, config.sequence,
        config.training_steps, config.steps, history,
    )  # fmt: skip


def _tuned(path: Path) -> TunedMethod:
    found = json.loads(path.read_text(encoding="utf-8"))
    points = [GridPoint(tuple(point["settings"]), point["scores"]) for point in found["points"]]
    return TunedMethod(path.stem, points, points[found["points"].index(found["best"])])
