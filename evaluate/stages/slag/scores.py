"""The tables of SLAG: beliefs before any update, and every finished stage of updates. RUN/slag/scores."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.methods.learned_methods import UPDATING
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.slag.detection import DETECTION_METRICS, detect, entailment_by_rule, independence
from worldgen.evaluate.slag.points import TRUE, Task
from worldgen.evaluate.slag.predictions import PointQuestions, Predictions
from worldgen.evaluate.slag.rational import rational_predictions
from worldgen.evaluate.slag.reference import always, majority_answer
from worldgen.evaluate.slag.scoring import BeliefScores, as_table, belief_scores
from worldgen.evaluate.slag.update_metrics import (
    BEFORE_AFTER_METRICS,
    FURTHER_METRICS,
    UPDATE_METRICS,
    before_and_after,
    update_metrics,
)
from worldgen.evaluate.slag.updating.measured_blocks import block_questions, measured_updates
from worldgen.evaluate.stages.slag.points import BASE, POINTS, believed
from worldgen.evaluate.stages.slag.updates import UPDATE_KEYS, blocks_of_task, tasks_of
from worldgen.evaluate.stages.world import AGENT, WORLD
from worldgen.evaluate.statistics.ratios import RatioTable
from worldgen.randomness import generator
from worldgen.storage.files import write_text
from worldgen.storage.manifests import MANIFEST, Inputs, read_manifest


def _score(run: Run, folder: Path) -> Mapping[str, Any]:
    """Scores the beliefs before any update, and every finished stage of updates."""
    detected = [row for task in Task for row in detection_rows(run, task)]
    updated = [row for name in finished_updates(run.folder) for row in rows_of_updates(run, name)]
    for name, rows in (("detection", detected), ("updates", updated)):
        write_text(folder / f"{name}.json", json.dumps([row.as_json() for row in rows], indent=1) + "\n")
        write_text(folder / f"{name}.csv", as_table(rows).to_csv(index=False))
    return {"rows": len(detected) + len(updated)}


def finished_updates(run_folder: Path) -> list[str]:
    """Returns the names of the finished stages of updates: "slag/updates/METHOD/PROTOCOL-R"."""
    folders = sorted(path.parent for path in run_folder.glob(f"slag/updates/*/*/{MANIFEST}"))
    return [folder.relative_to(run_folder).as_posix() for folder in folders]


def _what_is_scored(run: Run) -> Inputs:
    """The metrics, and the hash of what each stage of updates was made of."""
    manifests = {name: read_manifest(run.folder / name) for name in finished_updates(run.folder)}
    metrics = [metric.name for metric in (*DETECTION_METRICS, *UPDATE_METRICS, *FURTHER_METRICS, *BEFORE_AFTER_METRICS)]
    return {"metrics": metrics} | {name: manifest.inputs_hash for name, manifest in manifests.items() if manifest}


SCORES = Stage(
    "slag/scores", _score, ("*.json", "*.csv"), settings=("seed", "score"), reads=(WORLD, AGENT, POINTS, BASE),
    also=_what_is_scored, cheap=True,
)  # fmt: skip


def detection_rows(run: Run, task: Task) -> list[BeliefScores]:
    """Returns the rows of the table of beliefs before any update: the model and the references, on test points."""
    test = believed(run, task).of_split("test")
    if not test.points:
        return []
    world, asked = load_world(run.folder), test.questions.asked
    agent = load_agent(run.folder, world, run.config.agent)
    references = {
        "rational agent": rational_predictions(world, agent, task, asked),
        "majority answer": always(asked, majority_answer(point.main for point in test.points)),
    }
    if task is Task.TF:
        references["always true"] = always(asked, TRUE)
    named = {"model": test.predictions} | references
    return [
        belief_scores(
            task.value, who, _detected(test.questions, said), run.config.score, run.config.seed,
            _independence(test.questions, said, run.config.seed),
        )
        for who, said in named.items()
    ]  # fmt: skip


def _detected(questions: PointQuestions, predictions: Predictions) -> RatioTable:
    """Returns all metrics of detection, and the entailment accuracy of each rule: "entailment R1", ..."""
    detected, by_rule = detect(questions, predictions), entailment_by_rule(questions, predictions)
    rules = {f"entailment {rule}": ratios for rule, ratios in by_rule.columns.items()}
    return RatioTable(detected.rows, {**detected.columns, **rules})


def _independence(questions: PointQuestions, predictions: Predictions, seed: int) -> dict[str, float | None]:
    """Returns how main and neutral predictions go together; None where one of them never varies."""
    found = independence(questions, predictions, generator(seed, "slag independence"))
    numbers = {"neutral_r": found.pearson, "neutral_p": found.p_value}
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}


def rows_of_updates(run: Run, name: str) -> list[BeliefScores]:
    """Returns a row for each task of a finished stage of updates."""
    manifest = read_manifest(run.folder / name)
    assert manifest is not None
    rows, costs = read_measurements(run.folder / name), read_costs(run.folder / name)
    noted = manifest.inputs
    its_run = replace(
        run, config=override(run.config, [f"slag.{key}={json.dumps(noted[f'slag.{key}'])}" for key in UPDATE_KEYS])
    )
    found = []
    for task in tasks_of(its_run, UPDATING[noted["method"]]):
        blocks = blocks_of_task(its_run, task, noted["r"], noted["split"])
        if not blocks:
            continue
        length = sum(len(list(block_questions(block, ()))) for block in blocks)
        some, rows = rows[:length], rows[length:]
        measured = measured_updates(blocks, some, its_run.config.slag.protocol, noted["r"])
        about = {"protocol": noted["slag.protocol"], "r": noted["r"]} | _cost(costs, len(blocks))
        costs = costs[len(blocks) :]
        made, told = update_metrics(measured), before_and_after(measured)
        table = RatioTable(made.rows, {**made.columns, **told.columns})
        found.append(belief_scores(task.value, noted["method"], table, run.config.score, run.config.seed, about))
    return found


def _cost(costs: pd.DataFrame, blocks: int) -> dict[str, float]:
    """The mean cost of one block of updates."""
    some = costs[:blocks]
    return {name: float(some[name].mean()) for name in ("steps", "flops", "seconds")}
