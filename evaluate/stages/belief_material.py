"""Reads from a run folder what the report page shows of beliefs (SLAG)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Final

import pandas as pd

from worldgen.evaluate.report.learned.trained_optimizer import TrainedOptimizer
from worldgen.evaluate.report.material import BeliefMaterial, GridPoint, TunedMethod
from worldgen.evaluate.runs.load import finished_updates
from worldgen.evaluate.slag.scoring import BY_CONSISTENCY, read_belief_scores
from worldgen.lm.editors.learned.saved import read_settings
from worldgen.lm.editors.learned.settings import LearnedConfig
from worldgen.lm.editors.learned.training import FINAL
from worldgen.lm.training.saving import HISTORY
from worldgen.storage.manifests import read_manifest

_SCORES: Final = "slag/scores"


def belief_stages(run_folder: Path) -> list[str]:
    """Returns the names of SLAG's stages in the order of a run, finished or not; of updates the finished ones."""
    return ["slag/points", "slag/base", "slag/beam", *finished_updates(run_folder), _SCORES]


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


def read_optimizers(run_folder: Path) -> list[TrainedOptimizer]:
    """Returns the optimizers that were trained on points, by name."""
    folders = [path for path in sorted((run_folder / "optimizers").glob("*")) if read_manifest(path) is not None]
    found = [(folder, read_settings(folder / FINAL)) for folder in folders]
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
