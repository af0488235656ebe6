"""The tables of SLAG: beliefs before any update, and every finished stage of updates. RUN/slag/scores."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from worldgen.bayes.agent import Agent
from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.load import finished_updates
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.slag.detection import DETECTION_METRICS, detect, entailment_by_rule, independence, rule_metric
from worldgen.evaluate.slag.points import TRUE, Task
from worldgen.evaluate.slag.predictions import PointQuestions, Predictions
from worldgen.evaluate.slag.rational import rational_predictions
from worldgen.evaluate.slag.reference import always, majority_answer
from worldgen.evaluate.slag.scoring import (
    BY_CONSISTENCY,
    CONSISTENCY_COLUMNS,
    BeliefScores,
    as_table,
    belief_scores,
)
from worldgen.evaluate.slag.update_metrics import (
    BEFORE_AFTER_METRICS,
    BINS,
    FURTHER_METRICS,
    UPDATE_METRICS,
    before_and_after,
    success_by_consistency,
    update_metrics,
)
from worldgen.evaluate.slag.updating.agent_after import agent_credences
from worldgen.evaluate.slag.updating.measured_blocks import block_questions, measured_updates
from worldgen.evaluate.stages.slag.points import BASE, POINTS, believed, world_and_agent
from worldgen.evaluate.stages.slag.sources import OWN, Sources
from worldgen.evaluate.stages.slag.updates import UPDATE_KEYS, blocks_of_task, points_to_update, tasks_of
from worldgen.evaluate.stages.world import AGENT, WORLD
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import exact_binomial
from worldgen.evaluate.statistics.ratios import RatioTable
from worldgen.randomness import generator
from worldgen.storage.files import write_text
from worldgen.storage.manifests import Inputs, read_manifest
from worldgen.worlds.world import World


def _score(run: Run, folder: Path) -> Mapping[str, Any]:
    """Scores the beliefs before any update, and every finished stage of updates."""
    detected = [row for task in Task for row in detection_rows(run, task)]
    known = world_and_agent(run)
    measured = [updated for name in finished_updates(run.folder) for updated in tables_of_updates(run, name, known)]
    updated = [_row(run, each) for each in measured]
    for name, rows in (("detection", detected), ("updates", updated)):
        write_text(folder / f"{name}.json", json.dumps([row.as_json() for row in rows], indent=1) + "\n")
        write_text(folder / f"{name}.csv", as_table(rows).to_csv(index=False))
    write_text(folder / BY_CONSISTENCY, _by_consistency(run, measured).to_csv(index=False))
    return {"rows": len(detected) + len(updated)}


def _what_is_scored(run: Run) -> Inputs:
    """The metrics, the bins of consistency, and the hash of what each stage of updates was made of."""
    manifests = {name: read_manifest(run.folder / name) for name in finished_updates(run.folder)}
    metrics = [metric.name for metric in (*DETECTION_METRICS, *UPDATE_METRICS, *FURTHER_METRICS, *BEFORE_AFTER_METRICS)]
    made_of = {name: manifest.inputs_hash for name, manifest in manifests.items() if manifest}
    return {"metrics": metrics, "bins": [name for name, *_ in BINS]} | made_of


SCORES = Stage(
    "slag/scores", _score, ("*.json", "*.csv"), settings=("seed", "score"), reads=(WORLD, AGENT, POINTS, BASE),
    also=_what_is_scored, cheap=True,
)  # fmt: skip


def scores(sources: Sources) -> Stage:
    """Returns the stage of the tables of some sources: `SCORES` for the run's own."""

    def what_is_scored(run: Run) -> Inputs:
        return {**SCORES.also(run), **sources.identity}

    if sources is OWN:
        return SCORES
    return replace(SCORES, reads=sources.reads, also=what_is_scored)


def detection_rows(run: Run, task: Task) -> list[BeliefScores]:
    """Returns the rows of the table of beliefs before any update: the model and the references, on test points."""
    test = believed(run, task).of_split("test")
    if not test.points:
        return []
    known, asked = world_and_agent(run), test.questions.asked
    references = {"majority answer": always(asked, majority_answer(point.main for point in test.points))}
    if known is not None:
        references = {"rational agent": rational_predictions(*known, task, asked)} | references
    if task is Task.TF:
        references["always true"] = always(asked, TRUE)
    named = {"model": test.predictions} | references
    return [
        belief_scores(
            task.value, who, detection_table(test.questions, said), run.config.score, run.config.seed,
            _independence(test.questions, said, run.config.seed),
        )
        for who, said in named.items()
    ]  # fmt: skip


def detection_table(questions: PointQuestions, predictions: Predictions) -> RatioTable:
    """Returns all metrics of detection, and the entailment accuracy of each rule: "entailment R1", ..."""
    detected, by_rule = detect(questions, predictions), entailment_by_rule(questions, predictions)
    rules = {rule_metric(rule).name: ratios for rule, ratios in by_rule.columns.items()}
    return RatioTable(detected.rows, {**detected.columns, **rules})


def _independence(questions: PointQuestions, predictions: Predictions, seed: int) -> dict[str, float | None]:
    """Returns how main and neutral predictions go together; None where there is no such number.

    neutral_if_wrong and neutral_if_right are the shares of right neutral predictions by the main prediction; neutral_r
    is their correlation, neutral_p its p value, and the shuffled control lies between the two other numbers in 95%.
    """
    found = independence(questions, predictions, generator(seed, "slag independence"))
    numbers = {
        "neutral_if_wrong": found.table[0, 1], "neutral_if_right": found.table[1, 1], "neutral_r": found.pearson,
        "neutral_p": found.p_value, "neutral_r_shuffled_low": np.quantile(found.shuffled, 0.025),
        "neutral_r_shuffled_high": np.quantile(found.shuffled, 0.975),
    }  # fmt: skip
    return {name: float(value) if math.isfinite(value) else None for name, value in numbers.items()}


class Updated(NamedTuple):
    """The metrics of each block of a method's updates of one task."""

    task: Task
    method: str
    table: RatioTable
    about: Mapping[str, Any]
    """Protocol, r, the points that were updated, dropped and left out, and the mean cost of a block."""


def rows_of_updates(run: Run, name: str) -> list[BeliefScores]:
    """Returns a row for each task of a finished stage of updates, without the distance from the agent."""
    return [_row(run, updated) for updated in tables_of_updates(run, name)]


def _row(run: Run, updated: Updated) -> BeliefScores:
    task, method, table, about = updated
    return belief_scores(task.value, method, table, run.config.score, run.config.seed, about)


def tables_of_updates(run: Run, name: str, known: tuple[World, Agent] | None = None) -> list[Updated]:
    """Returns a table for each task of a finished stage of updates.

    With `known`, the world and its agent, the tables tell the distance from the agent after the same updates.
    """
    manifest = read_manifest(run.folder / name)
    assert manifest is not None
    rows, costs = read_measurements(run.folder / name), read_costs(run.folder / name)
    noted = manifest.inputs
    its_run = replace(
        run, config=override(run.config, [f"slag.{key}={json.dumps(noted[f'slag.{key}'])}" for key in UPDATE_KEYS])
    )
    found = []
    for task in tasks_of(its_run, METHODS[noted["method"]]):
        blocks = blocks_of_task(its_run, task, noted["r"], noted["split"])
        if not blocks:
            continue
        length = sum(len(list(block_questions(block, ()))) for block in blocks)
        some, rows = rows[:length], rows[length:]
        credences = agent_credences(*known, blocks) if known else None
        measured = measured_updates(blocks, some, noted["r"], credences)
        updated = noted["r"] * len(blocks)
        about = {
            "protocol": noted["slag.protocol"], "r": noted["r"], "points": updated,
            "dropped": manifest.rows.get(points_to_update(task), updated) - updated,
            "left_out": sum(block.left_out for block in blocks), "downstream": run.config.agent.reading.text,
            **_cost(costs, len(blocks)),
        }  # fmt: skip
        costs = costs[len(blocks) :]
        made, told = update_metrics(measured), before_and_after(measured)
        found.append(Updated(task, noted["method"], RatioTable(made.rows, {**made.columns, **told.columns}), about))
    return found


def _by_consistency(run: Run, measured: Sequence[Updated]) -> pd.DataFrame:
    """Returns a line for each bin of consistency before the update, of every method's single updates of a task.

    The success of a bin has an exact binomial interval; `pearson` and `left_out` are those of all bins together.
    """
    lines = [
        line for updated in measured if updated.about["r"] == 1 for line in _bins(updated, run.config.score.confidence)
    ]
    return pd.DataFrame(lines, columns=CONSISTENCY_COLUMNS)


def _bins(updated: Updated, confidence: float) -> Iterator[dict[str, Any]]:
    values = updated.table.values
    found = success_by_consistency(values["consistency_before"].to_numpy(), values["usr_main"].to_numpy())
    same = {"task": updated.task.value, "who": updated.method, "protocol": updated.about["protocol"]}
    of_all = {"pearson": found.pearson, "left_out": found.left_out}
    for name, points, successes, _ in found.bins.itertuples():
        share = exact_binomial(int(successes), points, confidence) if points else Interval(*3 * [math.nan])
        yield same | {"bin": name, "points": points} | share._asdict() | of_all


def _cost(costs: pd.DataFrame, blocks: int) -> dict[str, float]:
    """The mean cost of one block of updates."""
    some = costs[:blocks]
    return {name: float(some[name].mean()) for name in ("steps", "flops", "seconds")}
